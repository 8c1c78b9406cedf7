"""One recording as lanes of a page: its spectrogram, the frame scores of each class, and the events, one below another.

The lanes are HTML and SVG, not a picture with text in it, so that names and times stay legible on a phone:

    RecordingView -> drawn(view) -> dict of plain values -> the macro `lanes` of lanes.html.j2

Curves are paths in a box of 1000 x 100, 0 at the foot and 1 at the top; places along time are per cent of the
recording. Long recordings have no more than `_COLUMNS` steps a curve, each the highest score of its frames, so
that no peak is lost. The sound is Ogg Vorbis, small enough to live inside the page.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile

from earmark.arrays import DoubleArray, FloatArray
from earmark.clock import Clock
from earmark.errors import MissingExtraError
from earmark.events import Event
from earmark.report.canvas import data_uri
from earmark.report.recording import Thresholds, relevant_labels
from earmark.scores import Scores

LONGEST = 60.0  # seconds; more would swell the page
_BLOCK = 10.0  # seconds; libsndfile's Vorbis encoder crashes on long arrays written at once


def encode(waveform: npt.NDArray[np.floating], rate: int) -> bytes:
    """Ogg Vorbis of a mono waveform (samples,) at `rate` Hz, about 5 kB a second; its first minute at most.

    Quiet recordings are amplified (by at most 20 dB, to a peak of at most -1 dB). `ValueError` on other shapes.
    """
    if waveform.ndim != 1 or not len(waveform):
        raise ValueError(f"expected a mono waveform (samples,), got shape {waveform.shape}")
    sound = np.nan_to_num(waveform[: int(LONGEST * rate)].astype(np.float32))
    sound *= min(10.0, 0.89 / max(1e-9, float(np.abs(sound).max())))
    buffer = io.BytesIO()
    with soundfile.SoundFile(buffer, "w", rate, 1, format="OGG", subtype="VORBIS") as file:
        for start in range(0, len(sound), int(_BLOCK * rate)):
            file.write(sound[start : start + int(_BLOCK * rate)])
    return buffer.getvalue()


_COLUMNS = 1000  # steps of a curve at most
_PIXELS = 1400  # columns of a spectrogram at most
_STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 43200)  # seconds
_TICKS = 7  # marks on the time axis at most
_HZ = (16000, 8000, 4000, 2000, 1000, 500, 250, 125)


@dataclass(frozen=True, eq=False)
class RecordingView:
    """A recording to be shown."""

    scores: Scores  # the curve that the thresholds meet
    logmel: npt.NDArray[np.floating]  # (frames, bands)
    logmel_clock: Clock
    detected: Sequence[Event]
    reference: Sequence[Event] | None = None  # None: nothing is known
    thresholds: Thresholds = None
    band_hz: Sequence[float] | None = None
    waveform: npt.NDArray[np.floating] | None = None  # (samples,) mono; None: no player
    rate: int = 0  # Hz, of the waveform
    note: str = ""  # a sentence on why it is shown
    raw: Scores | None = None  # as the model gives them, where `scores` are smoothed, weighted or calibrated
    truth: Sequence[str] | None = None  # labels that the recording is known to hold; None: not known
    answer: Sequence[tuple[str, float]] | None = None  # tags that the model gave: (label, score), best first
    piece: bool = False  # whether it is a piece of a recording
    begin: float = 0.0  # seconds of the recording at which a piece of it begins: what its times are counted from


def drawn(view: RecordingView, sounds: bool = True) -> dict[str, Any]:
    """What the macro `lanes` is given; `sounds` False leaves the player out."""
    scores, duration = view.scores, max(view.scores.duration, 1e-9)
    audible = view.waveform if sounds else None
    return {
        "recording": scores.recording,
        "duration": scores.duration,
        "note": view.note,
        "truth": view.truth,
        "answer": view.answer,
        "known": view.reference is not None,
        "smoothed": view.raw is not None,
        "picture": spectrogram_uri(view.logmel, view.logmel_clock, duration),
        "hertz": _hertz(view.band_hz),
        "piece": view.piece,
        "begin": view.begin,
        "ticks": ticks(duration, view.begin),
        "rows": [_row(label, view) for label in relevant_labels(scores, view.reference, view.detected)],
        "events": view.detected,
        "sound": "" if audible is None or not len(audible) else data_uri(encode(audible, view.rate), "audio/ogg"),
        "played": 0.0 if audible is None else min(LONGEST, scores.duration),
    }


def _row(label: str, view: RecordingView) -> dict[str, Any]:
    """A class: its curve, its threshold, its events."""
    scores = view.scores
    known = label in scores.labels
    column = scores.labels.index(label) if known else 0
    threshold = view.thresholds.get(label) if isinstance(view.thresholds, Mapping) else view.thresholds
    found = [event for event in view.detected if event.label == label]
    return {
        "label": label,
        "score": float(scores.clip[column]) if known else None,
        "best": float(scores.frames[:, column].max()) if known and len(scores.frames) else None,
        "curve": curve(scores.frames[:, column], scores.edges, scores.duration) if known else "",
        "raw": curve(view.raw.frames[:, column], view.raw.edges, scores.duration) if known and view.raw else "",
        "threshold": None if threshold is None or not known else round(100 * (1 - threshold), 2),
        "detected": [_bar(event, scores.duration) for event in found],
        "reference": [_bar(event, scores.duration) for event in view.reference or () if event.label == label],
    }


def _bar(event: Event, duration: float) -> dict[str, Any]:
    left, right = (min(100.0, 100 * at / max(duration, 1e-9)) for at in (event.onset, event.offset))
    return {"left": round(left, 3), "width": round(right - left, 3), "event": event}


def curve(values: FloatArray, edges: DoubleArray, duration: float) -> str:
    """Scores (frames,) between `edges` (frames + 1,) seconds as an SVG path of steps in a box of 1000 x 100.

    >>> curve(np.float32([0, 0.5, 0.5]), np.array([0.0, 1.0, 2.0, 4.0]), 4.0)
    'M0 100H250V50H1000'
    """
    if not len(values):
        return ""
    places = np.round(1000 * edges / max(duration, 1e-9), 1)
    heights = values
    if len(values) > _COLUMNS:
        starts = np.unique(np.linspace(0, len(values), _COLUMNS, endpoint=False).astype(np.int64))
        heights = np.maximum.reduceat(values, starts)
        places = np.append(places[starts], places[-1])
    levels = np.rint(100 - 100 * heights).astype(int).tolist()
    path, last = f"M{places[0]:g} {levels[0]}", levels[0]
    for place, level in zip(places[1:-1].tolist(), levels[1:], strict=True):
        if level != last:
            path, last = path + f"H{place:g}V{level}", level
    return path + f"H{places[-1]:g}"


def ticks(duration: float, begin: float = 0.0) -> list[tuple[float, str]]:
    """Marks of the time axis: (per cent of what is shown, text); `begin` is the time at its left end, in seconds.

    >>> ticks(10.0)[:3], ticks(5400)[1]
    ([(0.0, '0 s'), (20.0, '2 s'), (40.0, '4 s')], (22.222, '20:00'))
    """
    step = next((step for step in _STEPS if duration / step <= _TICKS - 1), _STEPS[-1])
    times = step * np.arange(int(np.ceil(begin / step - 1e-6)), int((begin + duration) / step + 1e-6) + 1)
    return [(round(100 * float(at - begin) / duration, 3), _time_text(float(at), begin + duration)) for at in times]


def _time_text(at: float, duration: float) -> str:
    if duration < 100:
        return f"{at:g} s" if duration >= 1 else f"{at:.1f} s"
    hours, minutes, seconds = int(at // 3600), int(at // 60 % 60), int(round(at % 60, 6))
    return f"{hours}:{minutes:02}:{seconds:02}" if duration >= 7200 else f"{int(at // 60)}:{seconds:02}"


def _hertz(band_hz: Sequence[float] | None) -> list[tuple[float, str]]:
    """Marks of the frequency axis: (per cent from the foot, text), from the centres of the bands."""
    marks: list[tuple[float, str]] = []
    for hz in _HZ if band_hz is not None and len(band_hz) > 1 else ():
        assert band_hz is not None
        place = 100 * (float(np.interp(hz, band_hz, np.arange(len(band_hz)))) + 0.5) / len(band_hz)
        if band_hz[0] <= hz <= band_hz[-1] and place < 92 and all(place - other < -14 for other, _ in marks[-1:]):
            marks.append((round(place, 1), f"{hz // 1000} kHz" if hz >= 1000 else f"{hz} Hz"))
    return marks


def spectrogram_uri(logmel: npt.NDArray[np.floating], clock: Clock, duration: float) -> str:
    """A log-mel (frames, bands) up to `duration` seconds as a PNG of 256 colours within a URI.

    Columns beyond `_PIXELS` are joined by their maximum. `MissingExtraError` without the extra `report`.
    """
    try:
        from matplotlib import colormaps
        from PIL import Image
    except ImportError as error:
        raise MissingExtraError("matplotlib", "report", "drawing a spectrogram") from error
    shown = logmel[: max(1, clock.frames_in(duration))]
    if not shown.size:
        shown = np.zeros((1, 1), np.float32)
    if len(shown) > _PIXELS:
        starts = np.unique(np.linspace(0, len(shown), _PIXELS, endpoint=False).astype(np.int64))
        shown = np.maximum.reduceat(shown, starts, axis=0)
    low, high = np.percentile(shown, [3, 99.8])
    levels = np.clip((shown - low) / max(high - low, 1e-6), 0, 1)
    image = Image.fromarray(np.rint(255 * levels).astype(np.uint8).T[::-1].copy(), mode="P")
    image.putpalette((255 * colormaps["magma"](np.arange(256))[:, :3]).astype(np.uint8).tobytes())
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return data_uri(buffer.getvalue(), "image/png")
