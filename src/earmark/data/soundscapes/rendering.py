"""A folder of soundscapes with strong labels, made of isolated recordings.

    DIRECTORY/audio/*.wav     mono, 16 bits (or .flac)
    DIRECTORY/weak.tsv        filename  event_labels
    DIRECTORY/strong.tsv      filename  onset  offset  event_label
    DIRECTORY/durations.tsv   filename  duration
    DIRECTORY/sources.tsv     which recording lies where, how loud, and whose it is
    DIRECTORY/parts/*.json    what went into each soundscape
    DIRECTORY/synth.json      what was asked for

Soundscape n follows from the options, the recordings and n alone (`mixing.py`): the first hundred of a
thousand are the hundred, and any number of processes makes the same. A soundscape is whole once its part is there,
for that is written after its audio; what is whole is kept, so a stopped run goes on and a set grows. The tables are
written at the end, from the parts.

Each process takes every n-th number and reports each one that is done (`share_out`). An interrupt reaches the caller
alone; the others end after the number they are at, and so they do when the caller is gone.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import multiprocessing
import os
import queue
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from earmark.data.soundscapes.mixing import Soundscape, compose
from earmark.data.soundscapes.options import SoundscapeOptions, Sources
from earmark.data.soundscapes.recordings import Recordings
from earmark.data.soundscapes.tables import Made, Part, write_tables
from earmark.errors import GOES_ON, ConfigError, EarmarkError, OutputError, is_full
from earmark.files import is_leftover, json_text, sweep, write_aside, write_text
from earmark.lock import Lock

Work = Callable[[Sequence[int]], Iterator[int]]  # does one number after the other; can be pickled
_PATIENCE = 0.5  # seconds between looks at whether the processes are alive


def share_out(work: Work, numbers: Sequence[int], processes: int, done: Callable[[int], object]) -> None:
    """Do all numbers; `done` gets the number done so far. An error of `work` is raised here; the rest is not done."""
    if processes == 1 or len(numbers) < 2:
        for count, _ in enumerate(work(numbers), 1):
            done(count)
        return
    context = multiprocessing.get_context("spawn")
    reports: Queue[int | EarmarkError] = context.Queue()
    stop = context.Event()
    shares = [numbers[first::processes] for first in range(min(processes, len(numbers)))]
    workers = [context.Process(target=_do, args=(work, share, reports, stop), daemon=True) for share in shares]
    try:
        with _uninterrupted():  # the processes inherit it
            for worker in workers:
                worker.start()
        for count in range(1, len(numbers) + 1):
            report = _next(reports, workers)
            if isinstance(report, EarmarkError):
                raise report
            done(count)
    finally:
        stop.set()
        for worker in workers:
            if worker.pid is not None:
                worker.join()


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():  # only there can it be said
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _next(
    reports: Queue[int | EarmarkError], workers: Sequence[multiprocessing.process.BaseProcess]
) -> int | EarmarkError:
    while True:
        ended = all(worker.exitcode is not None for worker in workers)  # seen before the last look at what they told
        failed = [worker.exitcode for worker in workers if worker.exitcode]
        try:
            return reports.get(timeout=_PATIENCE)
        except queue.Empty:
            if ended or failed:
                code = failed[0] if failed else 0
                return EarmarkError(f"a process ended unexpectedly (code {code}); was there too little memory?")


def _do(work: Work, numbers: Sequence[int], reports: Queue[int | EarmarkError], stop: Event) -> None:
    """What one process does."""
    parent = multiprocessing.parent_process()
    try:
        for number in work(numbers):
            reports.put(number)
            if parent is None or not parent.is_alive():
                reports.cancel_join_thread()  # nobody is left to listen
                return
            if stop.is_set():
                return
    except EarmarkError as error:
        reports.put(error)


Progress = Callable[[int, int], None]  # (soundscapes there, soundscapes in all)

_MARK, _LOCK = "synth.json", ".lock"
_VERSION = 1  # goes up whenever the same options and recordings make other soundscapes


def make_soundscapes(
    directory: str | os.PathLike[str],
    sources: Sources,
    options: SoundscapeOptions,
    clips: int,
    *,
    processes: int = 1,
    progress: Progress | None = None,
) -> Made:
    """Make soundscapes 0 to `clips` - 1, except those that exist, and the tables of all (see the module).

    `OutputError` where the directory holds something else or cannot be written; `ConfigError` where it holds
    soundscapes of other options or recordings; `DataError` where no recording can be used.
    """
    if clips < 1 or processes < 1:
        raise ValueError(f"expected at least one soundscape and one process, got {clips} and {processes}")
    job = _Job(Path(directory), sources, options)
    job.check()
    with Lock(job.directory / _LOCK, job.directory, remove=True):
        sweep(job.directory)
        job.claim()
        missing = [number for number in range(clips) if job.part(number) is None]
        before = clips - len(missing)
        share_out(job.write, missing, processes, lambda done: progress and progress(before + done, clips))
        parts = [part for part in map(job.part, range(clips)) if part is not None]
        return write_tables(job.directory, parts, written=len(missing))


@dataclass(frozen=True)
class _Job:
    directory: Path
    sources: Sources
    options: SoundscapeOptions

    def claim(self) -> None:
        """Make the directory ours, unless it is already; checked again, for another run may have been in it."""
        self.check()
        if not (self.directory / _MARK).is_file():
            write_text(self.directory / _MARK, json.dumps(self._wanted(), indent=2) + "\n")

    def _wanted(self) -> dict[str, Any]:
        return {"version": _VERSION, **self.options.model_dump(mode="json"), "recordings": _digest(self.sources)}

    def check(self) -> None:
        """Make sure that the directory is ours, or can become so."""
        wanted, mark = self._wanted(), self.directory / _MARK
        if not mark.is_file():
            empty = self.directory.is_dir() and all(map(_is_left, os.listdir(self.directory)))
            if self.directory.exists() and not empty:
                raise OutputError(
                    f"{self.directory} exists and contains no soundscapes; choose another place or delete it"
                )
            return
        try:
            found = json.loads(mark.read_text(encoding="utf-8"))
        except ValueError as error:
            raise OutputError(f"{mark}: is damaged ({error}); delete {self.directory} and start again") from error
        found = {**SoundscapeOptions().model_dump(mode="json"), **found}  # an option that came later was as it is now
        other = [f"{key} {found.get(key)} there, {wanted[key]} here" for key in wanted if found.get(key) != wanted[key]]
        if other:
            reason = "; ".join(other) if not other[0].startswith("recordings") else "from other recordings"
            raise ConfigError(
                f"{self.directory} contains other soundscapes ({reason}); choose another place or delete it"
            )

    def name(self, number: int) -> str:
        """File name of a soundscape; no two seeds share one."""
        return f"synth-{self.options.seed}-{number:05d}.{self.options.format}"

    def part(self, number: int) -> Part | None:
        """What a soundscape is made of; None where it is not there whole."""
        name = self.name(number)
        try:
            text = self._part_path(name).read_text(encoding="utf-8")
            frames = soundfile.info(str(self.directory / "audio" / name)).frames
            return Part.read(json.loads(text)) if frames == self.options.samples else None
        except (OSError, soundfile.LibsndfileError, ValueError, KeyError, TypeError):
            return None

    def write(self, numbers: Sequence[int]) -> Iterator[int]:
        """Write these soundscapes one after the other; their numbers, as they are whole."""
        recordings = Recordings(self.options)
        for number in numbers:
            self._write_one(number, compose(self.sources, self.options, number, recordings))
            yield number

    def _write_one(self, number: int, soundscape: Soundscape) -> None:
        name = self.name(number)
        path, form = self.directory / "audio" / name, self.options.format.upper()
        wave = np.rint(soundscape.wave * 32_768).astype(np.int16)  # libsndfile rounds by the format
        with write_aside(path) as temporary:
            try:
                soundfile.write(temporary, wave, self.options.rate, subtype="PCM_16", format=form)
            except soundfile.LibsndfileError as error:
                why = f"disk full; {GOES_ON}" if is_full(temporary) else error.error_string
                raise OutputError(f"cannot write {path}: {why}") from error
        part = Part.of(name, soundscape)
        write_text(self._part_path(name), json_text(part.as_json()) + "\n")

    def _part_path(self, name: str) -> Path:
        return self.directory / "parts" / f"{name}.json"


def _is_left(name: str) -> bool:
    """Whether a file is what a run leaves that was killed before it began."""
    return name == _LOCK or is_leftover(name)


def _digest(sources: Sources) -> str:
    """The same for the same recordings wherever they lie: names, labels and sizes."""
    digest = hashlib.blake2b(digest_size=16)
    for groups in (sources.sounds, sources.backgrounds):
        for label, group in groups.items():
            for source in group:
                digest.update(json.dumps([label, source.collection, source.name, _size(source.path)]).encode())
        digest.update(b"|")
    return digest.hexdigest()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1
