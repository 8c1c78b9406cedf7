"""What the verbs share: two consoles, progress bars, tables, the list of what failed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table as RichTable

from earmark.report.tables import Table, text

OK, SOME_FAILED, NOTHING_DONE = 0, 1, 2
MOST_FAULTS = 20  # listed on the terminal


class Terminal:
    """Messages and progress on stderr, results on stdout; quiet keeps results and errors."""

    def __init__(self, quiet: bool = False) -> None:
        self.quiet = quiet
        self.out = Console(soft_wrap=True, highlight=False)
        self.err = Console(stderr=True, soft_wrap=True, highlight=False)

    def say(self, message: str) -> None:
        """A message for the person at the terminal."""
        if not self.quiet:
            self.err.print(escape(message))

    def table(self, table: Table, title: str = "") -> None:
        """A table on stdout."""
        drawn = RichTable(title=escape(title) or None, title_justify="left", box=None, pad_edge=False)
        for place, name in enumerate(table.header):
            words = any(isinstance(row[place], str) for row in table.rows)
            drawn.add_column(escape(name), justify="left" if words else "right", no_wrap=place == 0)
        for row in table.rows:
            drawn.add_row(*(escape(text(value)) for value in row))
        # A pipe or file has no width to fold to.
        console = self.out if self.out.is_terminal else Console(width=200, soft_wrap=True, highlight=False)
        console.print(drawn)

    def faults(self, lines: Sequence[str], what: str) -> None:
        """What failed, at the end, even when quiet."""
        if not lines:
            return
        self.err.print(escape(f"{len(lines)} {what}:"))
        for line in lines[:MOST_FAULTS]:
            self.err.print(escape(f"  {line}"))
        if len(lines) > MOST_FAULTS:
            self.err.print(f"  and {len(lines) - MOST_FAULTS} more")

    @contextmanager
    def bar(self, title: str) -> Iterator[Callable[[int, int], None] | None]:
        """A progress bar on a terminal, nothing elsewhere; yields a function of (done, all)."""
        if self.quiet or not sys.stderr.isatty():
            yield None
            return
        with progress_bar(self.err) as progress:
            task = progress.add_task(title, total=None)
            yield lambda done, total: progress.update(task, completed=done, total=total)


def progress_bar(console: Console) -> Progress:
    """The look of all progress bars: title, bar, count, time gone, time left."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=console,
    )
