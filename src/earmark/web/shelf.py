"""The recordings of the page: their files, pictures and scores, kept on disk while the server runs.

    waiting -> reading (the spectrogram) -> scoring -> ready
                                                    -> failed, with what is wrong

Frame scores and spectrograms are mapped files, so that a hundred recordings of an hour take little memory.
"""

from __future__ import annotations

import secrets
import shutil
import threading
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np

from earmark.audio import AudioInfo, probe
from earmark.decisions.repeated import Repeated
from earmark.errors import EarmarkError
from earmark.runtime.scorer import StoppedError
from earmark.runtime.tagger import Result, Tagger
from earmark.scores import Scores
from earmark.web.scoring import score_file
from earmark.web.spectrogram import Spectrogram, measure

State = Literal["waiting", "reading", "scoring", "ready", "failed"]
MOVED = 4  # recordings whose sliders are fast
LEVELS, FRAMES = "levels.bin", "frames.npy"


@dataclass(eq=False)
class Held:
    """A recording of the page."""

    id: str
    name: str
    path: Path  # of the sound
    model: str
    folder: Path  # of what is kept of it
    place: str | None = None  # its path below the root folder; None: it was uploaded
    size: int = 0  # bytes of an upload
    state: State = "waiting"
    error: str | None = None
    info: AudioInfo | None = None
    spectrogram: Spectrogram | None = None
    result: Result | None = None
    stop: threading.Event = field(default_factory=threading.Event)

    @property
    def scores(self) -> Scores | None:
        """What the model says of it, once that is known."""
        return None if self.result is None else self.result.scores

    @property
    def seconds(self) -> float | None:
        """How long it is: what was scored, else what its file promises."""
        if self.result is not None:
            return self.result.scores.duration
        return None if self.info is None else self.info.duration


class Shelf:
    """Recordings by their id, the latest last; `most` at once, and uploads of `most_bytes` together."""

    def __init__(self, folder: Path, most: int, most_bytes: int) -> None:
        self.folder, self.most, self.most_bytes = folder, most, most_bytes
        self._held: dict[str, Held] = {}
        self._repeated: OrderedDict[str, Repeated] = OrderedDict()
        self._lock = threading.Lock()

    def repeated(self, held: Held) -> Repeated:
        """What decides for the sliders over a scored recording; kept for the last few of them."""
        assert held.scores is not None
        with self._lock:
            made = self._repeated.pop(held.id, None) or Repeated(held.scores)
            self._repeated[held.id] = made
            while len(self._repeated) > MOVED:
                self._repeated.popitem(last=False)
            return made

    def all(self) -> list[Held]:
        """Every recording, in the order in which they came."""
        return list(self._held.values())

    def find(self, id: str) -> Held | None:
        """The recording with this id."""
        return self._held.get(id)

    def add(self, name: str, model: str, sound: Path, place: str | None = None) -> Held:
        """Take up a recording; an upload's file moves in. The oldest goes where there are too many."""
        id = secrets.token_urlsafe(9)
        folder = self.folder / id
        folder.mkdir()
        if place is None:
            sound = sound.rename(folder / f"sound{sound.suffix}")
        held = self._held[id] = Held(id, name, sound, model, folder, place)
        held.size = sound.stat().st_size if place is None else 0
        for old in self.all()[:-1]:
            if len(self._held) > self.most or sum(each.size for each in self.all()) > self.most_bytes:
                self.remove(old.id)
        return held

    def remove(self, id: str) -> bool:
        """Forget a recording; a file below the root folder stays. Whether there was one."""
        held = self._held.pop(id, None)
        if held is None:
            return False
        held.stop.set()
        with self._lock:
            self._repeated.pop(id, None)
        shutil.rmtree(held.folder, ignore_errors=True)
        return True


def work_on(held: Held, tagger: Tagger, longest: float) -> None:
    """Read and score a recording; what is wrong is noted with it. In a thread."""
    if held.stop.is_set():  # removed while it waited
        return
    try:
        held.state = "reading"
        held.info = probe(held.path)
        held.spectrogram = measure(held.path, held.folder / LEVELS, held.stop)
        held.state = "scoring"
        result = score_file(tagger, held.path, held.name, longest=longest, stop=held.stop)
        held.result = replace(result, scores=on_disk(result.scores, held.folder / FRAMES))
        held.state = "ready"
    except StoppedError:
        held.error, held.state = "stopped", "failed"
    except (EarmarkError, OSError) as error:
        if not held.stop.is_set():
            held.error = str(error).replace(str(held.path), held.name)
        held.state = "failed"


def on_disk(scores: Scores, file: Path) -> Scores:
    """The same scores, their frames mapped from a file."""
    np.save(file, np.asfortranarray(scores.frames))  # a label's scores lie together
    return replace(scores, frames=np.asarray(np.load(file, mmap_mode="r")))
