"""What a run over a million recordings costs besides reading and scoring them: time, memory, and going on after a kill.

    python -m benchmarks.speed.archive [--files 1000000] [--folder DIR]

The recordings are empty files and the engine is none: each is decided to hold one event. All time is that of listing,
journal and tables. Prints milliseconds and bytes of memory a recording, and, after a kill at 70 %, the seconds until
the first recording that was not done is decided.
"""

from __future__ import annotations

import argparse
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from earmark.audio.listing import Listing
from earmark.events import Event
from earmark.runtime.archive import Archive
from earmark.runtime.bulk import Decided, Task
from earmark.runtime.place import Place

IN_FOLDER = 1000


def make(folder: Path, files: int) -> None:
    for number in range(files):
        if number % IN_FOLDER == 0:
            place = folder / f"station-{number // IN_FOLDER:05d}"
            place.mkdir(parents=True)
        (place / f"2026-06-01T{number % IN_FOLDER:06d}.wav").touch()


def nothing(tasks: Iterable[Task], stop_after: int, told: list[float]) -> Iterator[tuple[Task, Decided]]:
    """Decide each task at no cost; end the process by `kill -9` after so many."""
    for count, task in enumerate(tasks):
        if not count:
            told += [time.perf_counter(), time.process_time()]
        if count == stop_after:
            os.kill(os.getpid(), signal.SIGKILL)
        onset = task.position % 7 / 2
        yield task, Decided([Event(onset, onset + 1.5, "dog", 0.75)], 10.0)


def peak() -> int:
    """Bytes of memory at most, so far."""
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def work(folder: Path, output: Path, stop_after: int) -> None:
    """In a process of its own: one run."""
    before, began, told = peak(), time.perf_counter(), list[float]()
    cpu = time.process_time()
    listing = Listing([folder])
    run = Archive(Place.of("detect", output, ("csv",)), listing, {"model": "none"})
    account = run.execute(lambda tasks: nothing(tasks, stop_after, told))
    took = time.perf_counter() - began
    count = account.scored
    first = f"first task after {told[0] - began:.2f} s ({told[1] - cpu:.2f} s CPU)" if told else "no task"
    print(
        f"{count} recordings, {account.before} of them before: {took:.1f} s ({time.process_time() - cpu:.1f} s CPU), "
        f"{first}, {1000 * took / count:.3f} ms and {(peak() - before) / count:.0f} bytes each"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--work", nargs=3, metavar=("IN", "OUT", "STOP"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.work:
        work(Path(asked.work[0]), Path(asked.work[1]), int(asked.work[2]))
        return
    with tempfile.TemporaryDirectory(dir=asked.folder) as place:
        source, whole, killed = Path(place, "in"), Path(place, "whole"), Path(place, "killed")
        make(source, asked.files)
        script = [sys.executable, __file__, "--work", str(source)]
        print("undisturbed:", flush=True)
        subprocess.run([*script, str(whole), "-1"], check=True)
        stopped = subprocess.run([*script, str(killed), str(7 * asked.files // 10)], check=False)
        assert stopped.returncode == -signal.SIGKILL
        print("killed at 70 %, and gone on with:", flush=True)
        subprocess.run([*script, str(killed), "-1"], check=True)
        assert (whole / "events.csv").read_bytes() == (killed / "events.csv").read_bytes()
        print("the two tables are identical")


if __name__ == "__main__":
    main()
