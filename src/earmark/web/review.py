"""The routes of the review under `/api/review`: events one by one, what follows from the verdicts, exports.

    GET   /api/review                       {open, what, recordings, labels, progress: [{label, total, confirmed,
                                            rejected, unsure, added, left}], undoable}; open: whether there is a review
    POST  /api/review                       begin one of the recordings that the page has scored -> the same
    GET   /api/review/queue?order=&label=&judged=&limit=     {items: [item], left}: the events to judge, in their order
    GET   /api/review/recordings/{place}    {place, name, seconds, state, error, spectrogram, items: [item]}
    GET   /api/review/recordings/{place}/audio               the file, with Range
    GET   /api/review/recordings/{place}/spectrogram?from=&to=&width=&height=    PNG; 409 before it is read
    POST  /api/review/events                {place, onset, offset, label} -> 201 {item, progress ...}: one was missed
    POST  /api/review/events/{id}           {verdict} or {onset, offset, label} -> {item, progress, undoable}
    POST  /api/review/undo                  -> {item or null, progress, undoable}
    GET   /api/review/figures?wanted=       {labels: [{progress of the label, precision, reach}]}
    GET   /api/review/figure?label=         {curve: [precision], bins: [{low, high, judged, score, share, share_low,
                                            share_high}], platt: {slope, intercept} or null}
    POST  /api/review/export                {kinds} -> {folder, files: [{name, path}], recordings, events, complete,
                                            command}
    GET   /api/review/file?name=            one of these files

An item is {id, place, recording, onset, offset, label, score, verdict, added, moved, detected: [onset, offset, label]}.
A precision is {threshold, events, judged, right, value, low, high}.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict
from starlette.responses import FileResponse

from earmark.audio import probe
from earmark.decisions import decide, verdicts
from earmark.errors import ConfigError, EarmarkError
from earmark.runtime.journal import Journal
from earmark.runtime.review import Item, Judgement, Order, Review
from earmark.runtime.review_tables import KINDS, export
from earmark.web.page import Stretch, picture, sound
from earmark.web.service import SAVED, NotFoundError, Service, below
from earmark.web.spectrogram import Spectrogram, forget, measure
from earmark.web.uploads import UploadError

_PICTURES = 24  # spectrograms kept
_MOST = 500  # events of a queue at once


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class Missed(_Strict):
    """An event that the model missed."""

    place: int
    onset: float
    offset: float
    label: str


class Said(_Strict):
    """A verdict, or other borders and another label."""

    verdict: Judgement | None = None
    onset: float | None = None
    offset: float | None = None
    label: str | None = None


class Wanted(_Strict):
    """What is to be exported."""

    kinds: list[str] = list(KINDS)


class Pictures:
    """The spectrograms of the recordings under review, made when they are first asked for; the last ones are kept."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._held: OrderedDict[int, Spectrogram | str | None] = OrderedDict()  # None: in work; a text: what is wrong
        self._guard = threading.Lock()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="earmark-review")
        self._stop = threading.Event()

    def get(self, place: int, path: Path) -> Spectrogram | str | None:
        """The spectrogram; None while it is made, a text where it cannot be."""
        with self._guard:
            if place in self._held:
                self._held.move_to_end(place)
                return self._held[place]
            self._held[place] = None
            while len(self._held) > _PICTURES:
                old, _ = self._held.popitem(last=False)
                forget(self._file(old))
        self._thread.submit(self._make, place, path)
        return None

    def _file(self, place: int) -> Path:
        return self.folder / f"{place}.levels"

    def _make(self, place: int, path: Path) -> None:
        made: Spectrogram | str
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            made = measure(path, self._file(place), self._stop)
        except (EarmarkError, OSError) as error:
            made = str(error)
        with self._guard:
            if place in self._held:
                self._held[place] = made

    def close(self) -> None:
        """End what is in work."""
        self._stop.set()
        self._thread.shutdown(wait=True, cancel_futures=True)


def router(service: Service) -> APIRouter:
    """The routes of the review."""
    routes = APIRouter(prefix="/api/review", tags=["review"])
    desk = ReviewDesk(service.settings.review)
    pictures = Pictures(service.folder / "review")
    service.closing += [pictures.close, desk.close]

    @routes.get("")
    def summary() -> dict[str, Any]:
        return desk.summary()

    @routes.post("", status_code=201)
    def begin() -> dict[str, Any]:
        desk.begin(service)
        return desk.summary()

    @routes.get("/queue")
    def queue(
        order: Order = "balanced",
        label: str | None = None,
        judged: bool = False,
        limit: int = Query(100, ge=1, le=_MOST),
    ) -> dict[str, Any]:
        items = desk.current().queue(order, label, not judged)
        return {"items": [desk.described(item) for item in items[:limit]], "left": len(items)}

    @routes.get("/recordings/{place}")
    def recording(place: int) -> dict[str, Any]:
        return desk.recording(place, pictures)

    @routes.get("/recordings/{place}/audio")
    def audio(place: int) -> FileResponse:
        path = desk.path(place)
        if not path.is_file():
            raise NotFoundError(f"{path}: no such file any more")
        return sound(path, probe(path).format)

    @routes.get("/recordings/{place}/spectrogram")
    def spectrogram(place: int, stretch: Stretch) -> Response:
        made = pictures.get(place, desk.path(place))
        if not isinstance(made, Spectrogram):
            raise UploadError(made or f"{desk.name(place)}: it is not read yet", 409)
        return picture(made, stretch)

    @routes.post("/events", status_code=201)
    def add(missed: Missed) -> dict[str, Any]:
        name = desk.name(missed.place)
        return desk.state(desk.current().add(name, missed.onset, missed.offset, missed.label))

    @routes.post("/events/{id}")
    def judge(id: str, said: Said) -> dict[str, Any]:
        return desk.state(desk.judge(id, said))

    @routes.post("/undo")
    def undo() -> dict[str, Any]:
        return desk.state(desk.current().undo())

    @routes.get("/figures")
    def figures(wanted: float = Query(0.9, gt=0, le=1)) -> dict[str, Any]:
        return {"wanted": wanted, "labels": figures_of_labels(desk.current(), wanted)}

    @routes.get("/figure")
    def figure(label: str) -> dict[str, Any]:
        return figures_of_label(desk.current(), label)

    @routes.post("/export")
    def write(wanted: Wanted) -> dict[str, Any]:
        done = export(desk.current(), wanted.kinds)
        files = [{"name": path.relative_to(done.folder).as_posix(), "path": str(path)} for path in done.files]
        return {**asdict(done), "folder": str(done.folder), "files": files}

    @routes.get("/file")
    def file(name: str) -> FileResponse:
        return FileResponse(below(desk.current().folder, name), filename=name.rpartition("/")[2])

    return routes


def figures_of_labels(review: Review, wanted: float) -> list[dict[str, Any]]:
    """Of each label its progress, the precision so far, and the threshold at which the precision `wanted` is met."""
    rows = []
    for row in review.progress():
        scores, right = review.verdicts(row.label)
        reach = verdicts.threshold_for(scores, right, wanted)
        whole = verdicts.precision(scores, right)
        rows.append({**asdict(row), "left": row.left, "precision": asdict(whole), "reach": reach and asdict(reach)})
    return rows


def figures_of_label(review: Review, label: str) -> dict[str, Any]:
    """Precision over thresholds, and how far the scores of a label can be trusted."""
    scores, right = review.verdicts(label)
    bins, platt = verdicts.trust(scores, right)
    points = [asdict(point) for point in verdicts.curve(scores, right)]
    map_ = None if platt is None else {"slope": platt.slope, "intercept": platt.intercept}
    return {"label": label, "curve": points, "bins": [asdict(each) for each in bins], "platt": map_}


class ReviewDesk:
    """The review of a server: of a folder that it was started with, or begun from the recordings of its page."""

    def __init__(self, review: Review | None) -> None:
        self.review = review
        self._own: Review | None = None  # entered here, so left here
        self._places: dict[str, int] = {}
        if review is not None:
            self._take(review)

    def _take(self, review: Review) -> None:
        self.review = review
        self._places = {name: place for place, name in enumerate(review.recordings)}

    def current(self) -> Review:
        """The review. `NotFoundError` where there is none."""
        if self.review is None:
            raise NotFoundError("nothing is under review; start 'earmark review FOLDER', or begin one of this page")
        return self.review

    def name(self, place: int) -> str:
        """The name of a recording. `NotFoundError` where there is none."""
        found = self.current().recordings
        if not 0 <= place < len(found):
            raise NotFoundError(f"no recording {place} in this review")
        return found[place]

    def path(self, place: int) -> Path:
        """The file of a recording."""
        return self.current().audio[self.name(place)]

    def summary(self) -> dict[str, Any]:
        """Whether there is a review, of what, and how far it is."""
        if self.review is None:
            return {"open": False}
        what, recordings, labels = self.review.what, len(self.review.recordings), self.review.labels
        return {"open": True, "what": str(what), "recordings": recordings, "labels": labels, **self.progress()}

    def recording(self, place: int, pictures: Pictures) -> dict[str, Any]:
        """A recording with its events, and whether its picture is ready."""
        name, path = self.name(place), self.path(place)
        made = pictures.get(place, path)
        ready = isinstance(made, Spectrogram)
        seconds = len(made.levels) * made.hop if isinstance(made, Spectrogram) else _seconds(path)
        return {
            "place": place,
            "name": name,
            "seconds": seconds,
            "state": "ready" if ready else "reading" if made is None else "failed",
            "error": made if isinstance(made, str) else None,
            "spectrogram": None
            if not isinstance(made, Spectrogram)
            else {"hop": made.hop, "edges": made.edges.round(2).tolist()},
            "items": [self.described(item) for item in self.current().of(name)],
        }

    def judge(self, id: str, said: Said) -> Item:
        """Take a verdict on an event, or its correction. `NotFoundError`, `ConfigError`."""
        review = self.current()
        if id not in review.items:
            raise NotFoundError(f"no event {id!r} in this review")
        if said.onset is None and said.offset is None and said.label is None:
            return review.judge(id, said.verdict)
        if said.verdict is not None:
            raise ConfigError("give a verdict, or onset, offset and label, not both")
        item = review.items[id]
        onset = item.onset if said.onset is None else said.onset
        return review.correct(id, onset, item.offset if said.offset is None else said.offset, said.label)

    def state(self, item: Item | None) -> dict[str, Any]:
        """An event that was changed, and how far the review is now."""
        return {"item": None if item is None else self.described(item), **self.progress()}

    def begin(self, service: Service) -> None:
        """A review of all recordings that the page has scored, as their saved operating points decide them.

        What was uploaded is copied beside the review, so that it is there when the server ends.
        """
        ready = [held for held in service.shelf.all() if held.scores is not None]
        if not ready:
            raise ConfigError("no recording on this page is ready for a review; open one first")
        folder = service.settings.output / "reviews" / time.strftime("%Y-%m-%d-%H%M%S")
        names: set[str] = set()
        with Journal(folder / ".earmark" / "detect.jsonl") as journal:  # as `detect -o` leaves it, to go on with later
            journal.begin({"verb": "detect", "options": {}})
            for held in ready:
                assert held.scores is not None
                name = _unused(held.name if held.place is None else held.place, names)
                names.add(name)
                path = held.path.resolve()
                if held.place is None:
                    path = folder.resolve() / name
                    path.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(held.path, path)
                events = decide(held.scores, service.point(held.model, SAVED)).events
                journal.append({"name": name, "path": str(path), "seconds": held.seconds, "items": events})
        made = Review.open(folder)
        made.__enter__()
        self.close()
        self._own = made
        self._take(made)

    def described(self, item: Item) -> dict[str, Any]:
        """An event for the page."""
        detected = item.detected and (item.detected.onset, item.detected.offset, item.detected.label)
        return {
            "id": item.id,
            "place": self._places[item.recording],
            "recording": item.recording,
            "onset": item.onset,
            "offset": item.offset,
            "label": item.label,
            "score": item.score,
            "verdict": item.verdict,
            "added": item.detected is None,
            "moved": item.moved,
            "removed": item.removed,
            "detected": detected,
        }

    def progress(self) -> dict[str, Any]:
        """How far each label is."""
        assert self.review is not None
        rows = [{**asdict(row), "left": row.left} for row in self.review.progress()]
        return {"progress": rows, "undoable": self.review.undoable}

    def close(self) -> None:
        """Leave a review that was begun here."""
        if self._own is not None:
            self._own.__exit__()
            self._own = None


def _seconds(path: Path) -> float | None:
    try:
        return probe(path).duration
    except (EarmarkError, OSError):
        return None


def _unused(name: str, taken: set[str]) -> str:
    """A name that no other recording has: `a.wav`, `a (2).wav`."""
    path, number, found = Path(name), 1, name
    while found in taken:
        number += 1
        found = path.with_stem(f"{path.stem} ({number})").as_posix()
    return found
