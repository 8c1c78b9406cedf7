"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

Models = Annotated[
    list[Path],
    typer.Option(
        "--model",
        "-m",
        help=(
            "Model directory, or the name of a public model such as panns/cnn14 or hf:ORG/NAME; several are fused into "
            "one. Default: earmark/everyday, which is part of the package."
        ),
        show_default=False,
    ),
]
ModelArgument = Annotated[Path, typer.Argument(metavar="MODEL", help="Model directory made by 'earmark train'.")]
Data = Annotated[
    Path,
    typer.Argument(
        metavar="DATA",
        help=(
            "Folder of folders (folder name = label), table of labels (CSV, TSV), folder with weak.tsv and strong.tsv, "
            "label files (Audacity, Raven, JAMS, .ann) with their recordings, or a published data set as it is."
        ),
    ),
]
Audio = Annotated[Path | None, typer.Option("--audio", help="Folder of the audio, if it is not beside the table.")]
Separator = Annotated[
    str | None,
    typer.Option(
        "--separator",
        help="What separates several labels in one cell of a table: ';', '|' ..., or list for lists as Python writes "
        "them. Default: a comma in columns called event_labels, labels, tags or classes.",
    ),
]
LabelColumn = Annotated[str | None, typer.Option("--label-column", help="Column of Raven tables that has the labels.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print only results and errors.")]
Profile = Annotated[bool, typer.Option("--profile", help="Print where the time went.")]
Device = Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:1 ...")]
PrecisionName = Literal["auto", "float32", "tf32", "bf16"]
EngineName = Literal["auto", "torch", "onnx"]
Engine = Annotated[
    EngineName, typer.Option("--engine", help="auto: ONNX Runtime for short jobs and where PyTorch is missing.")
]
Precision = Annotated[
    PrecisionName, typer.Option("--precision", help="auto: bf16 if the processor supports it; tf32 is for NVIDIA GPUs.")
]
Inputs = Annotated[
    list[str],
    typer.Argument(
        metavar="INPUT...",
        help="Audio files and folders; folders are searched with their subfolders.",
        show_default=False,
    ),
]
FilesFrom = Annotated[
    list[str],
    typer.Option(
        "--files-from",
        help="List of recordings: a text file with a path on each line, a table (LIST.csv, or LIST.csv:COLUMN), "
        "or - for standard input.",
        show_default=False,
    ),
]
ShardName = Annotated[
    str | None,
    typer.Option("--shard", metavar="i/n", help="Do part i of n of the recordings; 'earmark merge' joins the parts."),
]
Processes = Annotated[
    int | None,
    typer.Option(
        "--processes",
        min=1,
        help="Processes on this machine. Default: one; for many recordings on a GPU as many as processors, which read "
        "and decide while one computes.",
        show_default=False,
    ),
]
Ray = Annotated[str | None, typer.Option("--ray", help="Work on a Ray cluster: its address, or auto.")]
AllowRemote = Annotated[bool, typer.Option("--allow-remote", help="Read inputs that are URLs: s3://, https:// ...")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Begin anew instead of continuing a run that stopped.")]
RetryFailed = Annotated[bool, typer.Option("--retry-failed", help="Try again the recordings in failures.csv.")]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        help="Folder to write to, or a file with the extension of the format. Default: standard output.",
    ),
]
Formats = Annotated[
    list[str],
    typer.Option("--format", "-f", help="csv, tsv, json, dcase2017, parquet, audacity, raven; may be repeated."),
]
TagFormats = Annotated[list[str], typer.Option("--format", "-f", help="csv, tsv, json or dcase2017; may be repeated.")]
MinScore = Annotated[float, typer.Option("--min-score", min=0, max=1, help="Omit tags and events with a lower score.")]
Threshold = Annotated[
    float | None, typer.Option("--threshold", help="Use this threshold for every label instead of the model's own.")
]
OperatingPointFile = Annotated[
    Path | None,
    typer.Option(
        "--operating-point", help="Use this operating point (file, xu2018 or dcase2017) instead of the model's own."
    ),
]
WindowPlan = Annotated[
    str | None,
    typer.Option(
        "--window-plan",
        help="Cut recordings as 'earmark listen' does: live, or seconds of window, stride and look-ahead (10,0.4,0.7), "
        "and perhaps of patience.",
    ),
]
Ontology = Annotated[
    Path | None,
    typer.Option(
        "--ontology",
        help="AudioSet's ontology.json, or a file like it: also write the labels above each one, such as Animal "
        "above Dog.",
    ),
]
SegmentLength = Annotated[
    float, typer.Option("--segment-length", help="Segment length of segment-based metrics, in seconds.")
]
OnsetCollar = Annotated[
    float, typer.Option("--onset-collar", help="Onset tolerance of event-based metrics, in seconds.")
]
OffsetShare = Annotated[
    float,
    typer.Option("--offset-share", help="Offset tolerance of event-based metrics, as a share of the event's length."),
]
Resamples = Annotated[
    int, typer.Option("--resamples", min=0, help="Bootstrap resamples for the 95 % intervals; 0 for no intervals.")
]
Host = Annotated[str, typer.Option("--host", help="Address to listen on; any but this machine's own needs --token.")]
Port = Annotated[int, typer.Option("--port", min=0, max=65_535, help="Port to listen on; 0: any free one.")]
Token = Annotated[
    str | None, typer.Option("--token", envvar="EARMARK_TOKEN", help="What clients must know to be answered.")
]
