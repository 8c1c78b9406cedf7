"""How `earmark score --protocol` shows the figures of an official protocol."""

from __future__ import annotations

from dataclasses import astuple

from earmark.cli.console import Terminal
from earmark.metrics.dcase2017 import TaskA, TaskB
from earmark.metrics.files import Scored
from earmark.report.tables import Table, Value

_TAGS = ("precision", "recall", "F1", "right", "wrong", "missed")
_SEGMENTS = ("F1", "error rate", "precision", "recall", "substitutions", "deletions", "insertions", "true", "reported")


def show_protocol(terminal: Terminal, scored: Scored) -> None:
    """Averages, then class by class, on stdout; what did not count, on stderr."""
    averages, classes, title = _task_a(scored.result) if isinstance(scored.result, TaskA) else _task_b(scored.result)
    terminal.table(averages, title)
    terminal.print()
    terminal.table(classes)
    for note in scored.notes:
        terminal.say(note)


def _task_a(result: TaskA) -> tuple[Table, Table, str]:
    macro: tuple[Value, ...] = (f"macro ({result.classes} classes)", *astuple(result.macro), None, None, None)
    averages = Table(("average", *_TAGS), (("micro (clips)", *astuple(result.micro)), macro))
    rows = tuple((label, *astuple(score)) for label, score in result.per_class.items())
    title = f"DCASE2017 task 4 A, tagging: {result.files} files, {result.scored} scored"
    return averages, Table(("class", *_TAGS), rows), title


def _over(result: TaskB) -> str:
    """Over how many classes the macro figures are means."""
    fewer = f", F1 and precision: {result.reported}" if result.reported < result.classes else ""
    return f"macro ({result.classes} classes{fewer})"


def _task_b(result: TaskB) -> tuple[Table, Table, str]:
    one, mean = result.micro, result.macro
    micro: tuple[Value, ...] = (
        *("micro (seconds)", one.f1, one.error_rate, one.precision, one.recall),
        *(one.substitutions, one.deletions, one.insertions, one.reference, one.estimated),
    )
    macro: tuple[Value, ...] = (
        *(_over(result), mean.f1, mean.error_rate, mean.precision, mean.recall),
        *(None, None, None, None, None),
    )
    rows: tuple[tuple[Value, ...], ...] = tuple(
        (
            *(label, row.f1, row.error_rate, row.precision, row.recall),
            *(None, row.deletions, row.insertions, row.reference, row.estimated),
        )
        for label, row in one.per_class.items()
    )
    title = f"DCASE2017 task 4 B, detection in seconds: {result.scored} files scored"
    return Table(("average", *_SEGMENTS), (micro, macro)), Table(("class", *_SEGMENTS), rows), title
