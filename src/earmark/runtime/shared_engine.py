"""An engine that another process runs: what a process that reads and decides has in place of a model.

    windows -> memory that both see, lengths -> pipe -> the process with the model        (`shared_model.py`)
    scores  <- memory that both see, steps   <- pipe <-

It needs no PyTorch and no weights: such a process starts in half a second and takes little memory.

Engines that listen to the same windows (a panel) are asked together: the first is told the scores of all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, Literal

import numpy as np

from earmark.arrays import FloatArray, IntArray
from earmark.clock import Clock
from earmark.engine import Engine, LivePlan, WindowPlan
from earmark.errors import EarmarkError
from earmark.labels import Labels
from earmark.runtime.ensemble import Ensemble, Panel
from earmark.stopwatch import Stopwatch

WINDOWS = 8  # that a process asks about at once


class ModelGoneError(BaseException):
    """The process with the model has ended: no fault of a recording, so nothing that handles those may catch it."""


@dataclass(frozen=True)
class Line:
    """A connection with the process that has the model, and the memory that both see."""

    pipe: Connection
    windows: Any  # ctypes floats: (rows, samples)
    scores: Any  # ctypes floats: of each engine of a panel (rows, classes), then (rows, steps, classes)

    def waveform(self, rows: int, samples: int) -> FloatArray:
        """The windows (rows, samples)."""
        return np.frombuffer(self.windows, np.float32)[: rows * samples].reshape(rows, samples)

    def found(self, rows: int, shapes: dict[int, tuple[int, int]]) -> dict[int, tuple[FloatArray, FloatArray]]:
        """Clip scores (rows, classes) and frame scores (rows, steps, classes) of engines; `shapes`: steps, classes."""
        room, at, parts = np.frombuffer(self.scores, np.float32), 0, {}
        for place, (steps, classes) in shapes.items():
            clip = room[at : at + rows * classes].reshape(rows, classes)
            at += clip.size
            frames = room[at : at + rows * steps * classes].reshape(rows, steps, classes)
            at += frames.size
            parts[place] = clip, frames
        return parts


class Asking:
    """Asks the process with the model about windows."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.steps: dict[tuple[int, int], int] = {}  # of an engine's scores of so many samples
        self._waveform: FloatArray | None = None
        self._found: dict[int, tuple[FloatArray, FloatArray]] = {}

    def about(self, panel: int, place: int, waveform: FloatArray, lengths: IntArray) -> tuple[FloatArray, FloatArray]:
        """What the engine at a place says of windows (rows, samples). Raises what the engine raised there."""
        if self._waveform is not waveform:
            self._waveform, self._found = None, self._ask(panel, waveform, lengths)
            self._waveform = waveform
        return self._found[place]

    def _ask(self, panel: int, waveform: FloatArray, lengths: IntArray) -> dict[int, tuple[FloatArray, FloatArray]]:
        self.line.waveform(*waveform.shape)[:] = waveform
        try:
            self.line.pipe.send((panel, waveform.shape[1], lengths.tolist()))
            answer = self.line.pipe.recv()
        except (OSError, EOFError) as error:
            raise ModelGoneError from error
        if isinstance(answer, EarmarkError):
            raise answer
        shapes, steps = answer
        self.steps |= steps
        found = self.line.found(len(lengths), shapes)
        return {place: (clip.copy(), frames.copy()) for place, (clip, frames) in found.items()}


@dataclass(frozen=True)
class Described:
    """What of an engine can be told to another process."""

    labels: Labels
    rate: int
    clock: Clock
    plan: WindowPlan | LivePlan
    takes: Literal["sound", "embeddings"]
    batch: int
    arithmetic: str
    parameters: int
    panel: int  # among the model's
    place: int  # among its engines


@dataclass(frozen=True)
class DescribedEnsemble:
    """What of an ensemble can be told to another process."""

    members: tuple[Described | DescribedEnsemble, ...]
    names: tuple[str, ...]


def describe(model: Engine | Ensemble, panels: list[Panel]) -> Described | DescribedEnsemble:
    """A model, to be told to another process; `panels` are its own (`ensemble.panels_of`)."""
    if isinstance(model, Ensemble):
        return DescribedEnsemble(tuple(describe(member, panels) for member in model.members), model.names)
    panel, place = next(
        (number, place)
        for number, panel in enumerate(panels)
        for place, engine in panel.engines.items()
        if engine is model
    )
    windows = min(WINDOWS, panels[panel].batch)
    return Described(
        *(model.labels, model.rate, model.clock, model.plan, model.takes, windows),
        *(model.arithmetic, model.parameters, panel, place),
    )


class SharedEngine:
    """An engine that another process runs."""

    def __init__(self, described: Described, asking: Asking) -> None:
        self.described, self.asking = described, asking
        self.labels, self.rate, self.takes = described.labels, described.rate, described.takes
        self.clock, self.plan, self.batch = described.clock, described.plan, described.batch
        self.arithmetic, self.parameters = described.arithmetic, described.parameters

    def fingerprint(self) -> str:
        """None of its own: the process with the model knows it."""
        return ""

    def steps_in(self, samples: int) -> int:
        """Frames of the scores of a waveform of this many samples, which it must have listened to."""
        return self.asking.steps[self.described.place, samples]

    def listen(
        self, waveform: FloatArray, lengths: IntArray, watch: Stopwatch | None = None
    ) -> tuple[FloatArray, FloatArray]:
        """Clip and frame scores of a batch; see `earmark.engine.Engine.listen`."""
        return self.asking.about(self.described.panel, self.described.place, waveform, lengths)


def shared(described: Described | DescribedEnsemble, asking: Asking) -> SharedEngine | Ensemble:
    """The model that was described, run by another process."""
    if isinstance(described, DescribedEnsemble):
        return Ensemble([shared(member, asking) for member in described.members], described.names)
    return SharedEngine(described, asking)


@dataclass(frozen=True)
class Opener:
    """Opens, in another process, what reads recordings and decides, with the model on a line to this one."""

    described: Described | DescribedEnsemble
    around: Callable[[Any], Any]  # a tagger of a model, or an embedder
    line: Line

    def __call__(self) -> Any:
        """The tagger or embedder."""
        return self.around(shared(self.described, Asking(self.line)))
