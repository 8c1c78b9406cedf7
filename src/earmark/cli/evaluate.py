"""`earmark evaluate`: every metric of a model, or of two, on labelled recordings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from earmark.cli import choices
from earmark.cli.console import LEFT_OUT, OK, SOME_FAILED, BarReporter, Terminal


def command(
    arguments: Annotated[
        list[Path],
        typer.Argument(
            metavar="MODEL [OTHER] DATA", help="Model directory, optionally a second one to compare with, and the data."
        ),
    ],
    audio: choices.Audio = None,
    separator: choices.Separator = None,
    label_column: choices.LabelColumn = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the metrics to this file.")] = None,
    report: Annotated[
        Path | None,
        typer.Option("--report", help="Write an HTML report with tables, figures and sounds into this folder."),
    ] = None,
    shown: Annotated[int, typer.Option("--shown", min=0, help="Number of recordings of each kind in the report.")] = 4,
    sounds: Annotated[
        bool, typer.Option("--sounds/--no-sounds", help="Whether the report contains their sound.")
    ] = True,
    segment_length: choices.SegmentLength = 1.0,
    onset_collar: choices.OnsetCollar = 0.2,
    offset_share: choices.OffsetShare = 0.2,
    resamples: choices.Resamples = 1000,
    threshold: choices.Threshold = None,
    operating_point: choices.OperatingPointFile = None,
    device: choices.Device = "auto",
    precision: choices.Precision = "auto",
    quiet: choices.Quiet = False,
) -> None:
    """Measure a model on labelled recordings, or compare two.

    Computes metrics of tagging and, with strong labels, of segment-, event- and intersection-based detection and PSDS.
    With a second model, both are measured on the same recordings, and the difference is tested for significance.
    """
    from earmark import api
    from earmark.errors import ConfigError
    from earmark.files import check_file, json_text, write_text
    from earmark.report.comparison import comparison_table, difference_table

    *models, data = arguments
    if len(models) not in (1, 2):
        raise ConfigError(f"expected MODEL DATA or MODEL OTHER DATA, got {len(arguments)} paths")
    check_file(json_file)
    terminal = Terminal(quiet)
    with BarReporter(terminal) as reporter:
        found = api.evaluate(
            models,
            data,
            audio=audio,
            separator=separator,
            label_column=label_column,
            report=report,
            shown=shown,
            sounds=sounds,
            segment_length=segment_length,
            onset_collar=onset_collar,
            offset_share=offset_share,
            resamples=resamples,
            threshold=threshold,
            operating_point=operating_point,
            device=device,
            precision=precision,
            reporter=reporter,
        )
    if found.comparison is None:
        terminal.metrics(found.measured[0].metrics)
    else:
        names = found.comparison.names
        terminal.table(comparison_table(found.comparison), f"{names[1]} against {names[0]}")
        terminal.print()
        terminal.table(difference_table(found.comparison))
    if json_file is not None:
        write_text(json_file, json_text(found.to_json(), indent=2) + "\n")
        terminal.say(f"wrote {json_file}")
    if found.report is not None:
        terminal.say(f"wrote {found.report}")
    terminal.faults([str(problem) for problem in found.problems], LEFT_OUT)
    raise typer.Exit(SOME_FAILED if found.problems else OK)
