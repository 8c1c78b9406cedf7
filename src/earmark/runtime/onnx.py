"""A model directory's ONNX twin, and the engine that runs it: onnxruntime and numpy, no torch.

    model.onnx    waveform (batch, samples) and lengths (batch,) in, clip (batch, classes) and frames (batch, steps,
                  classes) out, the front-end inside; any batch, any length

`earmark export` writes it beside the weights it was made from (`earmark.export`). What a program needs to know to use
it stands in the file's metadata, all of it text (`TwinCard`), so that the file works without its directory too:

    format_version    1, or 2 where there is a rest (see framing)
    sample_rate       Hz, of the waveform
    labels, classes   the labels, a JSON list, in the order of the scores (twice: tools look for either name)
    clock             {"step": "1/25", "start": "0"}: seconds a frame lasts, and at which frame 0 begins, exact
    framing           {"first": n, "hop": h, "reduction": "8"}: F frames take first + (F - 2) * hop samples or more, and
                      a step of the scores is `reduction` frames; with "rest": r the last step may lack r of them
    window_plan       how a long recording is cut: size, stride and longest in samples, stride and overlap in steps
    least_length      samples below which a waveform must be filled with zeros
    input             sound, or embeddings: vectors that were computed elsewhere, laid end to end
    operating_point   operating_point.json as it was when the twin was made
    parameters        how many trainable numbers the network has
    weights_sha256    of the model.safetensors that the twin was made from
    fingerprint       of the network's options and weights, as the engine in PyTorch states it

A twin whose weights are not those beside it is refused, for its scores are another model's.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

from earmark.arrays import FloatArray, IntArray
from earmark.clock import Clock
from earmark.engine import WindowPlan, rounded_to_one
from earmark.errors import DataError, ModelError
from earmark.labels import Labels
from earmark.stopwatch import Stopwatch, stage

if TYPE_CHECKING:
    import onnxruntime

TWIN, WEIGHTS = "model.onnx", "model.safetensors"
FORMAT_VERSION = 2  # the highest, of the metadata; raised when an older earmark could misread a newer twin


@dataclass(frozen=True)
class TwinCard:
    """The metadata of a twin, read or to be written."""

    rate: int  # Hz
    labels: Labels
    clock: Clock  # of the frame scores
    plan: WindowPlan
    first: int  # samples of the shortest clip that has two frames of features
    hop: int  # samples between frames of features
    reduction: Fraction  # frames a step of the scores
    point: str  # operating_point.json
    parameters: int
    weights: str  # sha256
    fingerprint: str
    takes: Literal["sound", "embeddings"] = "sound"
    least: int = 1  # samples
    rest: int = 0  # frames that may be missing from the last step

    def to_metadata(self) -> dict[str, str]:
        """As text, for the file."""
        labels = json.dumps(list(self.labels), ensure_ascii=False)
        return {
            "format_version": "2" if self.rest else "1",
            "sample_rate": str(self.rate),
            "labels": labels,
            "classes": labels,
            "clock": json.dumps({"step": str(self.clock.step), "start": str(self.clock.start)}),
            "framing": json.dumps(self._framing()),
            "window_plan": json.dumps(dataclasses.asdict(self.plan)),
            "least_length": str(self.least),
            "input": self.takes,
            "parameters": str(self.parameters),
            "operating_point": self.point,
            "weights_sha256": self.weights,
            "fingerprint": self.fingerprint,
        }

    def _framing(self) -> dict[str, int | str]:
        framing: dict[str, int | str] = {"first": self.first, "hop": self.hop, "reduction": str(self.reduction)}
        return framing | ({"rest": self.rest} if self.rest else {})

    @classmethod
    def from_metadata(cls, text: Mapping[str, str], path: Path) -> Self:
        """Read a file's metadata. `ModelError` where it is no twin, a damaged one, or one of a later version."""
        version = text.get("format_version")
        if version is None or "weights_sha256" not in text:
            raise ModelError(f"{path} was not made by 'earmark export': its metadata lack format_version")
        if version not in ("1", str(FORMAT_VERSION)):
            raise ModelError(f"{path}: format_version is {version}, this earmark reads {FORMAT_VERSION}; upgrade it")
        try:
            clock, framing = json.loads(text["clock"]), json.loads(text["framing"])
            return cls(
                rate=int(text["sample_rate"]),
                labels=Labels(json.loads(text["labels"])),
                clock=Clock(Fraction(clock["step"]), Fraction(clock["start"])),
                plan=WindowPlan(**json.loads(text["window_plan"])),
                first=int(framing["first"]),
                hop=int(framing["hop"]),
                reduction=Fraction(framing["reduction"]),
                point=text["operating_point"],
                weights=text["weights_sha256"],
                parameters=int(text["parameters"]),
                fingerprint=text["fingerprint"],
                takes="embeddings" if text["input"] == "embeddings" else "sound",
                least=int(text["least_length"]),
                rest=int(framing.get("rest", 0)),
            )
        except (KeyError, TypeError, ValueError, ZeroDivisionError, DataError) as error:
            raise ModelError(
                f"{path}: its metadata are damaged ({error}); make it anew with 'earmark export'"
            ) from error

    def steps_in(self, samples: int) -> int:
        """Steps of the frame scores of a clip of this many samples."""
        frames = max(0, samples - self.first + self.hop) // self.hop + 1
        return max(1, (frames + self.rest) * self.reduction.denominator // self.reduction.numerator)


class OnnxEngine:
    """Waveforms to clip and frame scores by a twin. `ModelError` where it is missing, damaged or another model's.

    An `earmark.engine.Engine`. Threads are those that OMP_NUM_THREADS says, else as many as onnxruntime thinks right.
    With `keep`, what a call needs is kept for the next, which is three times as fast where the C library was told to
    give memory back (`earmark.opening`); without, the process stays a few MB smaller.
    """

    arithmetic = "onnxruntime, float32"
    batch = 1  # several windows at once take longer than one by one

    def __init__(self, directory: str | os.PathLike[str], *, threads: int | None = None, keep: bool = True) -> None:
        self.path = Path(directory) / TWIN
        if not self.path.is_file():
            raise ModelError(f"{directory} has no {TWIN}: make it with 'earmark export {directory}' (needs torch)")
        self._session = open_session(self.path, threads, keep)
        self.card = TwinCard.from_metadata(self._session.get_modelmeta().custom_metadata_map, self.path)
        _check_weights(self.path, self.card)
        self.rate, self.labels, self.clock = self.card.rate, self.card.labels, self.card.clock
        self.plan, self.takes, self.parameters = self.card.plan, self.card.takes, self.card.parameters

    def fingerprint(self) -> str:
        """Digest of the network's options and weights."""
        return self.card.fingerprint

    def steps_in(self, samples: int) -> int:
        """Steps of the frame scores of a clip of this many samples."""
        return self.card.steps_in(samples)

    def listen(
        self, waveform: FloatArray, lengths: IntArray, watch: Stopwatch | None = None
    ) -> tuple[FloatArray, FloatArray]:
        """Clip and frame scores of a batch; see `earmark.engine.Engine.listen`."""
        with stage(watch, "model"):
            clip, frames = self._session.run(["clip", "frames"], {"waveform": waveform, "lengths": lengths})
        return rounded_to_one(clip), rounded_to_one(frames)


def open_session(path: Path, threads: int | None = None, keep: bool = True) -> onnxruntime.InferenceSession:
    """An onnxruntime session on the processor. `ModelError` where the file cannot be read."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what is wrong is raised
    options.enable_cpu_mem_arena = keep  # else a layer's buffers are often mapped anew, a fifth of the time
    options.enable_mem_pattern = False  # no faster, and takes memory for each length that came
    options.add_session_config_entry("session.set_denormal_as_zero", "1")  # they are slow, and mean nothing here
    options.intra_op_num_threads = threads or int(os.environ.get("OMP_NUM_THREADS") or 0)
    faults: tuple[type[Exception], ...] = (*runtime_errors(), ValueError, RuntimeError)  # a ValueError: no UTF-8
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"], enable_fallback=0)
    except faults as error:
        reason = " ".join(str(error).split())[:200]
        raise ModelError(f"{path} is damaged: {reason}; make it anew with 'earmark export'") from error


def runtime_errors() -> tuple[type[Exception], ...]:
    """The exceptions of onnxruntime, which have no base of their own."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    return tuple(kind for kind in vars(state).values() if isinstance(kind, type) and issubclass(kind, Exception))


def weights_hash(path: Path) -> str:
    """sha256 of a file's content."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check_weights(path: Path, card: TwinCard) -> None:
    weights = path.parent / WEIGHTS
    if weights.is_file() and weights_hash(weights) != card.weights:
        raise ModelError(f"{path} was made from other weights than {weights}; make it anew with 'earmark export'")
