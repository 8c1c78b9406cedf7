"""`earmark doctor`: what is wrong with a data set, and what it holds."""

from __future__ import annotations

import typer

from earmark.cli import choices
from earmark.cli.console import OK, SOME_FAILED, Terminal, count, minutes


def command(data: choices.Data, audio: choices.Audio = None, quiet: choices.Quiet = False) -> None:
    """List what is missing, unreadable, silent, duplicated, too short or mislabelled; exit code 1 if anything is."""
    from earmark.data.doctor import examine
    from earmark.report.tables import Table

    terminal = Terminal(quiet)
    with terminal.bar("listening") as bar:
        found = examine(data, audio=audio, progress=bar)
    terminal.print(
        f"{count(found.clips, 'clip')}, {minutes(found.seconds)} of sound, {count(len(found.labels), 'label')}, "
        f"{count(found.unlabelled, 'clip')} without any"
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
        terminal.print("\nnothing to mend")
    raise typer.Exit(OK if found.ok else SOME_FAILED)
