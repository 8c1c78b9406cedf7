"""`earmark doctor`: what is wrong with a data set, and what it holds."""

from __future__ import annotations

import typer

from earmark.cli import choices
from earmark.cli.console import OK, SOME_FAILED, Terminal


def command(data: choices.Data, audio: choices.Audio = None, quiet: choices.Quiet = False) -> None:
    """List what is missing, unreadable, silent, duplicated, too short or mislabelled; exit code 1 if anything is."""
    from earmark.cli.training_progress import minutes
    from earmark.data.doctor import examine
    from earmark.report.tables import Table

    terminal = Terminal(quiet)
    with terminal.bar("listening") as bar:
        found = examine(data, audio=audio, progress=bar)
    terminal.out.print(
        f"{found.clips} clips, {minutes(found.seconds)} of sound, {len(found.labels)} labels, "
        f"{found.unlabelled} clips without any"
    )
    for name, count in found.formats:
        terminal.out.print(f"  {count:6d}  {name}")
    rows = tuple((row.label, row.clips, row.seconds, row.event_seconds) for row in found.labels)
    terminal.table(Table(("label", "clips", "seconds", "seconds of events"), rows))
    for title, problems in (("worth a look", found.notes), ("to be mended", found.problems)):
        if problems:
            terminal.out.print(f"\n{title}: {len(problems)}")
            for problem in problems:
                terminal.out.print(f"  {problem.kind:<11} {problem}", markup=False)
    if found.ok:
        terminal.out.print("\nnothing to mend")
    raise typer.Exit(OK if found.ok else SOME_FAILED)
