"""`WS /v1/listen`: sound in as it is recorded, events out as they happen.

    client    binary messages: samples, interleaved, `format` s16le or f32le, at `rate` Hz; of any size up to `LARGEST`
              {"type": "gap", "seconds": s}: so much was lost        {"type": "end"}: no more comes
    server    {"type": "ready", model, labels, step, latency}        once, at the beginning
              {"type": "begin" | "update" | "end", id, label, onset, offset, score}      seconds from the beginning
              {"type": "scores", onset, step, scores: [[...]]}       where `scores` is asked for, a row a frame
              {"type": "error", error}, then it closes               {"type": "done", seconds}, then it closes

What is asked for stands in the query (`Asked`). The sound is scored one message after the other; a client that sends
faster than it can be scored is slowed down. `earmark.Listener` decides.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, WebSocket
from pydantic import Field
from starlette.concurrency import run_in_threadpool
from starlette.websockets import WebSocketDisconnect

from earmark.arrays import FloatArray
from earmark.decisions import Update
from earmark.errors import DataError, EarmarkError
from earmark.options import Options
from earmark.runtime.live import Listener
from earmark.web.parameters import Parameters, Probability, parameters, point_of
from earmark.web.service import Service
from earmark.web.uploads import NAME, clean_name

LARGEST = 2**20  # bytes of a message
PIECE = 1.0  # seconds of sound that are scored before the server looks up
HELD = 4  # messages that wait
BUSY, BAD, OVER = 1013, 1008, 1000  # codes of RFC 6455 that a connection is closed with
_KINDS = {"s16le": "<i2", "f32le": "<f4"}
Message = dict[str, Any]


class Asked(Options):
    """The query of a connection; the other names are those of `Parameters`."""

    rate: Annotated[int, Field(ge=1_000, le=768_000)] = 16_000  # Hz
    channels: Annotated[int, Field(ge=1, le=64)] = 1
    format: Literal["s16le", "f32le"] = "s16le"
    window: Annotated[float, Field(gt=0, le=600)] | None = None  # seconds that are scored at once; None: the model's
    stride: Annotated[float, Field(gt=0, le=60)] | None = None  # seconds between two windows
    patience: Annotated[float, Field(ge=0, le=60)] = 0.0  # seconds that an event in doubt is waited for
    look_ahead: Annotated[float, Field(ge=0, le=60)] | None = None  # seconds of a window that only help what is before
    updates: bool = False  # news of events that go on
    scores: bool = False  # the frame scores as well
    name: str = NAME  # what the stream of events calls it
    model: str | None = None
    operating_point: str | None = None
    threshold: Probability | None = None
    min_score: Probability | None = None
    changes: str | None = None  # JSON


def router(service: Service) -> APIRouter:
    """The route."""
    routes = APIRouter(tags=["v1"])

    @routes.websocket("/v1/listen")
    async def listen(socket: WebSocket) -> None:
        await socket.accept()
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):  # the client is gone
            if service.listeners >= service.settings.listeners:
                await _refuse(socket, "busy: too many are listened to; try again later", BUSY)
                return
            try:
                with service.listening():
                    await _listen(service, socket)
            except EarmarkError as error:
                service.telemetry.errors.labels(type(error).__name__).inc()
                await _refuse(socket, str(error), BAD)

    return routes


async def _refuse(socket: WebSocket, why: str, code: int) -> None:
    await socket.send_json({"type": "error", "error": " ".join(why.split())})
    await socket.close(code)


async def _listen(service: Service, socket: WebSocket) -> None:
    asked = Asked.parse(dict(socket.query_params), "parameters")
    session = Session(service, asked)
    await socket.send_json(session.ready())
    async with _received(socket) as queue:
        while True:
            message = await _next(service, queue)
            if message is None:
                break
            for piece in session.pieces(message):
                for news in await run_in_threadpool(session.take, piece):
                    await _tell(service, session, socket, news)
    for news in await run_in_threadpool(session.finish):
        await _tell(service, session, socket, news)
    await socket.send_json({"type": "done", "seconds": round(session.listener.seconds, 6)})
    await socket.close(OVER)


async def _tell(service: Service, session: Session, socket: WebSocket, news: Message) -> None:
    if news["type"] == "end":
        event = {name: news[name] for name in ("onset", "offset", "label", "score")}
        service.stream.publish({"event": event, "recording": session.name, "model": session.model, "source": "listen"})
    await socket.send_json(news)


@contextlib.asynccontextmanager
async def _received(socket: WebSocket) -> AsyncIterator[asyncio.Queue[Message | None]]:
    """What comes, as a short queue; None when the client is gone."""
    queue: asyncio.Queue[Message | None] = asyncio.Queue(HELD)

    async def read() -> None:
        while (message := dict(await socket.receive()))["type"] != "websocket.disconnect":
            await queue.put(message)
        await queue.put(None)

    reader = asyncio.create_task(read())
    try:
        yield queue
    finally:
        reader.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await reader


async def _next(service: Service, queue: asyncio.Queue[Message | None]) -> Message | None:
    """The next message; None where it was the last: the client ends or is gone, or the server ends."""
    waited = 0.0
    while not service.ending:
        try:
            message = await asyncio.wait_for(queue.get(), 0.2)
        except TimeoutError:
            waited += 0.2
            if waited >= service.settings.idle:
                raise DataError(f"nothing came for {service.settings.idle:.0f} s; send silence, or a gap") from None
            continue
        if message is None:
            raise WebSocketDisconnect
        return None if _is_end(message) else message
    return None


def _is_end(message: Message) -> bool:
    return message.get("bytes") is None and _said(message).get("type") == "end"


def _said(message: Message) -> Message:
    """A message in words. `DataError`."""
    try:
        command = json.loads(message.get("text") or "")
    except (ValueError, RecursionError) as error:
        raise DataError(f"a message is no JSON: {error}") from error
    if not isinstance(command, dict) or command.get("type") not in ("end", "gap"):
        raise DataError('unknown message; expected samples, {"type": "gap", "seconds": 1.5} or {"type": "end"}')
    return command


class Session:
    """One connection: samples and gaps in, messages out."""

    def __init__(self, service: Service, asked: Asked) -> None:
        names = Parameters.model_fields.keys() & Asked.model_fields.keys() - {"format"}
        wanted = parameters({name: getattr(asked, name) for name in names})
        self.model = wanted.model or service.settings.default_model
        self.name = clean_name(asked.name)
        self.asked = asked
        plan = {name: getattr(asked, name) for name in ("window", "stride", "look_ahead", "patience")}
        self.listener = Listener(
            service.tagger(self.model),
            operating_point=point_of(service, wanted),
            rate=asked.rate,
            min_score=asked.min_score or 0.0,
            updates=asked.updates,
            **{name: value for name, value in plan.items() if value is not None},
        )
        self._count = service.telemetry.audio.labels(self.model).inc
        self._rest = b""  # of a sample that came only in part
        self._scores: list[tuple[float, FloatArray]] = []
        if asked.scores:
            self.listener.on_scores = lambda onset, frames: self._scores.append((onset, frames))

    def ready(self) -> Message:
        """The first message."""
        latency = self.listener.latency
        return {
            "type": "ready",
            "model": self.model,
            "labels": list(self.listener.labels),
            "step": float(self.listener.engine.clock.step),
            "latency": {
                "begin": latency.begin,
                "end": latency.end,
                "conditional": latency.conditional,
                "doubted": latency.doubted,
            },
        }

    def pieces(self, message: Message) -> Iterator[FloatArray | float]:
        """A message as samples (samples, channels), a second at a time, or as a gap in seconds. `DataError`."""
        content = message.get("bytes")
        if content is None:
            seconds = _said(message).get("seconds")
            if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds <= 1e6:
                raise DataError(f"a gap needs its seconds, from 0 to 1000000; got {seconds!r}")
            yield float(seconds)
            return
        if len(content) > LARGEST:
            raise DataError(f"a message has more than {LARGEST} bytes; send smaller ones")
        kind = np.dtype(_KINDS[self.asked.format])
        content, width = self._rest + content, kind.itemsize * self.asked.channels
        whole = len(content) // width * width
        self._rest = content[whole:]
        samples = np.frombuffer(content[:whole], kind).reshape(-1, self.asked.channels)
        step = max(1, round(PIECE * self.asked.rate))
        for first in range(0, len(samples), step):
            yield samples[first : first + step]

    def take(self, piece: FloatArray | float) -> list[Message]:
        """Score samples, or note a gap; what there is to tell."""
        if isinstance(piece, float):
            return self._news(self.listener.skip(piece))
        self._count(len(piece) / self.asked.rate)
        return self._news(self.listener.push(piece))

    def finish(self) -> list[Message]:
        """The sound is over."""
        return self._news(self.listener.close())

    def _news(self, updates: list[Update]) -> list[Message]:
        step = float(self.listener.engine.clock.step)
        messages: list[Message] = [
            {"type": "scores", "onset": round(onset, 6), "step": step, "scores": _rounded(frames)}
            for onset, frames in self._scores
        ]
        self._scores.clear()
        return messages + [
            {
                "type": update.kind,
                "id": update.id,
                "label": update.label,
                "onset": round(update.onset, 6),
                "offset": round(update.offset, 6),
                "score": round(float(update.score), 6),
            }
            for update in updates
        ]


def _rounded(frames: FloatArray) -> Any:
    return frames.astype(np.float64).round(4).tolist()
