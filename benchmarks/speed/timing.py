"""What the speed benchmarks share: sides in processes of their own that take turns, medians, the table.

A comparison has two sides, ours (`ours/`) and a rival (`rivals/`), each in a process (`Worker`) with so many threads
and its own settings: what ours does to the allocator, or to denormals, the rival never sees. `take_turns` lets them do
a job one after the other, again and again, so that a machine that slows down slows both; a row is the medians of both,
and the ratio of each turn with its spread.

    with Worker("rivals.logmel:torchlibrosa") as theirs, Worker("ours.logmel:start") as ours:
        took = take_turns({"theirs": theirs, "ours": ours}, "batch", turns=5)

Nothing is imported here but the standard library; the sides import what they need in their own process.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

ROOT = pathlib.Path(__file__).parents[2]
SOURCE = ROOT / "src"


class MissingRivalError(Exception):
    """A side cannot be made here: a package is not installed."""


class FailedError(RuntimeError):
    """A job raised something; its process goes on."""


class EndedError(RuntimeError):
    """The process of a side has ended."""


@dataclass(frozen=True)
class Turn:
    """One job, done."""

    seconds: float
    processor: float  # seconds of all threads together
    result: Any
    peak: float  # MB that the process has held at most


class Worker:
    """A side of a comparison in a process of its own; `target` is the `module:function` that makes it.

    Modules of `ours` and `rivals` are named from there.
    """

    def __init__(
        self, target: str, options: Mapping[str, Any] | None = None, *, threads: int = 1, python: str = sys.executable
    ) -> None:
        paths = [str(SOURCE), str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        counts = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(threads))
        if python != sys.executable:
            paths.remove(str(SOURCE))  # an environment of the rival's own, which holds what it needs
        self.target = target
        if target.startswith(("ours.", "rivals.")):
            target = f"benchmarks.speed.{target}"
        self._process = subprocess.Popen(
            [python, "-m", "benchmarks.speed.worker", target, json.dumps(dict(options or {}))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **counts, "PYTHONPATH": os.pathsep.join(paths)},
        )
        answer = self._answer()
        if "missing" in answer:
            self.close()
            raise MissingRivalError(f"{target} needs the package {answer['missing']!r}, which is not installed")
        self.jobs: list[str] = answer["ready"]
        self.memory: float = answer["memory"]  # MB held when it was made

    def do(self, job: str, *given: Any) -> Turn:
        """Do a job once."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"job": job, "given": given}) + "\n")
        self._process.stdin.flush()
        answer = self._answer()
        if "failed" in answer:
            raise FailedError(f"{self.target}, {job}:\n{answer['failed']}")
        return Turn(**answer)

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def kill(self) -> None:
        """End the process now, whatever it does."""
        self._process.kill()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise EndedError(f"{self.target} ended with code {self._process.wait()}; see above")
        found: dict[str, Any] = json.loads(line)
        return found

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def take_turns(
    sides: Mapping[str, tuple[Worker, str] | Worker], job: str, turns: int, *given: Any, warm: bool = True
) -> dict[str, list[Turn]]:
    """Every side does the job, then every side again, each turn begun by another side; first once untimed (`warm`).

    A side is a worker, or a worker and its own name for the job.
    """
    named = {name: side if isinstance(side, tuple) else (side, job) for name, side in sides.items()}
    order = list(named)
    found: dict[str, list[Turn]] = {name: [] for name in order}
    for name in order if warm else ():
        named[name][0].do(named[name][1], *given)
    for turn in range(turns):
        shift = turn % len(order)
        for name in order[shift:] + order[:shift]:
            worker, own = named[name]
            found[name].append(worker.do(own, *given))
    return found


def seconds(turns: Iterable[Turn]) -> list[float]:
    return [turn.seconds for turn in turns]


def rates(turns: Iterable[Turn]) -> list[float]:
    """What a job returned, a second."""
    return [turn.result / turn.seconds for turn in turns]


@dataclass(frozen=True)
class Row:
    """A line of a comparison: seconds of each turn on both sides, in the order they were taken."""

    job: str
    rival: str
    theirs: Sequence[float]
    ours: Sequence[float]
    wanted: float | None = None  # times faster than the rival
    amount: float = 1.0  # of `unit` in a turn

    @property
    def ratio(self) -> float:
        """How many times faster ours is, by the medians."""
        return statistics.median(self.theirs) / statistics.median(self.ours)


def table(rows: Iterable[Row], unit: str) -> list[str]:
    """The lines of a Markdown table: `unit` a second of both sides, the ratio, and what was wanted.

    The figures in brackets are the least and the most over the turns.
    """
    return [
        f"| job | rival | rival, {unit}/s | earmark, {unit}/s | ratio | target |",
        "|---|---|---:|---:|---:|---:|",
        *(
            f"| {row.job} | {row.rival} | {speed(row.theirs, row.amount)} | {speed(row.ours, row.amount)} "
            f"| {ratio_text(row)} | {wanted_text(row.ratio, row.wanted)} |"
            for row in rows
        ),
    ]


def speed(taken: Sequence[float], amount: float) -> str:
    """Median of amount a second, with its spread.

    >>> speed([1.0, 2.0, 4.0], amount=8)
    '4.00 (2.00-8.00)'
    """
    return spread([amount / each for each in taken])


def spread(values: Sequence[float], unit: str = "") -> str:
    """Median, least and most.

    >>> spread([3.0, 1.0, 200.0], " x")
    '3.00 (1.00-200) x'
    """
    middle, least, most = (figure(value) for value in (statistics.median(values), min(values), max(values)))
    return f"{middle} ({least}-{most}){unit}" if len(values) > 1 else f"{middle}{unit}"


def figure(value: float) -> str:
    """Three figures.

    >>> [figure(value) for value in (0.0123, 1.5, 23.44, 1234.5)]
    ['0.0123', '1.50', '23.4', '1,234']
    """
    size = abs(value)
    if size >= 100 or value == 0:
        return f"{value:,.0f}"
    return f"{value:.1f}" if size >= 10 else f"{value:.2f}" if size >= 1 else f"{value:.3g}"


def ratio_text(row: Row) -> str:
    """The ratio of the medians, and the least and most of a turn."""
    each = [theirs / ours for theirs, ours in zip(row.theirs, row.ours, strict=False)]
    around = f" ({figure(min(each))}-{figure(max(each))})" if len(each) > 1 else ""
    return f"**{figure(row.ratio)} x**{around}"


def wanted_text(reached: float, wanted: float | None) -> str:
    """What was wanted, and whether it was reached.

    >>> wanted_text(2.0, 3.0), wanted_text(3.0, 3.0), wanted_text(3.0, None)
    ('3 x: missed', '3 x: met', '')
    """
    return "" if wanted is None else f"{wanted:g} x: {'met' if reached >= wanted else 'missed'}"


def line_fit(work: Sequence[float], cost: Sequence[float]) -> tuple[float, float, float]:
    """The straight line cost = start + each * work with the least relative errors, and the largest of these.

    Relative, since costs span powers of ten: every point counts as much as any other.

    >>> start, each, error = line_fit([10, 100, 1000], [3.0, 21.0, 201.0])
    >>> round(start, 6), round(each, 6), round(error, 6)
    (1.0, 0.2, 0.0)
    """
    weights = [1 / value**2 for value in cost]
    total = sum(weights)
    mean_work = sum(w * x for w, x in zip(weights, work, strict=True)) / total
    mean_cost = sum(w * y for w, y in zip(weights, cost, strict=True)) / total
    both = sum(w * (x - mean_work) * (y - mean_cost) for w, x, y in zip(weights, work, cost, strict=True))
    each = both / sum(w * (x - mean_work) ** 2 for w, x in zip(weights, work, strict=True))
    start = mean_cost - each * mean_work
    return start, each, max(abs(start + each * x - y) / y for x, y in zip(work, cost, strict=True))


def arguments(doc: str, turns: int) -> argparse.ArgumentParser:
    """A parser with what every speed benchmark takes."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=turns, help="times that each side does a job")
    parser.add_argument("--quick", action="store_true", help="a smoke run of a few seconds; its figures mean nothing")
    parser.add_argument("--write", action="store_true", help="write the table into docs/benchmarks.md")
    return parser


def parsed(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """The arguments; a smoke run is never written into the docs."""
    asked = parser.parse_args()
    if asked.quick and asked.write:
        parser.error("--quick measures too little to be written into the docs; remove --quick or --write")
    if asked.quick:
        asked.turns = min(asked.turns, 2)
    return asked


def publish(name: str, lines: Sequence[str], asked: argparse.Namespace, packages: Sequence[str] = ()) -> None:
    """Print a section of docs/benchmarks.md; with `--write` it goes there. `packages`: rivals whose version is told."""
    sys.path.insert(0, str(SOURCE))
    from benchmarks.sections import machine, replace_section

    told = versions(packages)
    words = [named_python(word) for word in sys.argv[1:]]
    program = f"benchmarks.speed.{pathlib.Path(sys.argv[0]).stem}"
    write = [] if asked.quick else ["--write"]
    command = " ".join(["python -m", program, *(word for word in words if word != "--write"), *write])
    text = "\n".join([*lines, "", f"{told}Command: `{command}`. {machine()}"])
    print(("A smoke run: the figures mean nothing.\n\n" if asked.quick else "") + text)
    if asked.write:
        replace_section("benchmarks.md", name, text, title="# Benchmarks")


def named_python(word: str) -> str:
    """A word of a command line; of an interpreter elsewhere its environment's name alone.

    >>> named_python("/REF/bin/python"), named_python("--turns")
    ('REF/bin/python', '--turns')
    """
    path = pathlib.PurePath(word)
    python = path.is_absolute() and path.parent.name == "bin" and path.name.startswith("python")
    return "/".join(path.parts[-3:]) if python else word


def versions(packages: Sequence[str]) -> str:
    """Names and versions of the packages that are installed here, as a sentence."""
    import importlib.metadata

    found = []
    for name in packages:
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    return f"{', '.join(found)}. " if found else ""
