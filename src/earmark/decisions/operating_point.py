"""The operating point: every number that turns scores into decisions, per label, as one frozen record.

Stored as `operating_point.json` in a model directory and applied by default. Thresholds and scores are
compared as float32, and a score *equal* to its threshold passes. Times are seconds. Names follow
pyannote.audio (`onset`, `offset`, `min_duration_on`, `min_duration_off`, `pad_onset`, `pad_offset`).

`OperatingPoint`   the record: `default`, `with_threshold`, `load`, `save`
`ClassPoint`       the part of one label
`named_point`      points by name: the one that models have before they are tuned, and those of papers and baselines

`default`  where nothing was tuned: tags from 0.5; events only where the tag is given, while the frame scores, after a
    median over 0.12 s, stay at or above 0.05 and reach 0.2 somewhere; gaps of up to 1 s are filled, events shorter than
    0.2 s dropped. Fitted once, across models and data sets, with 0.5 for the tags; benchmarks/accuracy/decisions.py
    measures it.
`xu2018`  Xu et al. 2018, as their evaluation code decides (docs/papers/xu2018.md, section 5). A tag or a frame counts
    strictly above 0.3, the same for all classes; where no tag of a clip counts, its best is given. Of the frames (41.5
    ms) of a class, gaps of up to 9 are filled, then runs of up to 10 are dropped. An event ends when its last frame
    *begins*. Differs from their code in: times are those of the model's clock, whose frame 0 begins half of (window -
    hop) into the clip (11 ms), where the code counts from 0.
`dcase2017`  the DCASE2017 task 4 baseline (docs/papers/xu2018.md, section 8.3): 0.5, after a median over 0.54 s; gaps
    and short events stay.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from earmark.decisions.calibration import Calibration
from earmark.errors import ConfigError, ModelError, did_you_mean
from earmark.files import read_json, write_text

FILE_NAME = "operating_point.json"
FORMAT_VERSION: Literal[1] = 1

Probability = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[float, Field(ge=0, le=1e9)]
_STRICT = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class ClassPoint(BaseModel):
    """How one label is decided. `ValueError` (pydantic's) where a value is impossible.

    >>> ClassPoint(onset=0.6, offset=0.3, median_seconds=0.2).tag_threshold
    0.5
    """

    model_config = _STRICT

    tag_threshold: Probability = 0.5  # clip score from which the tag is given
    onset: Probability = 0.5  # an event must reach this (boxes: the box's confidence must)
    offset: Probability = 0.5  # ... and lasts as long as the curve stays at or above this
    median_seconds: Seconds = 0.0  # length of the median filter over frames; 0 = none
    min_duration_on: Seconds = 0.0  # shorter events are dropped
    min_duration_off: Seconds = 0.0  # shorter gaps are filled
    pad_onset: Seconds = 0.0  # added before each event
    pad_offset: Seconds = 0.0  # added after each event
    tag_gate: bool | Probability = False  # events only where the clip passes: True = tag_threshold, or a number
    tag_weight: bool = False  # frame scores times the clip score: a soft gate
    step_seconds: Annotated[float, Field(gt=0, le=1e9)] = 0.5  # boxes: length of the step filter
    merge_absolute: Probability = 0.2  # boxes: dips up to this deep may be bridged ...
    merge_relative: Annotated[float, Field(ge=1, le=1e9)] = 2.0  # ... if the curve falls by no more than this factor
    clip_calibration: Calibration | None = None  # applied to the clip score before anything else
    frame_calibration: Calibration | None = None  # applied to the frame scores before anything else

    @model_validator(mode="after")
    def _offset_below_onset(self) -> ClassPoint:
        if self.offset > self.onset:
            raise ValueError(f"offset threshold {self.offset} is above onset threshold {self.onset}")
        return self

    @property
    def reportable(self) -> bool:
        """Whether a tag or an event can be given: no probability passes a threshold of 1."""
        return self.tag_threshold < 1 or (self.onset < 1 and self.gate < 1)

    @property
    def gate(self) -> float:
        """The clip score below which no event is reported; 0 where there is no gate."""
        if isinstance(self.tag_gate, bool):
            return self.tag_threshold if self.tag_gate else 0.0
        return self.tag_gate

    @property
    def sure(self) -> float:
        """The clip score at which live sound passes the gate at once, without more of it: three times the gate's odds.

        >>> ClassPoint(tag_gate=0.5).sure, ClassPoint().sure
        (0.75, 0.0)
        """
        return 3 * self.gate / (1 + 2 * self.gate)


class OperatingPoint(BaseModel):
    """The decisions of all labels, in the model's order.

    >>> point = OperatingPoint.plain(["siren", "dog"]).with_threshold(0.3)
    >>> point.classes["dog"].onset, point.labels
    (0.3, ('siren', 'dog'))
    """

    model_config = _STRICT

    format_version: Literal[1] = FORMAT_VERSION
    method: Literal["threshold", "boxes"] = "threshold"
    best_tag: bool = False  # where no tag of a clip passes, its best is given
    last_frame: Literal["ends", "begins"] = "ends"  # when an event is over: its last frame's end, or its beginning
    origin: str = ""  # where the numbers came from: objective, data, how many recordings; no dates, no paths
    classes: dict[str, ClassPoint]

    @classmethod
    def plain(cls, labels: Iterable[str]) -> OperatingPoint:
        """The plainest point: 0.5 everywhere, no smoothing, no gate. An untuned model has `named_point("default")`."""
        return cls(origin="plain: 0.5 everywhere", classes={label: ClassPoint() for label in labels})

    @property
    def labels(self) -> tuple[str, ...]:
        """Label names in the model's order."""
        return tuple(self.classes)

    @property
    def reportable(self) -> tuple[str, ...]:
        """Labels that can be reported at all: a threshold of 1 keeps a label silent.

        >>> never = ClassPoint(tag_threshold=1, tag_gate=True)
        >>> OperatingPoint(classes={"siren": ClassPoint(), "whale": never}).reportable
        ('siren',)
        """
        return tuple(label for label, part in self.classes.items() if part.reportable)

    def of(self, label: str) -> ClassPoint:
        """The part of one label; `ConfigError` with a guess when there is none."""
        if label not in self.classes:
            raise ConfigError(f"the operating point has no label {label!r}{did_you_mean(label, self.classes)}")
        return self.classes[label]

    def with_threshold(self, threshold: float) -> OperatingPoint:
        """One threshold for all tags and events; smoothing, durations and pads stay.

        `ConfigError` when it is no probability.
        """
        if not 0 <= threshold <= 1:
            raise ConfigError(f"threshold {threshold} is not between 0 and 1{_percent(threshold)}")
        same = {"tag_threshold": threshold, "onset": threshold, "offset": threshold}
        classes = {label: part.model_copy(update=same) for label, part in self.classes.items()}
        return self.model_copy(update={"classes": classes, "origin": f"{self.origin}; threshold {threshold}"})

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> OperatingPoint:
        """Read a file, or the one in a model directory; `ModelError` when missing, damaged or of another version."""
        file = _file(path)
        try:
            content = read_json(file)
        except FileNotFoundError:
            raise ModelError(f"{file}: no such file; expected an operating point (JSON)") from None
        except OSError as error:
            raise ModelError(f"{file}: cannot be read: {error.strerror or error}") from error
        except ValueError as error:  # no UTF-8, or no JSON
            raise ModelError(f"{file}: not valid JSON ({error}); is the file damaged?") from error
        _check_version(file, content)
        try:
            return cls.model_validate(content)
        except ValidationError as error:
            raise ModelError(f"{file}: {_first_fault(error)}") from error

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write to a file, or into a model directory; returns the file. `OutputError` when it cannot be written."""
        file = _file(path)
        write_text(file, self.to_text())
        return file

    def to_text(self) -> str:
        """The content of its file."""
        return self.model_dump_json(indent=2, exclude_none=True) + "\n"


def _file(path: str | os.PathLike[str]) -> Path:
    return Path(path) / FILE_NAME if Path(path).is_dir() else Path(path)


def _percent(threshold: float) -> str:
    return f"; did you mean {threshold / 100}?" if 1 < threshold <= 100 else ""


def _check_version(file: Path, content: Any) -> None:
    if not isinstance(content, dict) or "format_version" not in content:
        raise ModelError(f"{file}: not an operating point ('format_version' is missing)")
    version = content["format_version"]
    if isinstance(version, int) and version > FORMAT_VERSION:
        raise ModelError(
            f"{file}: format_version {version} is newer than {FORMAT_VERSION}, which this version of earmark reads; "
            "update earmark"
        )
    if version != FORMAT_VERSION:
        raise ModelError(f"{file}: unknown format_version {version!r}, expected {FORMAT_VERSION}")


def _first_fault(error: ValidationError) -> str:
    fault = error.errors()[0]
    where = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "extra_forbidden":
        known = [*ClassPoint.model_fields, *OperatingPoint.model_fields]
        return f"{where}: unknown key{did_you_mean(str(fault['loc'][-1]), known)}"
    got = fault["input"]
    shown = f", got {got!r}" if isinstance(got, bool | int | float | str) else ""
    return f"{where}: {fault['msg']}{shown}"


_XU_FRAME = 664 / 16_000  # seconds
_ABOVE = float(np.nextafter(np.float32(0.3), np.float32(1)))  # the least float32 that is more than 0.3
_DEFAULT = ClassPoint(
    onset=0.2, offset=0.05, median_seconds=0.12, min_duration_on=0.2, min_duration_off=1.0, tag_gate=True
)
_XU2018 = ClassPoint(
    tag_threshold=_ABOVE,
    onset=_ABOVE,
    offset=_ABOVE,
    min_duration_off=10 * _XU_FRAME,  # shorter gaps are filled
    min_duration_on=11 * _XU_FRAME,  # shorter events are dropped
)
_DCASE2017 = ClassPoint(median_seconds=0.54)

DEFAULT = "default: nothing was tuned"  # the origin of that point
NAMES = ("default", "xu2018", "dcase2017")


def named_point(name: str, labels: Iterable[str]) -> OperatingPoint:
    """The operating point of this name for these labels; `ConfigError` with a guess when there is none.

    >>> named_point("xu2018", ["Car"]).best_tag
    True
    """
    labels = tuple(labels)
    if name == "default":
        return OperatingPoint(origin=DEFAULT, classes=dict.fromkeys(labels, _DEFAULT))
    if name == "xu2018":
        classes = dict.fromkeys(labels, _XU2018)
        return OperatingPoint(origin="xu2018: Xu et al. 2018", classes=classes, best_tag=True, last_frame="begins")
    if name == "dcase2017":
        return OperatingPoint(origin="dcase2017: the DCASE2017 baseline", classes=dict.fromkeys(labels, _DCASE2017))
    raise ConfigError(f"no operating point {name!r}{did_you_mean(name, NAMES)}; known: {', '.join(NAMES)}, or a file")
