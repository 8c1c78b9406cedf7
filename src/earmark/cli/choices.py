"""Options that several verbs share, said once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

Models = Annotated[
    list[Path],
    typer.Option(
        "--model",
        "-m",
        help="Model directory, or a public model by name: panns/cnn14; several are fused into one. "
        "Default: earmark/everyday, which is in the package.",
        show_default=False,
    ),
]
ModelArgument = Annotated[Path, typer.Argument(metavar="MODEL", help="Model directory made by 'earmark train'.")]
Data = Annotated[
    Path,
    typer.Argument(
        metavar="DATA",
        help="Folder of folders (folder name = label), CSV/TSV of labels, folder with weak.tsv / "
        "strong.tsv, or a DCASE2017 task 4 folder (FOLDER/testing: that part).",
    ),
]
Audio = Annotated[Path | None, typer.Option("--audio", help="Folder of the audio, where it is not beside the table.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no messages; errors stay.")]
Profile = Annotated[bool, typer.Option("--profile", help="Say at the end where the time went.")]
Device = Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:1 ...")]
PrecisionName = Literal["auto", "float32", "bf16"]
Precision = Annotated[PrecisionName, typer.Option("--precision", help="auto: bf16 where the processor has it.")]
Inputs = Annotated[list[Path], typer.Argument(metavar="INPUT...", help="Audio files and folders (searched whole).")]
Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", help="Folder to write to, or a file of the format's extension. Default: stdout."),
]
Formats = Annotated[
    list[str],
    typer.Option("--format", "-f", help="csv, tsv, json, dcase2017, audacity, raven; may be given several times."),
]
TagFormats = Annotated[
    list[str], typer.Option("--format", "-f", help="csv, tsv, json or dcase2017; may be given several times.")
]
MinScore = Annotated[float, typer.Option("--min-score", min=0, max=1, help="Leave out what scores lower.")]
Threshold = Annotated[
    float | None, typer.Option("--threshold", help="One threshold for every label, in place of the model's own.")
]
OperatingPointFile = Annotated[
    Path | None,
    typer.Option(
        "--operating-point", help="Decide by this file, or by name (xu2018, dcase2017), in place of the model's own."
    ),
]
SegmentLength = Annotated[float, typer.Option("--segment-length", help="Of segment-based metrics, seconds.")]
OnsetCollar = Annotated[float, typer.Option("--onset-collar", help="Of event-based metrics, seconds.")]
OffsetShare = Annotated[
    float, typer.Option("--offset-share", help="Offset collar: at least this share of the event's length.")
]
Resamples = Annotated[
    int, typer.Option("--resamples", min=0, help="Draws of recordings for the 95 % intervals; 0: no intervals.")
]
