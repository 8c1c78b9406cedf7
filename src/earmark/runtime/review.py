"""A review of detected events: what a person says of each, kept at once, and what follows from it.

    results of detect -o -> Review -> confirm, reject, correct, add, undo -> review.jsonl -> the same state again

The log is a journal (`journal.py`) of actions in their order; an undo is an action too, so that nothing is ever lost.
An event is known by its recording, times and label, so that a review goes on when `detect` has added recordings.

`Review`   the events with their verdicts; `judge`, `correct`, `add`, `undo`
`Order`    which event comes next: `score`, `label`, `balanced`
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Self, get_args

from earmark.decisions.verdicts import Verdict, spread
from earmark.errors import ConfigError, DataError, did_you_mean
from earmark.events import Event
from earmark.formats import read_events
from earmark.formats.fields import check_label
from earmark.lock import Lock
from earmark.runtime.clips import RESULTS, Clip, find_audio
from earmark.runtime.journal import Journal

LOG = "review.jsonl"
Order = Literal["score", "label", "balanced"]
Judgement = Literal["confirmed", "rejected", "unsure"]
_SHORTEST = 0.001  # seconds of an event


@dataclass(frozen=True)
class Item:
    """An event under review."""

    id: str
    recording: str
    onset: float  # seconds, as corrected
    offset: float
    label: str
    score: float | None  # None: the model did not find it
    verdict: Judgement | None = None
    detected: Event | None = None  # as the model had it; None: added by a person
    removed: bool = False  # an added event that was rejected again

    @property
    def event(self) -> Event:
        """The event as it now stands."""
        return Event(self.onset, self.offset, self.label, self.score)

    @property
    def moved(self) -> bool:
        """Whether it is not as the model had it."""
        return self.detected is not None and self.detected[:3] != (self.onset, self.offset, self.label)


@dataclass(frozen=True)
class Progress:
    """How far the review of a label is."""

    label: str
    total: int  # detected events
    confirmed: int
    rejected: int
    unsure: int
    added: int  # events that the model missed

    @property
    def left(self) -> int:
        """Detected events without a verdict."""
        return self.total - self.confirmed - self.rejected - self.unsure


class Review:
    """The review of the results in a folder. Use as a context; a second one of the same folder is refused."""

    def __init__(
        self, events: Mapping[str, Sequence[Event]], audio: Mapping[str, Path], log: Path, what: Path | None = None
    ) -> None:
        self.recordings = list(events)
        self.audio, self.log, self.what = dict(audio), log, what or log
        self.items: dict[str, Item] = {}
        self._by_recording: dict[str, list[str]] = {name: [] for name in self.recordings}
        for recording, found in events.items():
            for event in found:
                self._put(_of_event(recording, event))
        self._undoable: list[tuple[str, Item | None]] = []  # what was before each action
        self._guard = threading.RLock()
        self._journal = Journal(log)
        self._lock = Lock(log.with_name(f".{log.name}.lock"), log)

    @classmethod
    def open(cls, place: Path, audio: Path | None = None) -> Self:
        """The review of a folder or table that `detect` wrote; it goes on where it was left.

        `DataError` where there are no events or recordings, `OutputError` where it is under review already.
        """
        table = place / "events.csv" if (place / "events.csv").is_file() else place
        if not place.exists():
            raise DataError(f"{place}: no such file or folder; expected what 'earmark detect -o' wrote")
        events = _journalled(place) or read_events(table)
        known = [Clip(name, Event(0.0, 0.0, ""), 0.0, 0.0, ()) for name in events]
        found = find_audio(known, table, audio)
        log = place / LOG if place.is_dir() else place.with_name(f"{place.stem}.{LOG}")
        return cls({name: each for name, each in events.items() if name in found}, found, log, place)

    def __enter__(self) -> Self:
        self._lock.__enter__()
        try:
            if self._journal.header() is None:
                self._journal.begin({"verb": "review"})
            else:
                self._journal.go_on(lambda _, record: self._apply(record))
        except BaseException:
            self._lock.__exit__()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self._journal.close()
        self._lock.__exit__()

    @property
    def folder(self) -> Path:
        """Where exports go."""
        return self.log.parent / "review"

    @property
    def labels(self) -> list[str]:
        """Every label of an event, in alphabetical order."""
        return sorted({item.label for item in self.items.values()})

    def of(self, recording: str) -> list[Item]:
        """The events of a recording, by time."""
        found = [self.items[id] for id in self._by_recording.get(recording, ())]
        return sorted((item for item in found if not item.removed), key=lambda item: (item.onset, item.label))

    def judge(self, id: str, verdict: Judgement | None) -> Item:
        """Confirm, reject or doubt an event; None takes the verdict back."""
        if verdict is not None and verdict not in get_args(Judgement):
            raise ConfigError(f"unknown verdict {verdict!r}; known: {', '.join(get_args(Judgement))}")
        self._known(id)
        return self._do({"do": "judge", "id": id, "verdict": verdict})

    def correct(self, id: str, onset: float, offset: float, label: str | None = None) -> Item:
        """Other borders, or another label; the event is then confirmed. `ConfigError` where they are impossible."""
        item = self._known(id)
        label = item.label if label is None else label
        self._check(item.recording, onset, offset, label)
        return self._do({"do": "correct", "id": id, "onset": onset, "offset": offset, "label": label})

    def add(self, recording: str, onset: float, offset: float, label: str) -> Item:
        """An event that the model missed."""
        self._check(recording, onset, offset, label)
        with self._guard:
            id = f"added-{sum(item.detected is None for item in self.items.values()) + 1}"
            record = {"do": "add", "id": id, "recording": recording, "onset": onset, "offset": offset, "label": label}
            return self._do(record)

    def undo(self) -> Item | None:
        """Take the last action back; the event as it is now. None where there is nothing to take back."""
        with self._guard:
            if not self._undoable:
                return None
            id = self._undoable[-1][0]
            self._journal.append({"do": "undo"})
            self._apply({"do": "undo"})
            return self.items.get(id)

    @property
    def undoable(self) -> int:
        """How many actions can be taken back."""
        return len(self._undoable)

    def queue(self, order: Order = "balanced", label: str | None = None, open_only: bool = True) -> list[Item]:
        """The detected events in the order of the review; without those that have a verdict, if `open_only`.

        `score`: the highest first. `label`: label by label. `balanced`: the labels in turn, each evenly over its
        scores, so that wherever one stops the figures are fair.
        """
        if order not in get_args(Order):
            raise ConfigError(f"unknown order {order!r}{did_you_mean(order, get_args(Order))}")
        detected = [item for item in self.items.values() if item.detected is not None]
        detected.sort(key=lambda item: (-(item.score or 0.0), item.recording, item.onset))
        groups: dict[str, list[Item]] = {}
        for item in detected:
            assert item.detected is not None
            groups.setdefault(item.detected.label, []).append(item)
        if label is not None:
            groups = {label: groups.get(label, [])}
        if order == "score":
            chosen = [item for item in detected if label is None or item in groups[label]]
        elif order == "label":
            chosen = [item for name in sorted(groups) for item in groups[name]]
        else:
            chosen = list(
                _in_turn([[group[rank] for rank in spread(len(group))] for _, group in sorted(groups.items())])
            )
        return [item for item in chosen if not (open_only and item.verdict)]

    def progress(self) -> list[Progress]:
        """How far each label is, in alphabetical order. Events count for the label that the model gave."""
        rows: dict[str, Counter[str]] = {}
        for item in self.items.values():
            if not item.removed:
                label = item.label if item.detected is None else item.detected.label
                kind = "added" if item.detected is None else _counted_as(item) or "left"
                rows.setdefault(label, Counter())[kind] += 1
        kinds = ("confirmed", "rejected", "unsure", "added")
        return [
            Progress(label, sum(row.values()) - row["added"], *(row[kind] for kind in kinds))
            for label, row in sorted(rows.items())
        ]

    def verdicts(self, label: str) -> tuple[list[float], list[Verdict]]:
        """Scores and verdicts of the events that the model gave this label; a doubtful one counts as not judged.

        An event that a person gave another label was wrong.
        """
        found = [item for item in self.items.values() if item.detected is not None and item.detected.label == label]
        verdicts = {"confirmed": True, "rejected": False}
        return [item.score or 0.0 for item in found], [verdicts.get(_counted_as(item) or "") for item in found]

    def results(self, complete: bool = False) -> dict[str, list[Event]]:
        """The confirmed, corrected and added events by recording; only of recordings without open events if `complete`.

        A recording that is complete has a verdict, and none of doubt, for each of its events.
        """
        found: dict[str, list[Event]] = {}
        for recording in self.recordings:
            items = self.of(recording)
            if complete and any(item.verdict in (None, "unsure") for item in items):
                continue
            events = [item.event for item in items if item.verdict == "confirmed"]
            if complete or any(item.verdict for item in items):
                found[recording] = events
        return found

    def _known(self, id: str) -> Item:
        if id not in self.items:
            raise ConfigError(f"no event {id!r} in this review")
        return self.items[id]

    def _check(self, recording: str, onset: float, offset: float, label: str) -> None:
        if recording not in self._by_recording:
            raise ConfigError(f"no recording {recording!r} in this review")
        if not (onset >= 0 and offset - onset >= _SHORTEST):  # nor NaN
            raise ConfigError(f"{recording}: an event from {onset:g} to {offset:g} s is impossible")
        check_label(label)

    def _do(self, record: dict[str, Any]) -> Item:
        with self._guard:
            self._journal.append(record)
            self._apply(record)
            return self.items[record["id"]]

    def _apply(self, record: Mapping[str, Any]) -> None:
        """Do what a line of the log says; one on an event that is no longer there does nothing."""
        kind, id = record.get("do"), str(record.get("id"))
        if kind == "undo":
            if self._undoable:
                id, before = self._undoable.pop()
                self._restore(id, before)
            return
        before = self.items.get(id)
        if kind == "add" and record.get("recording") in self._by_recording:
            times = float(record["onset"]), float(record["offset"])
            self._put(Item(id, str(record["recording"]), *times, str(record["label"]), None, "confirmed"))
        elif kind == "judge" and before is not None:
            removed = before.detected is None and record["verdict"] == "rejected"
            self.items[id] = replace(before, verdict=record["verdict"], removed=removed)
        elif kind == "correct" and before is not None:
            now = {"onset": float(record["onset"]), "offset": float(record["offset"]), "label": str(record["label"])}
            self.items[id] = replace(before, **now, verdict="confirmed")  # type: ignore[arg-type]
        else:
            self._undoable.append((id, before))  # so that an undo after it takes back nothing else
            return
        self._undoable.append((id, before))

    def _put(self, item: Item) -> None:
        if item.id not in self.items:
            self._by_recording[item.recording].append(item.id)
        self.items[item.id] = item

    def _restore(self, id: str, before: Item | None) -> None:
        if before is not None:
            self.items[id] = before
        elif id in self.items:
            item = self.items.pop(id)
            self._by_recording[item.recording].remove(id)


def _counted_as(item: Item) -> Judgement | None:
    """The verdict on what the model said: another label is a rejection of its own."""
    relabelled = item.detected is not None and item.verdict == "confirmed" and item.label != item.detected.label
    return "rejected" if relabelled else item.verdict


def _of_event(recording: str, event: Event) -> Item:
    key = json.dumps([recording, round(event.onset, 3), round(event.offset, 3), event.label])
    id = hashlib.blake2s(key.encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()
    return Item(id, recording, event.onset, event.offset, event.label, event.score, detected=event)


def _journalled(place: Path) -> dict[str, list[Event]]:
    """The events of the journal of a run, which knows the scores and the recordings without events; {} without one."""
    folder = place if place.is_dir() else place.parent
    for state in (folder / ".earmark", folder / f".{place.name}.earmark"):
        for file in RESULTS:
            journal = Journal(state / file)
            if journal.path.exists():
                return {
                    str(record["name"]): [Event(*item) for item in record["items"]]
                    for record in journal.records()
                    if "items" in record
                }
    return {}


def _in_turn(groups: Iterable[Sequence[Item]]) -> Iterator[Item]:
    """One of each group in turn, until all are done."""
    waiting = [iter(group) for group in groups]
    while waiting:
        going = []
        for each in waiting:
            item = next(each, None)
            if item is not None:
                yield item
                going.append(each)
        waiting = going
