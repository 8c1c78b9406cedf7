"""The recordings of the page: their files, pictures and scores, kept on disk while the server runs.

    waiting -> reading (the spectrogram) -> scoring -> ready
                                                    -> failed, with what is wrong

Frame scores and spectrograms are mapped files, so that a hundred recordings of an hour take little memory.
"""

from __future__ import annotations

import secrets
import shutil
import threading
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
    state: State = "waiting"
    error: str | None = None
    info: AudioInfo | None = None
    spectrogram: Spectrogram | None = None
    result: Result | None = None
    repeated: Repeated | None = None  # decides for the sliders
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
    """Recordings by their id, the latest last; `most` at once."""

    def __init__(self, folder: Path, most: int) -> None:
        self.folder, self.most = folder, most
        self._held: dict[str, Held] = {}

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
        for old in self.all()[: max(0, len(self._held) - self.most)]:
            self.remove(old.id)
        return held

    def remove(self, id: str) -> bool:
        """Forget a recording; a file below the root folder stays. Whether there was one."""
        held = self._held.pop(id, None)
        if held is None:
            return False
        held.stop.set()
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
        held.repeated = Repeated(held.result.scores)
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
