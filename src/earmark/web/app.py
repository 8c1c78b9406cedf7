"""The page and its HTTP API as one ASGI application. No logic of its own: runtime, decisions and formats do the work.

`create_app(settings)` puts the routes together. `v1` has those for programs (docs/guides/http.md); those of the page,
`page`, are as follows, those of the review in `review`. Bodies and answers are JSON unless stated; what fails answers
with a 4xx status and `{"error": "one line"}`, a busy server with 503 and Retry-After.

    GET    /                                  the page; static/ holds all it needs. `/?token=T` sets the cookie
    GET    /static/{file}                     its parts
    POST   /api/session                       {token} -> 204 and the cookie
    GET    /api/models                        {models: [{name, labels, reportable, rate, arithmetic, default}]}
    GET    /api/folder?path=                  {root: whether there is one, folders: [name], files: [name]} below --root
    GET    /api/recordings                    {recordings: [{id, name, path, seconds, state, error, model, tags}]}
    POST   /api/recordings[?model=]           a form with the part `file`, the bytes themselves (header X-Filename), or
                                              {path: below --root, model} -> 201 {id}; it is scored in the background
    GET    /api/recordings/{id}               the same fields, and rate, channels, format, labels, clip: {label: score},
                                              clock: {step, start (seconds), rate: frames a second, frames},
                                              spectrogram: {hop (seconds), edges: band borders in Hz} as soon as there
                                              is one, operating_point (as operating_point.json), saved: differences
                                              from the model's own, actions, problem
    DELETE /api/recordings/{id}               204
    GET    /api/recordings/{id}/audio         the file as it is, with Range
    GET    /api/recordings/{id}/spectrogram?from=s&to=s&width=px&height=px      PNG; 409 before it is read
    GET    /api/recordings/{id}/lanes?from=s&to=s&points=n      {times: [s], lanes: {label: [score]}}, at most n points,
                                              each the largest of its frames; with `Accept: application/octet-stream`
                                              float16, little-endian, (points, labels), sizes in X-Points, X-Labels
    POST   /api/recordings/{id}/events        {changes: {label or "*": {tag, onset, offset, median, shortest, gap,
                                              gate}}, base: "saved" | "model" | "default" ..., min_score}
                                              -> {events: [[onset, offset, label, score]], tags, milliseconds}
    POST   /api/operating-point               {action: "diff" | "save" | "reset", changes, model} -> {model, file,
                                              differences: [{label, word, before, after}], operating_point}

`state` is waiting, reading, scoring, ready or failed (`error` says why). Tags are [{label, score}]. The words of
changes are those of `earmark.decisions.changes`.
"""

from __future__ import annotations

import contextlib
import errno
import logging
from collections.abc import AsyncIterator, Callable
from importlib import resources
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.staticfiles import StaticFiles

from earmark import __version__
from earmark.errors import EarmarkError, FaultError, OutputError
from earmark.web import listen, page, review, v1
from earmark.web.scoring import CodingError, LongError
from earmark.web.security import COOKIE, Gate, same
from earmark.web.service import Json, NotFoundError, Service
from earmark.web.settings import Settings
from earmark.web.telemetry import Measured
from earmark.web.uploads import DRAINED, UploadError, drain
from earmark.web.v1 import LeftError
from earmark.web.work import BusyError, SlowError

_LOG = logging.getLogger(__name__)
STATIC = Path(str(resources.files("earmark.web") / "static"))
ROUTERS: tuple[Callable[[Service], APIRouter], ...] = (v1.router, listen.router, page.router, review.router)

ABOUT = (
    "Tags and events of recordings. Live sound goes over the WebSocket /v1/listen: 16-bit samples in binary messages, "
    "events in JSON back."
)
LEFT = 499  # nobody reads it; as nginx counts a client that closed its connection


class Problem(BaseModel):
    """What is wrong, in one line."""

    error: str


def create_app(settings: Settings) -> FastAPI:
    """The application. Its `state.service` is there once it has started."""

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await service.close()

    app = FastAPI(
        title="earmark",
        version=__version__,
        description=ABOUT,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        default_response_class=Json,
        responses={status: {"model": Problem} for status in (400, 401, 403, 404, 406, 408, 409, 413, 415, 422, 503)},
    )
    service = app.state.service = Service(settings)
    for made in ROUTERS:
        app.include_router(made(service))
    if settings.token is not None:
        _add_token(app)
    _add_page(app, settings)
    _add_errors(app, service)
    if settings.origins:
        app.add_middleware(
            CORSMiddleware, allow_origins=list(settings.origins), allow_methods=["*"], allow_headers=["*"]
        )
    app.add_middleware(Gate, settings=settings)
    app.add_middleware(Measured, telemetry=service.telemetry)
    return app


def _add_token(app: FastAPI) -> None:
    """Say in the OpenAPI document that a token is needed; `Gate` asks for it."""
    described = app.openapi

    def openapi() -> dict[str, Any]:
        document = described()
        document["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        document["security"] = [{"token": []}]
        return document

    app.openapi = openapi  # type: ignore[method-assign]


def _add_page(app: FastAPI, settings: Settings) -> None:
    app.mount("/static", StaticFiles(directory=STATIC), name="static")

    @app.get("/", include_in_schema=False, response_model=None)
    def index(request: Request, token: str | None = None) -> Response:
        if token is None:
            return FileResponse(STATIC / "index.html", headers={"cache-control": "no-cache"})
        answer = RedirectResponse("/", 303)
        if settings.token is not None and same(settings.token, token):
            secure = request.url.scheme == "https"
            answer.set_cookie(COOKIE, token, httponly=True, samesite="strict", secure=secure)
        return answer

    @app.get("/favicon.ico", include_in_schema=False)
    def icon() -> Response:
        return Response(status_code=204)


def _add_errors(app: FastAPI, service: Service) -> None:
    """Every error as a status and one line."""
    settings = service.settings

    async def failed(request: Request, error: Exception) -> Response:
        status, text = status_of(error)
        if status == 500:
            _LOG.error("%s %s: %s", request.method, request.url.path, text, exc_info=error)
        service.telemetry.errors.labels(type(error).__name__).inc()
        if status != LEFT:
            await drain(request, settings.max_upload if status == 503 else DRAINED, settings.idle)
        headers = {"retry-after": str(error.seconds)} if isinstance(error, BusyError) else {}
        return Json({"error": " ".join(text.split())}, status, headers)

    ours = (EarmarkError, BusyError, SlowError, LeftError)
    for kind in (*ours, RequestValidationError, HTTPException, ClientDisconnect, OSError, Exception):
        app.add_exception_handler(kind, failed)


def status_of(error: Exception) -> tuple[int, str]:
    """HTTP's status for an error, and its line."""
    if isinstance(error, HTTPException):
        return error.status_code, str(error.detail)
    if isinstance(error, RequestValidationError):
        fault = error.errors()[0]
        return 422, f"{'.'.join(str(part) for part in fault['loc'][1:])}: {fault['msg']}".lstrip(": ")
    if isinstance(error, UploadError):
        return error.status, str(error)
    kinds: tuple[tuple[type[Exception], int], ...] = (
        *((BusyError, 503), (SlowError, 413), (LeftError, LEFT), (ClientDisconnect, LEFT), (NotFoundError, 404)),
        *((FaultError, 500), (CodingError, 415), (LongError, 413)),
        *((OutputError, 507), (EarmarkError, 422)),
    )
    for kind, status in kinds:
        if isinstance(error, kind):
            return status, str(error)
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return 507, "the disk is full"
    return 500, f"a fault of earmark ({type(error).__name__}); please report it"
