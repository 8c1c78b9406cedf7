"""A file scored and decided as the command line does it, and what came of it as an answer."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from earmark.audio import SHORT, probe, too_short
from earmark.decisions import OperatingPoint
from earmark.errors import AudioError, EarmarkError, FaultError, MissingExtraError
from earmark.events import Event
from earmark.formats.outputs import encoding_of
from earmark.runtime.scorer import Job, Scorer, StoppedError
from earmark.runtime.tagger import Result, Tagger


class LongError(AudioError):
    """A recording that lasts longer than the server takes."""


class CodingError(AudioError):
    """A recording that needs a decoder which is not installed."""


def score_file(
    tagger: Tagger,
    path: Path,
    name: str,
    *,
    point: OperatingPoint | None = None,
    min_score: float = 0.0,
    longest: float = float("inf"),
    stop: threading.Event | None = None,
) -> Result:
    """Tags, events and scores of a file that is called `name`.

    `point` replaces the model's own. `AudioError` where the file cannot be read, is shorter than a sound or longer
    than `longest` seconds; `StoppedError` soon after `stop` is set. No message names `path`.
    """
    try:
        seconds = probe(path).duration
        if seconds is not None and seconds > longest:
            raise LongError(f"{name}: lasts {seconds:.0f} s; at most {longest:.0f} s are taken")
        ours = Tagger(tagger.model, point or tagger.operating_point)
        ours.scorer = Scorer(tagger.model, stop=stop)
        outcome = next(ours.stream([Job(name, path)], min_score=min_score))
        if not isinstance(outcome, Result):
            raise outcome[1]
    except EarmarkError as error:
        raise _renamed(error, path, name) from error
    if outcome.scores.duration < SHORT:
        raise AudioError(f"{name}: {too_short(outcome.scores.duration)}")
    return outcome


def _renamed(error: EarmarkError, path: Path, name: str) -> EarmarkError:
    """The error with the client's name of a file in place of ours."""
    text = str(error).replace(str(path), name)
    if isinstance(error, MissingExtraError):
        return CodingError(text)
    return next(
        (kind(text) for kind in (LongError, FaultError, StoppedError) if isinstance(error, kind)), AudioError(text)
    )


def tag_items(tags: Sequence[tuple[str, float]]) -> list[dict[str, Any]]:
    """Tags for an answer; probabilities rounded to the six decimals that every format has."""
    return [{"label": label, "score": round(float(score), 6)} for label, score in tags]


def event_items(events: Sequence[Event]) -> list[dict[str, Any]]:
    """Events for an answer: seconds to the microsecond."""
    return [
        {
            "onset": round(float(event.onset), 6),
            "offset": round(float(event.offset), 6),
            "label": event.label,
            "score": None if event.score is None else round(float(event.score), 6),
        }
        for event in events
    ]


def encoded(verb: str, form: str, results: Mapping[str, Sequence[Any]]) -> str:
    """What the command line prints of these recordings in a format that is text."""
    encoding = encoding_of(verb, form)
    encoding.check(results)
    parts = [encoding.encode(name, items, None) for name, items in results.items()]
    return encoding.header + encoding.between.join(parts) + encoding.footer
