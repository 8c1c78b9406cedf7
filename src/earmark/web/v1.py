"""The public API under `/v1`, and `/health` and `/metrics`: docs/guides/http.md describes it for its users.

    POST /v1/audio/events           events of a recording       the body is a form with the part `file`, the bytes
    POST /v1/audio/tags             its tags                    themselves, or JSON with base64 (`parameters.unpacked`)
    POST /v1/audio/classification   its labels by score, as Hugging Face's audio classification answers
    GET  /v1/models                 the models
    GET  /v1/events/stream          events as they are found (server-sent events)
    GET  /health                    whether it works
    GET  /metrics                   counters for Prometheus

Answers say what the command line prints of the same file: the same runtime, the same decision, the same encoders.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel
from starlette.responses import StreamingResponse

from earmark.audio import probe
from earmark.formats.outputs import encoding_of
from earmark.runtime.tagger import Result
from earmark.web.parameters import (
    JSON,
    MEDIA,
    Parameters,
    Probability,
    Verb,
    chosen_format,
    parameters,
    point_of,
    unpacked,
)
from earmark.web.scoring import event_items, score_file, tag_items
from earmark.web.service import Json, Service
from earmark.web.telemetry import CONTENT_TYPE_LATEST
from earmark.web.uploads import Upload, receive

Answered = TypeVar("Answered")
TOP = 5  # labels of a classification


class Tag(BaseModel):
    """A label of a whole recording."""

    label: str
    score: float


class Event(BaseModel):
    """An event; times are seconds from the recording's beginning."""

    onset: float
    offset: float
    label: str
    score: float | None


class Answer(BaseModel):
    """What is known of a recording besides tags or events."""

    recording: str
    model: str
    seconds: float
    actions: list[str]  # what was done to the audio
    problem: str | None  # why a part of it is missing


class Events(Answer):
    """The events of a recording, by onset."""

    events: list[Event]


class Tags(Answer):
    """The tags of a recording, best first."""

    tags: list[Tag]


class Model(BaseModel):
    """A model that can be asked for."""

    name: str
    default: bool
    labels: list[str]
    reportable: list[str]  # labels that its operating point can report
    rate: int  # Hz
    frames_per_second: float
    arithmetic: str
    parameters: int


class Models(BaseModel):
    """The models, the default one first."""

    models: list[Model]


class Health(BaseModel):
    """How the server stands."""

    status: str
    version: str
    running: int
    waiting: int


@dataclass(frozen=True)
class Done:
    """A recording that was answered."""

    name: str
    model: str
    result: Result
    asked: Parameters
    form: str = JSON
    content: bytes | None = None  # in a format that is a file


_FIELDS = {
    "model": {"type": "string"},
    "operating_point": {"type": "string"},
    "threshold": {"type": "number", "minimum": 0, "maximum": 1},
    "min_score": {"type": "number", "minimum": 0, "maximum": 1},
    "changes": {"type": "string", "description": "JSON"},
}
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {"file": {"type": "string", "format": "binary"}, **_FIELDS},
                    "required": ["file"],
                }
            },
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
            "application/json": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "inputs": {"type": "string", "format": "byte", "description": "the recording in base64"},
                        "parameters": {"type": "object", "properties": {**_FIELDS, "changes": {"type": "object"}}},
                    },
                    "required": ["inputs"],
                }
            },
        },
    }
}
_FORMS: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {
            media: {"schema": {"type": "string"}} for media in dict.fromkeys(MEDIA.values()) if "json" not in media
        }
    }
}
ModelName = Annotated[str | None, Query(description="Name of the model; default: the first.")]
PointName = Annotated[
    str | None, Query(description="model (its own), saved (on the page), default, xu2018 or dcase2017.")
]
Threshold = Annotated[Probability | None, Query(description="For every label, in place of the operating point's.")]
MinScore = Annotated[Probability | None, Query(description="Tags and events that score below are left out.")]
Changes = Annotated[
    str | None, Query(description='Changes of the operating point as JSON: {"dog": {"onset": 0.3}}.', max_length=65_536)
]
Form = Annotated[str | None, Query(alias="format", description="json, csv, tsv, ...; default: by Accept.")]
Name = Annotated[str | None, Query(description="What the recording is called.", max_length=1000)]
LabelNames = Annotated[list[str] | None, Query(description="Only events of these labels.")]
SourceName = Annotated[Literal["listen", "upload"] | None, Query(description="Only events from there.")]
TopK = Annotated[int | None, Query(ge=1, le=10_000, description=f"Labels that are given; default {TOP}.")]


def _given(
    *,
    model: ModelName = None,
    operating_point: PointName = None,
    threshold: Threshold = None,
    min_score: MinScore = None,
    changes: Changes = None,
    form: Form = None,
    name: Name = None,
) -> dict[str, Any]:
    """What the address says of a recording's tags or events; `name` goes by the upload."""
    return {
        **{"model": model, "operating_point": operating_point, "threshold": threshold},
        **{"min_score": min_score, "changes": changes, "format": form},
    }


Given = Annotated[dict[str, Any], Depends(_given)]


def router(service: Service) -> APIRouter:
    """The routes of the public API."""
    routes = APIRouter(tags=["v1"])

    @routes.post("/v1/audio/events", response_model=Events, responses=_FORMS, openapi_extra=_BODY)
    async def events(request: Request, given: Given) -> Response:
        """Events of a recording, with onset and offset in seconds."""
        done = await _score(service, request, "detect", given)
        for item in event_items(done.result.events):
            message = {"event": item, "recording": done.name, "model": done.model, "source": "upload"}
            service.stream.publish(message)
        return _answer(done, {"events": event_items(done.result.events)})

    @routes.post("/v1/audio/tags", response_model=Tags, responses=_FORMS, openapi_extra=_BODY)
    async def tags(request: Request, given: Given) -> Response:
        """Tags of a recording, best first."""
        done = await _score(service, request, "tag", given)
        return _answer(done, {"tags": tag_items(done.result.tags)})

    @routes.post("/v1/audio/classification", response_model=list[Tag], openapi_extra=_BODY)
    async def classification(
        request: Request, model: ModelName = None, top_k: TopK = None, name: Name = None
    ) -> Response:
        """The best labels of a recording whatever their score, as Hugging Face's audio classification answers."""
        done = await _score(service, request, "tag", {"model": model, "top_k": top_k})
        scores = done.result.scores
        ranked = sorted(zip(scores.labels, scores.clip.tolist(), strict=True), key=lambda each: -each[1])
        return Json(tag_items(ranked[: done.asked.top_k or TOP]))

    @routes.get("/v1/models")
    def models() -> Models:
        """The models that can be asked for."""
        return Models(models=[_model(service, name) for name in service.settings.models])

    @routes.get(
        "/v1/events/stream",
        response_class=StreamingResponse,
        responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
    )
    def follow(label: LabelNames = None, source: SourceName = None) -> StreamingResponse:
        """Events as they are found, as server-sent events; it does not end before the server does."""
        service.stream.check()

        def wanted(message: dict[str, Any]) -> bool:
            right = label is None or message["event"]["label"] in label
            return right and source in (None, message["source"])

        headers = {"cache-control": "no-cache", "x-accel-buffering": "no"}
        return StreamingResponse(service.stream.lines(wanted), media_type="text/event-stream", headers=headers)

    @routes.get("/health")
    def health() -> Health:
        """Whether the server works, and how much it has to do."""
        status = "ending" if service.ending else "ok"
        return Health(status=status, version=service.version, running=service.work.running, waiting=service.work.queue)

    @routes.get(
        "/metrics",
        response_class=Response,
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    )
    def metrics() -> Response:
        """Counters for Prometheus."""
        return Response(service.telemetry.text(), media_type=CONTENT_TYPE_LATEST)

    return routes


def _model(service: Service, name: str) -> Model:
    tagger = service.tagger(name)
    return Model(
        name=name,
        default=name == service.settings.default_model,
        labels=list(tagger.labels),
        reportable=list(tagger.operating_point.reportable),
        rate=tagger.rate,
        frames_per_second=float(1 / tagger.model.clock.step),
        arithmetic=tagger.model.arithmetic,
        parameters=tagger.model.parameters,
    )


async def _score(service: Service, request: Request, verb: Verb, given: dict[str, Any]) -> Done:
    """Take a place, read the upload, score it when its turn comes; a client that leaves frees the place."""
    accept = request.headers.get("accept", "")
    settings = service.settings
    with service.work.place():
        upload = await receive(request, service.uploads, settings.max_upload, settings.idle)
        try:
            work = service.work.run(lambda stop: _scored(service, upload, verb, given, accept, stop), settings.patience)
            return await unless_left(request, work)
        finally:
            upload.remove()


def _scored(
    service: Service, upload: Upload, verb: Verb, given: dict[str, Any], accept: str, stop: threading.Event
) -> Done:
    """In a thread."""
    asked = parameters(given, unpacked(upload))
    form = chosen_format(verb, asked.format, accept) if "format" in given else JSON
    model = asked.model or service.settings.default_model
    point = point_of(service, asked)
    with service.measured(model) as note:
        result = score_file(
            service.tagger(model),
            upload.path,
            upload.name,
            point=point,
            min_score=asked.min_score or 0.0,
            longest=service.settings.longest,
            stop=stop,
        )
        note(result.scores.duration)
    items = result.events if verb == "detect" else result.tags
    content = None if form == JSON else _file(verb, form, upload, items)
    return Done(upload.name, model, result, asked, form, content)


def _file(verb: Verb, form: str, upload: Upload, items: Any) -> bytes:
    """A file as the command line writes it of this recording alone."""
    encoding = encoding_of(verb, form)
    path = upload.path.with_name(f"{upload.path.stem}{encoding.suffix}.answer{encoding.suffix}")
    try:
        rates = {upload.name: float(probe(upload.path).rate)} if form == "raven" else {}
        encoding.write(path, {upload.name: items}, rates)
        return Path(path).read_bytes()
    finally:
        path.unlink(missing_ok=True)


def _answer(done: Done, items: dict[str, Any]) -> Response:
    if done.content is not None:
        media = MEDIA[done.form]
        return Response(done.content, media_type=f"{media}; charset=utf-8" if media.startswith("text/") else media)
    about = {
        "recording": done.name,
        "model": done.model,
        "seconds": round(done.result.scores.duration, 6),
        "actions": list(done.result.actions),
        "problem": done.result.problem,
    }
    return Json({**about, **items})


class LeftError(Exception):
    """The client closed its connection before it was answered."""


async def unless_left(request: Request, work: Coroutine[Any, Any, Answered]) -> Answered:
    """What `work` gives; it is cancelled, and `LeftError` raised, where the client leaves before."""
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_left(request.receive))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            task.cancel()
            await asyncio.wait({task})
            raise LeftError
        return task.result()
    finally:
        for each in (task, gone):
            each.cancel()


async def _left(receive: Callable[[], Any]) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
