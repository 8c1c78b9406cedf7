"""A sound file of each event that was heard, with what came just before and after; the oldest go when space runs out.

    DIR/dog/00000012.040-3.flac      label / seconds of the onset - id; with the day and hour where there is a clock:
    DIR/dog/20260501T061233.120Z-3.flac

Held is the sound of the last `LONGEST` seconds: of a longer event its end is saved.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC
from pathlib import Path

import numpy as np
import soundfile

from earmark.arrays import FloatArray
from earmark.files import check_folder
from earmark.runtime.sinks.base import News, Sink

LONGEST = 120.0  # seconds
PAD = 1.0  # seconds before and after an event
_UNSAFE = re.compile(r"[^\w.+-]+")


class ClipSink(Sink):
    """Writes FLAC files of 16 bits at `rate` Hz into a folder, and keeps it below `most` bytes.

    `say` is told once when the disk cannot be written; the listening goes on. `OutputError` where the folder cannot be
    written at the beginning.
    """

    def __init__(self, folder: Path, rate: int, most: float, say: Callable[[str], object]) -> None:
        check_folder(folder)
        self.folder, self.rate, self.most, self._say = folder, rate, most, say
        self._held = np.zeros(0, np.float32)
        self._end = 0.0  # seconds, of what is held
        self._waiting: list[News] = []  # events whose pad has not been heard yet
        self._failed = False
        files = sorted(folder.glob("*/*.flac"), key=lambda path: (path.stat().st_mtime_ns, path.name))
        self._files = [(path, path.stat().st_size) for path in files]
        self._total = sum(size for _, size in self._files)

    def sound(self, samples: FloatArray, begin: float) -> None:
        """Hold on to it; write events whose sound is there."""
        if begin - self._end > 1.0 / self.rate:  # sound is missing: silence in its place
            gap = min(round((begin - self._end) * self.rate), round(LONGEST * self.rate))
            self._held = np.concatenate([self._held, np.zeros(gap, np.float32)])
        self._held = np.concatenate([self._held, samples])[-round(LONGEST * self.rate) :]
        self._end = begin + len(samples) / self.rate
        while self._waiting and self._waiting[0].update.offset + PAD <= self._end:
            self._write(self._waiting.pop(0))

    def take(self, news: News) -> None:
        """An event that ended is written when what follows it is there."""
        if news.update.kind == "end":
            self._waiting.append(news)

    def close(self) -> None:
        """Write what is left."""
        for news in self._waiting:
            self._write(news)
        self._waiting = []

    def _write(self, news: News) -> None:
        first = self._end - len(self._held) / self.rate
        begin = max(0, round((news.update.onset - PAD - first) * self.rate))
        end = max(begin, round((news.update.offset + PAD - first) * self.rate))
        samples = self._held[begin:end]
        if not len(samples):
            return
        path = self.folder / (_UNSAFE.sub("_", news.update.label).strip(".") or "_") / f"{_stamp(news)}.flac"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, np.clip(samples, -1, 1), self.rate, subtype="PCM_16")
            size = path.stat().st_size
        except (OSError, soundfile.LibsndfileError) as error:
            if not self._failed:
                self._say(f"cannot write {path} ({error}); sound clips are left out until it can be written again")
            self._failed = True
            return
        self._failed = False
        self._files.append((path, size))
        self._total += size
        while self._total > self.most and self._files:
            old, size = self._files.pop(0)
            self._total -= size
            old.unlink(missing_ok=True)
            if old.parent.is_dir() and not any(old.parent.iterdir()):
                old.parent.rmdir()


def _stamp(news: News) -> str:
    if news.time is None:
        return f"{news.update.onset:012.3f}-{news.update.id}"
    return f"{news.time.astimezone(UTC):%Y%m%dT%H%M%S}.{news.time.microsecond // 1000:03d}Z-{news.update.id}"
