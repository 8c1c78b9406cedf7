"""How `tag` and `detect` end: what was found and written, where the time went, what failed; and the exit code."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from earmark.api import Found
from earmark.cli.console import NOTHING_DONE, OK, SOME_FAILED, Terminal
from earmark.cli.profiling import profile_lines
from earmark.report.tables import counted


def say_written(terminal: Terminal, paths: Sequence[Path], folder: Path | None) -> None:
    """Which files were written; many are counted."""
    if len(paths) > 5:
        terminal.say(f"wrote {counted(len(paths), 'file')} into {folder}")
    else:
        for path in paths:
            terminal.say(f"wrote {path}")


def finish(terminal: Terminal, found: Found, total: int, what: str) -> int:
    """Say how much was found, where the time went if that was asked for, and list what failed; the exit code."""
    account, scorer = found.account, found.pipeline.scorer
    if account.scored:
        recordings = counted(account.scored, "recording")
        terminal.say(f"{counted(total, what)} in {recordings} ({scorer.arithmetic})")
    if found.watch is not None:
        for line in profile_lines(found.watch, scorer, account.scored, account.seconds):
            terminal.err.print(line, markup=False)  # asked for, so printed even when quiet
    for line in found.notices:
        terminal.say(line)
    terminal.faults(account.partial, "recordings that could be read only in part")
    terminal.faults(account.failed, "recordings that could not be used")
    if found.complete:
        return OK
    return SOME_FAILED if account.scored else NOTHING_DONE
