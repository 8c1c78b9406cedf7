"""The application behind a socket, from start to SIGTERM."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import time
from collections.abc import Callable, Iterator

import uvicorn

from earmark.errors import OutputError
from earmark.web.app import create_app
from earmark.web.listen import LARGEST
from earmark.web.service import Service
from earmark.web.settings import Settings

SIGNALS = (signal.SIGINT, signal.SIGTERM)
FAREWELL = 30.0  # seconds for the last messages of those who are listened to
SENDING = 10  # seconds for what is still being sent: a browser that plays sound takes its time
BACKLOG = 2048  # connections that the system holds until they are taken


class Server(uvicorn.Server):
    """Ends in order at SIGINT or SIGTERM: what is begun is finished, streams without end are ended."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self.service = service

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle the signals while the server runs; afterwards all is as it was, and no signal is raised again."""
        before = {number: signal.signal(number, self._end) for number in SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no more connections; finish the work that was begun, and let those who are listened to hear the end."""
        for server in self.servers:
            server.close()
        ends = time.monotonic() + FAREWELL
        while not self.force_exit and (self.service.work.taken or (self.service.listeners and time.monotonic() < ends)):
            await asyncio.sleep(0.05)
        await super().shutdown(sockets)

    def _end(self, number: int, frame: object) -> None:
        self.service.end_soon()
        self.handle_exit(number, None)  # the second SIGINT does not wait any more


def serve(settings: Settings, say: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM. `OutputError` where the address cannot be listened on."""
    listener = _listen(settings)
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    query = "" if settings.token is None else f"/?token={settings.token}"
    app = create_app(settings)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="on",
        timeout_graceful_shutdown=SENDING,
        server_header=False,
        ws_max_size=LARGEST,
    )
    say(f"listening on http://{shown}:{port}{query}")
    Server(config, app.state.service).run(sockets=[listener])


def _listen(settings: Settings) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        why = error.strerror or error
        raise OutputError(f"cannot listen on {settings.host} port {settings.port}: {why}") from error
    return listener
