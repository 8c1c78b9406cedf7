"""How `tag` and `detect` end: what was found and written, where the time went, what failed; and the exit code."""

from __future__ import annotations

from pathlib import Path

from earmark.api import Found, Merged
from earmark.cli.console import NOTHING_DONE, OK, SOME_FAILED, Terminal
from earmark.cli.profiling import profile_lines
from earmark.report.tables import counted


def say_written(terminal: Terminal, found: Found | Merged, folder: Path | None) -> None:
    """Which files were written; many are counted."""
    paths = found.written
    if len(paths) + found.tracks > 5:
        terminal.say(f"wrote {counted(len(paths) + found.tracks, 'file')} into {folder}")
        return
    for path in paths:
        terminal.say(f"wrote {path}")
    if found.tracks:
        terminal.say(f"wrote {counted(found.tracks, 'label track')} into {folder}")


def finish(terminal: Terminal, found: Found, what: str) -> int:
    """Say how much was found, where the time went if that was asked for, and list what failed; the exit code."""
    account, scorer = found.account, found.tagger.scorer
    if account.scored:
        recordings = counted(account.scored, "recording")
        terminal.say(f"{counted(account.items, what)} in {recordings} ({scorer.arithmetic})")
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
