"""`earmark doctor`: what is wrong with a data set, and what it holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from earmark.cli import choices
from earmark.cli.console import OK, SOME_FAILED, BarReporter, Terminal, minutes
from earmark.errors import counted

if TYPE_CHECKING:
    from earmark.data.datasets.dcase2017 import Presence


def command(
    data: choices.Data,
    audio: choices.Audio = None,
    separator: choices.Separator = None,
    label_column: choices.LabelColumn = None,
    quiet: choices.Quiet = False,
) -> None:
    """List what is wrong with a data set.

    Clips that are missing, unreadable, silent, duplicated, too short or mislabelled. The exit code is 1 if
    there are any.
    """
    from earmark.data.datasets.dcase2017 import presence
    from earmark.data.doctor import examine
    from earmark.data.manifest import Reading
    from earmark.report.tables import Table

    terminal = Terminal(quiet)
    _tell_presence(terminal, presence(data, audio))
    with BarReporter(terminal) as reporter:
        reading = Reading(separator, label_column)
        found = examine(data, audio=audio, reading=reading, progress=reporter.stage("reading"))
    terminal.print(
        f"{counted(found.clips, 'clip')}, {minutes(found.seconds)} of sound, {counted(len(found.labels), 'label')}, "
        f"{counted(found.unlabelled, 'clip')} without any"
    )
    for name, clips in found.formats:
        terminal.print(f"  {clips:6d}  {name}")
    rows = tuple((row.label, row.clips, row.seconds, row.event_seconds) for row in found.labels)
    terminal.table(Table(("label", "clips", "seconds", "seconds of events"), rows))
    for title, problems in (("worth a look", found.notes), ("to be mended", found.problems)):
        if problems:
            terminal.print(f"\n{title}: {len(problems)}")
            for problem in problems:
                terminal.print(f"  {problem.kind:<11} {problem}")
    if found.ok:
        terminal.print("\nno problems found")
    raise typer.Exit(OK if found.ok else SOME_FAILED)


def _tell_presence(terminal: Terminal, lists: Sequence[Presence]) -> None:
    """How many clips of each published list are there, and of each label."""
    from earmark.formats.dcase2017 import in_class_order
    from earmark.report.tables import Table, Value

    if not lists:
        return
    for part in lists:
        terminal.print(f"{part.part}: {part.there:,} of {part.listed:,} clips present")
    counts = {(part.part, label): (there, listed - there) for part in lists for label, listed, there in part.labels}
    labels = in_class_order(label for _, label in counts)
    header = ("label", *(word for part in lists for word in (part.part, "missing")))
    rows: tuple[tuple[Value, ...], ...] = tuple(
        (label, *(number for part in lists for number in counts.get((part.part, label), (0, 0)))) for label in labels
    )
    terminal.table(Table(header, rows))
    terminal.print()
