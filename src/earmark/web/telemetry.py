"""What is counted, for Prometheus: requests, seconds of audio, durations, errors by kind, and how long the queue is.

earmark_requests_total{route,method,status}    earmark_request_seconds{route}     answered requests
earmark_audio_seconds_total{model}             sound that was scored
earmark_scoring_seconds{model}                 time that scoring a recording took
earmark_errors_total{kind}                     errors, by their class
earmark_running, earmark_waiting               recordings in work, and in the queue
earmark_listeners, earmark_followers           open WebSockets, and streams of events
"""

from __future__ import annotations

import time
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["CONTENT_TYPE_LATEST", "Measured", "Telemetry"]

_SECONDS = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300)
UNKNOWN = "unknown"  # route of what no route answers


class Telemetry:
    """The counters of one server."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        of = self.registry
        self.requests = Counter("earmark_requests", "Answered requests.", ["route", "method", "status"], registry=of)
        self.took = Histogram(
            "earmark_request_seconds", "Time to answer a request.", ["route"], buckets=_SECONDS, registry=of
        )
        self.audio = Counter("earmark_audio_seconds", "Seconds of sound that were scored.", ["model"], registry=of)
        self.scoring = Histogram(
            "earmark_scoring_seconds", "Time to score a recording.", ["model"], buckets=_SECONDS, registry=of
        )
        self.errors = Counter("earmark_errors", "Errors by their class.", ["kind"], registry=of)
        self._gauges: list[Gauge] = []

    def watch(self, name: str, text: str, value: Callable[[], float]) -> None:
        """A number that is asked for when it is read."""
        gauge = Gauge(name, text, registry=self.registry)
        gauge.set_function(value)
        self._gauges.append(gauge)

    def text(self) -> bytes:
        """All of it as Prometheus reads it."""
        return generate_latest(self.registry)


class Measured:
    """ASGI: counts answers."""

    def __init__(self, app: ASGIApp, telemetry: Telemetry) -> None:
        self.app, self.telemetry = app, telemetry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on, and count its answer."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, status = time.perf_counter(), 500

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, sending)
        finally:
            route = getattr(scope.get("route"), "path", UNKNOWN)
            method = scope["method"] if scope["method"] in _METHODS else "other"
            self.telemetry.requests.labels(route, method, str(status)).inc()
            self.telemetry.took.labels(route).observe(time.perf_counter() - began)


_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
