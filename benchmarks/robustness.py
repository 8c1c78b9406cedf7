"""Whatever is put in: no traceback, no hang, no loss in silence.

    python -m benchmarks.robustness --minutes 5            # every kind, as many cases as that allows
    python -m benchmarks.robustness --kind audio --cases 20000 --seed 1
    python -m benchmarks.robustness --kind audio --seed 1 --only 4711 --keep failed/

Good inputs are made, changed as disks, programs and people change them (`odd/`), and read by earmark in a process of
its own with a limit on time. For each form of input the table counts what became of the cases:

    read      as a whole, or as much as there can be known to be
    in part   and the reader said so
    refused   in one line by an `EarmarkError`
    losses    less was read than there is, and nothing was said
    wrong     something was given out that should never be (a sample that is not a number)
    faults    any other exception, or a `FaultError` (a fault that was contained)
    hangs     longer than the limit
    crashes   the process died

The exit code is 1 where one of the last five is not 0. A case follows from (kind, seed, number) alone.
"""

from __future__ import annotations

import argparse
import importlib
import multiprocessing
import resource
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

KINDS = {  # name: module with `cases()`
    "audio": "benchmarks.odd.audio",
    "models": "benchmarks.odd.models",
    "tables": "benchmarks.odd.tables",
}
GOOD = ("read", "in part", "refused")
BAD = ("losses", "wrong", "faults", "hangs", "crashes")
STARTING = 120.0  # seconds for the first case of a process, which imports everything
SHOWN = 10  # failures whose details are printed


@dataclass(frozen=True)
class Outcome:
    """What became of one case."""

    number: int
    form: str
    change: str
    verdict: str
    detail: str = ""


def main() -> None:
    sys.path.insert(0, str(Path(__file__).parents[1]))  # so that it runs as a file as well
    options = _options()
    until = None if options.minutes is None else time.monotonic() + 60 * options.minutes
    failed = False
    for kind in options.kind or list(KINDS):
        numbers = [options.only] if options.only is not None else range(options.cases)
        share = (
            None
            if until is None
            else time.monotonic() + (until - time.monotonic()) / max(1, len(options.kind or KINDS))
        )
        outcomes = list(run(kind, options.seed, numbers, options.limit, share, options.keep))
        failed |= report(kind, options.seed, outcomes)
    sys.exit(1 if failed else 0)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kind", action="append", choices=list(KINDS), help="what is tried; default: everything")
    parser.add_argument("--cases", type=int, default=1_000_000, help="at most, of each kind")
    parser.add_argument("--minutes", type=float, default=None, help="in all; default: until the cases are done")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, default=None, help="number of the one case to run")
    parser.add_argument("--limit", type=float, default=20.0, help="seconds a case may take")
    parser.add_argument("--keep", type=Path, default=None, help="folder for the inputs that failed")
    options = parser.parse_args()
    if options.minutes is None and options.cases == 1_000_000 and options.only is None:
        parser.error("say how long: --minutes or --cases")
    return options


def run(
    kind: str, seed: int, numbers: range | list[int], limit: float, until: float | None, keep: Path | None
) -> Iterator[Outcome]:
    """The outcomes of cases, one after the other, until the time is over."""
    worker = Worker(kind, seed, keep)
    try:
        for number in numbers:
            if until is not None and time.monotonic() > until:
                return
            yield worker.do(number, limit)
    finally:
        worker.stop()


class Worker:
    """A process that does cases; it is started anew when one has killed or stopped it."""

    def __init__(self, kind: str, seed: int, keep: Path | None) -> None:
        self._what = (kind, seed, keep)
        self._process: multiprocessing.process.BaseProcess | None = None
        self._line: Connection | None = None

    def do(self, number: int, limit: float) -> Outcome:
        """Do a case in at most `limit` seconds."""
        first = self._process is None
        if first:
            self._start()
        assert self._line is not None
        try:
            self._line.send(number)
            if self._line.poll(STARTING if first else limit):
                outcome: Outcome = self._line.recv()
                return outcome
            verdict, detail = "hangs", f"longer than {limit:g} s"
        except (EOFError, ConnectionError):
            verdict, detail = "crashes", "the process died"
        self.stop()
        return Outcome(number, "?", "?", verdict, detail)

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._line, theirs = context.Pipe()
        self._process = context.Process(target=serve, args=(theirs, *self._what), daemon=True)
        self._process.start()
        theirs.close()

    def stop(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
        self._process = self._line = None


def serve(line: Connection, kind: str, seed: int, keep: Path | None) -> None:
    """The far end: does each case whose number comes in."""
    import numpy as np

    from benchmarks.odd.case import Cases

    cases: Cases = importlib.import_module(KINDS[kind]).cases()
    place = sorted(KINDS).index(kind)
    with tempfile.TemporaryDirectory() as folder:
        while True:
            try:
                number = line.recv()
            except EOFError:
                return
            inside = Path(folder) / str(number)
            inside.mkdir()
            made = cases.make(np.random.default_rng([place, seed, number]), inside)
            verdict, detail = judge(cases, made)
            if verdict in BAD and keep is not None:
                keep.mkdir(parents=True, exist_ok=True)
                shutil.copy(made.path, keep / f"{kind}-{seed}-{number}{made.path.suffix}")
            shutil.rmtree(inside, ignore_errors=True)
            line.send(Outcome(number, made.form, made.change, verdict, detail))


def judge(cases: object, made: object) -> tuple[str, str]:
    """Read a case, and what is to be said of it."""
    from earmark.errors import EarmarkError, FaultError

    try:
        read = cases.read(made)  # type: ignore[attr-defined]
    except FaultError as error:
        return "faults", "".join(traceback.format_exception(error))
    except EarmarkError as error:
        message = str(error)
        return ("refused", message) if "\n" not in message else ("wrong", f"a message of several lines: {message}")
    except BaseException:  # noqa: BLE001 - whatever it is, it is counted
        return "faults", traceback.format_exc()
    if read.wrong is not None:
        return "wrong", read.wrong
    if read.told is not None:
        return ("in part", read.told) if "\n" not in read.told else ("wrong", f"several lines: {read.told}")
    missing = 0.0 if made.whole is None else made.whole - read.found  # type: ignore[attr-defined]
    if missing > cases.tolerance:  # type: ignore[attr-defined]
        return "losses", f"{read.found:.3f} of {made.whole:.3f}"  # type: ignore[attr-defined]
    return "read", ""


def report(kind: str, seed: int, outcomes: list[Outcome]) -> bool:
    """Print the table and the first failures; whether there are any."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for outcome in outcomes:
        counts[outcome.form][outcome.verdict] += 1
    total: Counter[str] = sum(counts.values(), Counter())
    columns = (*GOOD, *BAD)
    print(f"{kind}, seed {seed}: {len(outcomes)} cases")
    print(f"{'':14}" + "".join(f"{name:>9}" for name in columns))
    for form in [*sorted(counts), "all"]:
        row = total if form == "all" else counts[form]
        print(f"{form:14}" + "".join(f"{row[name]:9d}" for name in columns))
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"peak memory of a process: {peak:.0f} MB")
    bad = [outcome for outcome in outcomes if outcome.verdict in BAD]
    for outcome in bad[:SHOWN]:
        again = f"--kind {kind} --seed {seed} --only {outcome.number}"
        print(f"\n{outcome.verdict}: {again}: {outcome.form}, {outcome.change}")
        print(outcome.detail.rstrip())
    return bool(bad)


if __name__ == "__main__":
    main()
