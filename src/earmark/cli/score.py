"""`earmark score`: the metrics from label files alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from earmark.cli import choices
from earmark.cli.console import OK, SOME_FAILED, Terminal


def command(
    reference: Annotated[Path, typer.Argument(metavar="REFERENCE", help="Label file with the ground truth.")],
    estimate: Annotated[
        Path,
        typer.Argument(metavar="ESTIMATE", help="Label file, or folder of score tables, with the output of a system."),
    ],
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the metrics to this file.")] = None,
    protocol: Annotated[
        Literal["dcase2017-a", "dcase2017-b"] | None,
        typer.Option(
            "--protocol",
            help="Count as the scorers of DCASE2017 task 4 do: dcase2017-a for tagging, dcase2017-b for detection.",
        ),
    ] = None,
    segment_length: choices.SegmentLength = 1.0,
    onset_collar: choices.OnsetCollar = 0.2,
    offset_share: choices.OffsetShare = 0.2,
    resamples: choices.Resamples = 1000,
    ignore_unknown: Annotated[
        bool, typer.Option("--ignore-unknown", help="Ignore labels and recordings that the reference does not have.")
    ] = False,
    reference_format: Annotated[
        str | None,
        typer.Option(
            "--reference-format", help="Format of REFERENCE if it is a folder with several: audacity, raven, jams."
        ),
    ] = None,
    estimate_format: Annotated[
        str | None, typer.Option("--estimate-format", help="Format of ESTIMATE, likewise.")
    ] = None,
    separator: choices.Separator = None,
    label_column: choices.LabelColumn = None,
    quiet: choices.Quiet = False,
) -> None:
    """Compare two label files, without a model.

    Reads DCASE TSV, CSV, JSON, and folders of Audacity or Raven files. ESTIMATE may also be a folder of score
    tables, one per recording (columns onset, offset, and one per class); PSDS is then computed as well.
    """
    from earmark import api
    from earmark.cli.protocol import show_protocol
    from earmark.errors import ConfigError
    from earmark.files import check_file, json_text, write_text

    check_file(json_file)
    terminal = Terminal(quiet)
    problems: tuple[str, ...] = ()
    if protocol is not None:
        if (segment_length, onset_collar, offset_share, ignore_unknown) != (1.0, 0.2, 0.2, False):
            raise ConfigError(
                f"--protocol {protocol} fixes the counting rules; remove --segment-length, --onset-collar, "
                "--offset-share and --ignore-unknown"
            )
        scored = api.score_protocol(reference, estimate, protocol)
        show_protocol(terminal, scored)
        metrics = scored.to_json()
    else:
        evaluation = api.score(
            reference,
            estimate,
            segment_length=segment_length,
            onset_collar=onset_collar,
            offset_share=offset_share,
            ignore_unknown=ignore_unknown,
            resamples=resamples,
            reference_format=reference_format,
            estimate_format=estimate_format,
            separator=separator,
            label_column=label_column,
        )
        metrics, problems = evaluation.to_json(), evaluation.problems
        terminal.metrics(metrics)
        if "tagging" in metrics and "segment" not in metrics:
            terminal.say("reference or estimate has only tags: no segment, event and intersection metrics")
    if json_file is not None:
        write_text(json_file, json_text(metrics, indent=2) + "\n")
        terminal.say(f"wrote {json_file}")
    terminal.faults(problems, "counted, but worth a look")
    raise typer.Exit(SOME_FAILED if problems else OK)
