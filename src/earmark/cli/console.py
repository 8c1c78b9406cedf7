"""What the verbs share: two consoles, progress bars, tables, the list of what failed."""

from __future__ import annotations

import sys
import tempfile
import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING, Self, TypeVar

from rich.console import Console
from rich.markup import escape

from earmark.report.meanings import SECTIONS
from earmark.report.tables import Metrics, Table, overall_table, per_class_table, text
from earmark.reporter import Counts, Follow, Progress, Reporter

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

OK, SOME_FAILED, NOTHING_DONE = 0, 1, 2
LEFT_OUT = "clips, rows or labels left out"
MOST_FAULTS = 20  # listed on the terminal
Bar = TypeVar("Bar", bound="StageBar | CountsBar")


class Terminal:
    """Messages and progress on stderr, results on stdout; quiet keeps results and errors."""

    def __init__(self, quiet: bool = False) -> None:
        self.quiet = quiet
        self.out = Console(soft_wrap=True, highlight=False)
        self.err = Console(stderr=True, soft_wrap=True, highlight=False)

    def say(self, message: str) -> None:
        """A message for the person at the terminal."""
        if not self.quiet:
            self.err.print(escape("\n".join(map(printable, message.split("\n")))))

    def print(self, line: str = "") -> None:
        """Lines of results on stdout: as they are, but nothing that a terminal would obey."""
        if self.out.is_terminal:
            line = "\n".join(printable(part, "\t") for part in line.split("\n"))
        self.out.print(line, markup=False)

    def table(self, table: Table, title: str = "") -> None:
        """A table on stdout: folded to the width of a terminal, plain text elsewhere."""
        if not self.out.is_terminal:
            self.print("\n".join(([title] if title else []) + plain_table(table)))
            return
        from rich.table import Table as RichTable

        drawn = RichTable(title=escape(printable(title)) or None, title_justify="left", box=None, pad_edge=False)
        for place, name in enumerate(table.header):
            drawn.add_column(
                escape(printable(name)), justify="left" if _words(table, place) else "right", no_wrap=place == 0
            )
        for row in table.rows:
            drawn.add_row(*(escape(printable(text(value))) for value in row))
        self.out.print(drawn)

    def metrics(self, metrics: Metrics, title: str = "") -> None:
        """The figures of an evaluation, section by section, then class by class."""
        if title:
            self.print(f"{title}\n")
        for section, values in metrics.items():
            self.table(overall_table({section: values}), SECTIONS.get(section, section))
            self.print()
        self.table(per_class_table(metrics))

    def faults(self, lines: Sequence[str], what: str) -> None:
        """What failed, at the end, even when quiet."""
        if not lines:
            return
        self.err.print(escape(f"{what}: {len(lines)}"))
        for line in lines[:MOST_FAULTS]:
            self.err.print(escape(f"  {printable(line)}"))
        if len(lines) > MOST_FAULTS:
            self.err.print(escape(f"  and {len(lines) - MOST_FAULTS} more; all are in {_listed(lines, what)}"))


def printable(text: str, kept: str = "") -> str:
    r"""Text on one line without what a terminal would obey, and without bytes that are no UTF-8.

    Characters in `kept` stay as they are.

    >>> printable("a\x1b[31m.wav"), printable("two\nlines"), printable("caf\udce9.wav"), printable("café")
    ('a\\x1b[31m.wav', 'two\\nlines', 'caf\\xe9.wav', 'café')
    """
    return "".join(letter if letter.isprintable() or letter in kept else _escaped(letter) for letter in text)


def _escaped(letter: str) -> str:
    if "\udc80" <= letter <= "\udcff":  # a byte of a file name
        return f"\\x{ord(letter) - 0xDC00:02x}"
    if unicodedata.category(letter) == "Zs" or letter == "\u200d":  # other spaces, and what joins parts of a letter
        return letter
    return letter.encode("unicode_escape").decode("ascii")


class BarReporter(Reporter):
    """Messages and a progress bar for each stage of work; as a context: no bar is left on the terminal."""

    def __init__(self, terminal: Terminal) -> None:
        self.terminal = terminal
        self._bar: StageBar | CountsBar | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def say(self, text: str) -> None:
        """A message on stderr."""
        self.terminal.say(text)

    def stage(self, text: str) -> Progress | None:
        """A bar for the stage on a terminal; it ends when all is done."""
        return self._draw(StageBar(self.terminal, text))

    def counts(self, text: str) -> Follow | None:
        """A bar that says how fast it goes and what failed."""
        return self._draw(CountsBar(self.terminal, text))

    def _draw(self, bar: Bar) -> Bar | None:
        """The bar in place of the one before; None where no person looks."""
        if self._bar is not None:
            self._bar.stop()
        if self.terminal.quiet or not sys.stderr.isatty():
            return None
        self._bar = bar
        return bar


class CountsBar:
    """A bar for work on many recordings; it starts at its first call and stops when all is done."""

    def __init__(self, terminal: Terminal, title: str) -> None:
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as RichProgress

        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[line]}", markup=False))
        self.bar = RichProgress(*columns, console=terminal.err)
        self.title = title
        self.task: TaskID | None = None

    def __call__(self, counts: Counts) -> None:
        """Show how it stands."""
        if self.task is None:
            self.bar.start()
            self.task = self.bar.add_task(self.title, total=counts.total, line="")
        done = counts.before + counts.done
        self.bar.update(self.task, completed=done, total=counts.total, line=counts_line(counts))
        if counts.total is not None and done >= counts.total:
            self.stop()

    def stop(self) -> None:
        """Leave the terminal tidy."""
        self.bar.stop()


class StageBar:
    """A bar that starts at its first call and stops at its last."""

    def __init__(self, terminal: Terminal, title: str) -> None:
        self.bar, self.title = progress_bar(terminal.err), title
        self.task: TaskID | None = None

    def __call__(self, done: int, total: int) -> None:
        """Show that `done` of `total` is done."""
        if self.task is None:
            self.bar.start()
            self.task = self.bar.add_task(self.title, total=total)
        self.bar.update(self.task, completed=done, total=total)
        if done >= total:
            self.stop()

    def stop(self) -> None:
        """Leave the terminal tidy."""
        self.bar.stop()


def counts_line(counts: Counts) -> str:
    """How a run over many recordings stands, in one line.

    >>> counts_line(Counts(done=300, before=100, failed=2, total=1000, seconds=3000.0, elapsed=60.0))
    '400/1000 (100 before), 5.0 files/s, 50 h of audio per hour, 2 failed, left 2 min'
    """
    done = counts.before + counts.done
    parts = [f"{done}/{'...' if counts.total is None else counts.total}"]
    if counts.before:
        parts[0] += f" ({counts.before} before)"
    if counts.done and counts.elapsed > 0:
        parts.append(f"{counts.done / counts.elapsed:.1f} files/s")
        parts.append(f"{counts.seconds / counts.elapsed:.0f} h of audio per hour")
    if counts.failed:
        parts.append(f"{counts.failed} failed")
    if counts.left is not None:
        parts.append(f"left {minutes(counts.left)}")
    return ", ".join(parts)


def progress_bar(console: Console) -> RichProgress:
    """The look of all progress bars: title, bar, count, time gone, time left."""
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as RichProgress

    return RichProgress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=console,
    )


def _listed(lines: Sequence[str], what: str) -> str:
    """A file of all that failed; it is left for the user, in the folder for temporary files."""
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", errors="backslashreplace", prefix="earmark-problems-", suffix=".txt", delete=False
    ) as file:
        file.write(f"{what}: {len(lines)}\n" + "".join(f"{printable(line)}\n" for line in lines))
    return file.name


def plain_table(table: Table) -> list[str]:
    """Lines of a table, words to the left and numbers to the right.

    >>> plain_table(Table(("class", "F1"), (("dog", 0.5), ("siren", None))))
    ['class     F1', 'dog    0.500', 'siren      –']
    """
    cells = [table.header, *(tuple(text(value) for value in row) for row in table.rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    left = [_words(table, place) for place in range(len(table.header))]
    return ["  ".join(map(_pad, row, widths, left)).rstrip() for row in cells]


def _pad(cell: str, width: int, left: bool) -> str:
    return cell.ljust(width) if left else cell.rjust(width)


def _words(table: Table, place: int) -> bool:
    return any(isinstance(row[place], str) for row in table.rows)


def minutes(seconds: float) -> str:
    """A time for people.

    >>> minutes(42), minutes(600), minutes(9000)
    ('42 s', '10 min', '2.5 h')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
