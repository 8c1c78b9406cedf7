"""The routes of the page under `/api`; `app` says what each takes and gives."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, ConfigDict
from starlette.responses import FileResponse

from earmark.arrays import FloatArray
from earmark.decisions import OperatingPoint, decide
from earmark.decisions.changes import changed, differences
from earmark.errors import ConfigError
from earmark.scores import Scores
from earmark.web.scoring import tag_items
from earmark.web.security import COOKIE, same
from earmark.web.service import SAVED, Json, NotFoundError, Service, below, listed
from earmark.web.shelf import Held
from earmark.web.spectrogram import TALLEST, WIDEST, Spectrogram, tile
from earmark.web.uploads import UploadError, receive

MOST_POINTS = 20_000  # of a lane
_KINDS = {  # what browsers play, by the container that libsndfile or FFmpeg names
    **{"WAV": "audio/wav", "WAVEX": "audio/wav", "FLAC": "audio/flac", "OGG": "audio/ogg", "MP3": "audio/mpeg"},
    **{"MPEG": "audio/mpeg", "mp3": "audio/mpeg", "ogg": "audio/ogg", "mov": "audio/mp4", "matroska": "audio/webm"},
    **{"aac": "audio/aac", "flac": "audio/flac", "wav": "audio/wav"},
}
Words = dict[str, dict[str, bool | float]]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Place(_Strict):
    """A recording below the root folder, to be opened."""

    path: str
    model: str | None = None


class Wanted(_Strict):
    """Events wanted with these changes of the operating point."""

    changes: Words = {}
    base: str = SAVED
    min_score: float = 0.0


class PointChange(_Strict):
    """What is to be done with changes of an operating point."""

    action: str = "diff"  # diff, save, reset
    changes: Words = {}
    model: str | None = None


class Tile(NamedTuple):
    """What of a spectrogram is wanted: seconds, to the end where `end` is None, and pixels."""

    begin: float
    end: float | None
    width: int
    height: int


def _tile(
    begin: float = Query(0.0, alias="from", ge=0, le=1e7),
    end: float | None = Query(None, alias="to", ge=0, le=1e7),
    width: int = Query(1024, ge=1, le=WIDEST),
    height: int = Query(256, ge=1, le=TALLEST),
) -> Tile:
    return Tile(begin, end, width, height)


Stretch = Annotated[Tile, Depends(_tile)]


class Session(_Strict):
    """A token, in exchange for a cookie."""

    token: str


def router(service: Service) -> APIRouter:
    """The routes of the page."""
    routes = APIRouter(prefix="/api", tags=["page"])

    @routes.get("/models")
    def models() -> dict[str, Any]:
        return {"models": [describe_model(service, name) for name in service.settings.models]}

    @routes.get("/folder")
    def folder(path: str = "") -> dict[str, Any]:
        if service.settings.root is None:
            return {"root": False, "folders": [], "files": []}
        folders, files = listed(service.settings.root, path)
        return {"root": True, "folders": folders, "files": files}

    @routes.get("/recordings")
    def recordings() -> dict[str, Any]:
        points = {name: service.point(name, SAVED) for name in service.settings.models}
        return {"recordings": [summary(each, points[each.model]) for each in service.shelf.all()]}

    @routes.post("/recordings", status_code=201)
    async def add(request: Request, model: str | None = None) -> dict[str, Any]:
        made = await take_in(service, request, model)
        service.begin(made)
        return {"id": made.id}

    @routes.get("/recordings/{id}")
    def recording(id: str) -> dict[str, Any]:
        return details(service, find(service, id))

    @routes.delete("/recordings/{id}", status_code=204)
    def remove(id: str) -> None:
        find(service, id)
        service.shelf.remove(id)

    @routes.get("/recordings/{id}/audio")
    def audio(id: str) -> FileResponse:
        found = find(service, id)
        if not found.path.is_file():
            raise NotFoundError(f"{found.name}: the file is gone")
        return sound(found.path, found.info.format if found.info else "")

    @routes.get("/recordings/{id}/spectrogram")
    def spectrogram(id: str, stretch: Stretch) -> Response:
        found = find(service, id)
        if found.spectrogram is None:
            why = found.error if found.state == "failed" else f"it is not read yet ({found.state})"
            raise UploadError(f"{found.name}: {why}", 409)
        return picture(found.spectrogram, stretch)

    @routes.get("/recordings/{id}/lanes", response_model=None)
    def lanes(
        request: Request,
        id: str,
        begin: float = Query(0.0, alias="from", ge=0, le=1e7),
        end: float | None = Query(None, alias="to", ge=0, le=1e7),
        points: int = Query(1000, ge=1, le=MOST_POINTS),
    ) -> Response:
        _, scores = find_scored(service, id)
        plain = "application/octet-stream" in request.headers.get("accept", "")
        return lanes_of(scores, begin, end, points, plain=plain)

    @routes.post("/recordings/{id}/events")
    async def events(id: str, wanted: Wanted) -> Response:
        found, _ = find_scored(service, id)
        return Response(await run_in_threadpool(decided, service, found, wanted), media_type="application/json")

    @routes.post("/operating-point")
    def operating_point(change: PointChange) -> dict[str, Any]:
        return change_point(service, change)

    @routes.post("/session", status_code=204)
    def session(asked: Session, request: Request) -> Response:
        return session_answer(service, asked.token, request)

    return routes


def find(service: Service, id: str) -> Held:
    """A recording of the page. `NotFoundError`."""
    found = service.shelf.find(id)
    if found is None:
        raise NotFoundError(f"no recording {id!r}; it may have been removed")
    return found


def find_scored(service: Service, id: str) -> tuple[Held, Scores]:
    """A recording and its scores. `NotFoundError`; `UploadError` (409) where it is not scored."""
    found = find(service, id)
    if found.scores is None:
        why = found.error if found.state == "failed" else f"it is not scored yet ({found.state})"
        raise UploadError(f"{found.name}: {why}", 409)
    return found, found.scores


async def take_in(service: Service, request: Request, model: str | None) -> Held:
    """Put a recording on the shelf: the one that is uploaded, or one below the root folder."""
    with service.work.place():  # an upload is read only where there is room for one
        upload = await receive(request, service.uploads, service.settings.max_upload, service.settings.idle)
    try:
        if upload.kind == "json":
            place = parsed_place(upload.path.read_bytes())
            model = place.model or model
            service.tagger(model)
            if service.settings.root is None:
                raise ConfigError("this server opens no files of its own; start it with --root FOLDER")
            sound = below(service.settings.root, place.path)
            return service.shelf.add(sound.name, model or service.settings.default_model, sound, place.path)
        model = upload.fields.get("model") or model
        service.tagger(model)
        return service.shelf.add(upload.name, model or service.settings.default_model, upload.path)
    finally:
        upload.remove()


def lanes_of(scores: Scores, begin: float, end: float | None, points: int, *, plain: bool) -> Response:
    """Frame scores between two times: as JSON, or `plain` as float16, (points, labels)."""
    until = scores.duration if end is None else end
    if until <= begin:
        raise ConfigError(f"from {begin} to {until}: the end is not after the beginning")
    times, values = reduced(scores, begin, until, points)
    if plain:
        shape = {"x-points": str(len(values)), "x-labels": str(values.shape[1])}
        content = values.astype("<f2").tobytes()
        return Response(content, media_type="application/octet-stream", headers=shape)
    curves = {label: values[:, place].astype(np.float64).round(4).tolist() for place, label in enumerate(scores.labels)}
    return Json({"times": times, "lanes": curves})


def sound(path: Path, format: str) -> FileResponse:
    """A recording as it is, with Range; `format` as `AudioInfo` names it."""
    kind = _KINDS.get(format.split()[0] if format else "", "application/octet-stream")
    return FileResponse(path, media_type=kind, headers={"cache-control": "private, max-age=3600"})


def picture(spectrogram: Spectrogram, stretch: Tile) -> Response:
    """A tile of a spectrogram as PNG."""
    begin, until = stretch.begin, stretch.end
    if until is None:
        until = len(spectrogram.levels) * spectrogram.hop
    if until <= begin:
        raise ConfigError(f"from {begin} to {until}: the end is not after the beginning")
    content = tile(spectrogram, begin, until, stretch.width, stretch.height)
    return Response(content, media_type="image/png", headers={"cache-control": "private, max-age=3600, immutable"})


def session_answer(service: Service, token: str, request: Request) -> Response:
    """A cookie for a browser that knows the token."""
    if service.settings.token is None:
        return Response(status_code=204)
    if not same(service.settings.token, token):
        return Json({"error": "that is not the token"}, 401)
    answer = Response(status_code=204)
    answer.set_cookie(COOKIE, token, httponly=True, samesite="strict", secure=request.url.scheme == "https")
    return answer


def parsed_place(content: bytes) -> Place:
    """The body of a request for a recording below the root folder."""
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise UploadError(f"the body is no JSON: {error}") from error
    if not isinstance(document, dict) or not isinstance(document.get("path"), str):
        raise UploadError('expected {"path": "street/a.wav"}, or a recording as a form with the part file')
    model = document.get("model")
    return Place(path=document["path"], model=model if isinstance(model, str) else None)


def describe_model(service: Service, name: str) -> dict[str, Any]:
    """What is to be known of a model."""
    tagger = service.tagger(name)
    return {
        "name": name,
        "labels": list(tagger.labels),
        "reportable": list(tagger.operating_point.reportable),
        "rate": tagger.rate,
        "arithmetic": tagger.model.arithmetic,
        "default": name == service.settings.default_model,
    }


def summary(held: Held, point: OperatingPoint) -> dict[str, Any]:
    """A recording in the list."""
    scores = held.scores
    tags = [] if scores is None else decide(replace(scores, frames=scores.frames[:0]), point).tags
    return {
        "id": held.id,
        "name": held.name,
        "path": held.place,
        "seconds": held.seconds,
        "state": held.state,
        "error": held.error,
        "model": held.model,
        "tags": tag_items(tags),
    }


def details(service: Service, held: Held) -> dict[str, Any]:
    """All that is known of a recording."""
    tagger, point, own = service.tagger(held.model), service.point(held.model, SAVED), service.point(held.model)
    scores, picture = held.scores, held.spectrogram
    clock = None
    if scores is not None:
        step = scores.clock.step
        clock = {"step": float(step), "start": float(scores.clock.start), "rate": float(1 / step)}
        clock["frames"] = len(scores.frames)
    return {
        **summary(held, point),
        "rate": None if held.info is None else held.info.rate,
        "channels": None if held.info is None else held.info.channels,
        "format": None if held.info is None else held.info.format,
        "labels": list(tagger.labels),
        "clip": None
        if scores is None
        else dict(zip(scores.labels, scores.clip.astype(np.float64).round(6).tolist(), strict=True)),
        "clock": clock,
        "spectrogram": None if picture is None else {"hop": picture.hop, "edges": picture.edges.round(2).tolist()},
        "operating_point": point.model_dump(mode="json", exclude_none=True),
        "saved": [each._asdict() for each in differences(own, point)],
        "actions": [] if held.result is None else list(held.result.actions),
        "problem": None if held.result is None else held.result.problem,
    }


def reduced(scores: Scores, begin: float, end: float, points: int) -> tuple[list[float], FloatArray]:
    """Times and scores (points, labels): the frames between two times, the largest of each few; at most `points`."""
    first, last = max(0, scores.clock.frame_at(begin)), min(len(scores.frames), scores.clock.frames_in(end))
    frames = scores.frames[first : max(first, last)]
    if not len(frames):
        return [], np.zeros((0, len(scores.labels)), np.float32)
    starts = np.unique(np.linspace(0, len(frames), min(points, len(frames)), endpoint=False).astype(np.int64))
    values = np.maximum.reduceat(frames, starts, axis=0)
    return [round(scores.clock.time(first + int(place)), 4) for place in starts], values


def decided(service: Service, held: Held, wanted: Wanted) -> bytes:
    """Tags and events with changes of the operating point, as JSON: rows, for there may be many."""
    began = time.perf_counter()
    point = changed(service.point(held.model, wanted.base), wanted.changes)
    found = service.shelf.repeated(held).decide(point, min_score=wanted.min_score)
    rows = [
        [round(onset, 3), round(offset, 3), label, None if score is None else round(float(score), 4)]
        for onset, offset, label, score in found.events
    ]
    took = round(1000 * (time.perf_counter() - began), 1)
    text = json.dumps({"events": rows, "tags": tag_items(found.tags), "milliseconds": took}, ensure_ascii=False)
    return text.encode("utf-8", "surrogateescape")


def change_point(service: Service, change: PointChange) -> dict[str, Any]:
    """Save, reset, or compare: what then differs from the model's own point."""
    model = change.model or service.settings.default_model
    own = service.point(model)
    if change.action == "reset":
        service.point_file(model).unlink(missing_ok=True)
        point, file = own, None
    elif change.action in ("save", "diff"):
        point = changed(service.point(model, SAVED), change.changes)
        file = None
        if change.action == "save":
            point = point.model_copy(update={"origin": f"{own.origin}; changed by hand".removeprefix("; ")})
            file = str(point.save(_made(service.point_file(model))))
    else:
        raise ConfigError(f"unknown action {change.action!r}; known: diff, save, reset")
    return {
        "model": model,
        "file": file,
        "differences": [each._asdict() for each in differences(own, point)],
        "operating_point": point.model_dump(mode="json", exclude_none=True),
    }


def _made(file: Any) -> Any:
    file.parent.mkdir(parents=True, exist_ok=True)
    return file
