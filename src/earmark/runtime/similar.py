"""The stretches of recordings that are nearest to an example, by the cosine of their embeddings.

    q       the mean of the example's vectors, each brought to length one
    m(t)    the mean of those of the k steps from t on, k being as many as the example has (a recording's own, if fewer)
    s(t)    cosine of q and m(t)

The nearest stretches are those with the largest s that do not overlap; a stretch is [start of its first step, end of
its last]. Everything is computed, nothing is approximated, and of the sets one recording is in memory at a time.
"""

from __future__ import annotations

import heapq
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from earmark.arrays import DoubleArray, FloatArray
from earmark.errors import ConfigError, DataError, OutputError, did_you_mean
from earmark.events import Event
from earmark.formats import EVENT_FORMATS, write_events
from earmark.formats.embeddings import Per, Set, Vectors
from earmark.runtime.embedder import Embedder
from earmark.runtime.journal import Journal

JOURNAL = "similar.jsonl"
_PIECE = 2**18  # values: what is made of them stays in the cache


@dataclass(frozen=True)
class Query:
    """An example."""

    vector: FloatArray  # (values,), of length one
    steps: int  # of the model, how long it is
    recording: str | None = None  # in the sets; its own stretch is not an answer
    start: float = 0.0  # seconds, of that stretch
    end: float = 0.0


@dataclass(frozen=True, order=True)
class Match:
    """A stretch that was found; ordered by score."""

    score: float  # cosine
    place: int  # of the recording, counted from the end: of equal scores the first recording is the larger
    recording: str
    start: float  # seconds
    end: float


def check_alike(sets: Sequence[Set]) -> None:
    """`ConfigError` unless all sets are of one model and one unit."""
    if not sets:
        raise ConfigError("nothing to search: give a folder that 'earmark embed -o' wrote")
    first = sets[0]
    for other in sets[1:]:
        for what in ("fingerprint", "per", "values"):
            if getattr(other.card, what) != getattr(first.card, what):
                name = "model" if what == "fingerprint" else what
                raise ConfigError(f"{first.folder} and {other.folder} were made with another {name}; search them apart")


def query_of(name: str, sets: Sequence[Set], start: float | None, end: float | None) -> Query | None:
    """The example that is a recording of the sets; None where the name is that of a file.

    `DataError` where it is neither.
    """
    for each in sets:
        for entry in each.entries:
            if entry.recording == name:
                return _query(each.read(entry), start, end, f"{each.folder}: {name}", known=True)
    if os.path.isfile(name):
        return None
    known = [entry.recording for each in sets for entry in each.entries]
    raise DataError(
        f"{name}: is neither a sound file nor one of the {len(known)} recordings in {sets[0].folder}"
        f"{did_you_mean(name, known[:10_000])}"
    )


def query_of_sound(embedder: Embedder, path: Path, start: float | None, end: float | None, per: Per) -> Query:
    """The example that is a sound file, or its part from `start` to `end` seconds, for a set of vectors `per`.

    The embedder gives a vector per frame. The whole file is embedded, so that a part is seen in its surroundings, as it
    is in the sets. `AudioError`, `ConfigError` and `DataError` as for any recording.
    """
    found = embedder(path).found
    query = _query(found, start, end, str(path), known=False)
    if per == "frame":
        return query
    return replace(query, steps=1 if per == "clip" else max(1, round(query.end - query.start)))


def _query(found: Vectors, start: float | None, end: float | None, name: str, known: bool) -> Query:
    """The part of a recording from `start` to `end` seconds (None: its ends), as an example."""
    if not len(found.vectors):
        raise DataError(f"{name}: holds no vectors")
    duration = float(found.end[-1])
    first, last = 0.0 if start is None else start, duration if end is None else end
    if not (0 <= first < last):  # nor numbers that are none
        raise ConfigError(f"--start {first:g} --end {last:g}: expected 0 <= start < end, in seconds")
    if first >= duration:
        raise ConfigError(f"{name}: lasts {duration:.3f} s; --start {first:g} is beyond its end")
    middles = (found.start + found.end) / 2
    inside = np.flatnonzero((middles >= first) & (middles < last))
    if not len(inside):  # shorter than a step: the one that holds its middle
        inside = np.array([np.abs(middles - (first + min(last, duration)) / 2).argmin()])
    vector = _units(found.vectors[inside]).mean(axis=0)
    length = float(np.linalg.norm(vector))
    if not length:
        raise DataError(f"{name}: its embedding is zero, as of silence; choose a part with sound (--start, --end)")
    times = float(found.start[inside[0]]), float(found.end[inside[-1]])
    recording = found.recording if known else None
    return Query((vector / length).astype(np.float32), len(inside), recording, *times)


def nearest(sets: Sequence[Set], query: Query, top: int) -> list[Match]:
    """The `top` nearest stretches of all recordings, best first; of equal scores those that come first."""
    if top < 1:
        raise ConfigError(f"--top {top}: expected 1 or more")
    best: list[Match] = []  # a heap: the worst first
    place = 0
    for each in sets:
        if each.card.values != len(query.vector):
            raise ConfigError(
                f"{each.folder}: its vectors have {each.card.values} values, the example has {len(query.vector)}"
            )
        for found in each:
            place -= 1
            least = best[0].score if len(best) == top else -np.inf
            for score, start, end in _stretches(found, query, top, least):
                heapq.heappush(best, Match(score, place, found.recording, start, end))
                if len(best) > top:
                    heapq.heappop(best)
    return sorted(best, key=lambda match: (-match.score, -match.place, match.start))


def _stretches(found: Vectors, query: Query, top: int, least: float) -> Iterator[tuple[float, float, float]]:
    """Score, start and end of a recording's nearest stretches that do not overlap, at most `top`, all above `least`."""
    steps = min(query.steps, len(found.vectors))
    if not steps:
        return
    scores = _cosines(found.vectors, steps, query.vector)
    if found.recording == query.recording:  # what overlaps the example itself is not an answer
        first, last = np.searchsorted(found.end, query.start, "right"), np.searchsorted(found.start, query.end, "left")
        scores[max(0, first - steps + 1) : last] = -np.inf
    for _ in range(top):
        at = int(scores.argmax())
        if not scores[at] > least:
            return
        yield float(scores[at]), float(found.start[at]), float(found.end[at + steps - 1])
        scores[max(0, at - steps + 1) : at + steps] = -np.inf


def _cosines(vectors: FloatArray, steps: int, query: FloatArray) -> DoubleArray:
    """Cosine of the example and the mean of each `steps` neighbours among vectors (n, values); 0 for zeros."""
    count = len(vectors) - steps + 1
    cosines = np.empty(count)
    piece = max(_PIECE // vectors.shape[1], 2 * steps)  # a recording of many hours is not copied as a whole
    for first in range(0, count, piece):
        last = min(first + piece, count)
        units = _units(vectors[first : last + steps - 1])
        sums = units if steps == 1 else _sums(units, steps)  # (last - first, values)
        lengths = np.sqrt(np.einsum("ij,ij->i", sums, sums))
        products = sums @ query.astype(np.float64)
        cosines[first:last] = np.divide(products, lengths, out=np.zeros(last - first), where=lengths > 1e-9)
    return np.clip(cosines, -1.0, 1.0)


def _sums(units: DoubleArray, steps: int) -> DoubleArray:
    """The sum of each `steps` neighbours among vectors (n, values): (n - steps + 1, values)."""
    until = np.zeros((len(units) + 1, units.shape[1]))
    np.cumsum(units, axis=0, out=until[1:])
    sums: DoubleArray = until[steps:] - until[:-steps]
    return sums


def _units(vectors: FloatArray) -> DoubleArray:
    """Vectors brought to length one; zero ones as they are."""
    lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64))
    units: DoubleArray = vectors / np.where(lengths > 0, lengths, 1.0)[:, None]
    return units


def as_event(match: Match, label: str) -> Event:
    """A match as an event; a cosine below 0 counts as 0."""
    return Event(match.start, match.end, label, round(max(0.0, match.score), 6))


def as_events(matches: Sequence[Match], label: str) -> dict[str, list[Event]]:
    """Matches by recording, the recording with the best one first; those of a recording in the order of time."""
    events: dict[str, list[Event]] = {}
    for match in matches:
        events.setdefault(match.recording, []).append(as_event(match, label))
    return {recording: sorted(found) for recording, found in events.items()}


def write_matches(
    matches: Sequence[Match], sets: Sequence[Set], label: str, output: Path, formats: Sequence[str]
) -> list[Path]:
    """Write matches as `detect` writes events, and beside them where the recordings are, for `review` and `clips`."""
    events = as_events(matches, label)
    state = state_of(output, [EVENT_FORMATS[form].suffix for form in formats])
    if (state / "detect.jsonl").exists():
        raise OutputError(f"{output} holds results of 'earmark detect'; choose another folder")
    written = write_events(output, events, formats)
    paths = _paths(sets, set(events))
    with Journal(state / JOURNAL) as journal:
        journal.begin({"verb": "similar", "options": {"label": label}, "formats": list(formats)})
        for recording, found in events.items():
            journal.append({"name": recording, "path": paths.get(recording, recording), "items": [*map(list, found)]})
    return written


def state_of(output: Path, suffixes: Sequence[str]) -> Path:
    """The hidden folder beside an output, as that of `detect`."""
    if output.suffix.lower() in suffixes and not output.is_dir():
        return output.parent / f".{output.name}.earmark"
    return output / ".earmark"


def _paths(sets: Sequence[Set], names: set[str]) -> dict[str, str]:
    """Where the run that embedded them found these recordings."""
    found: dict[str, str] = {}
    for each in sets:
        journal = Journal(each.folder / ".earmark" / "embed.jsonl")
        if journal.path.exists():
            for record in journal.records():
                if record["name"] in names:
                    found.setdefault(str(record["name"]), str(record["path"]))
    return found
