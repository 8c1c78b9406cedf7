"""Updates posted to a URL: all of them, in order, though the server stumbles or is away for a while."""

import http.server
import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from earmark.decisions import Update
from earmark.errors import ConfigError
from earmark.runtime.sinks import News, WebhookSink


def until(true: Callable[[], object], seconds: float = 120.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it takes too long"
        time.sleep(0.01)


class Server(http.server.BaseHTTPRequestHandler):
    codes: list[int]
    got: list[dict]

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        code = self.codes.pop(0) if self.codes else 204
        if code < 300:
            self.got.append(body)
        self.send_response(code)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[tuple[str, type[Server]]]:
    handler = type("Handler", (Server,), {"codes": [], "got": []})
    made = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{made.server_port}/hook", handler
    made.shutdown()
    made.server_close()


def news(number: int) -> News:
    return News(Update("begin", number, "dog", 0.5, 0.75, 0.8, 20), "mic")


def test_a_webhook_gets_every_update_though_its_server_stumbles(tmp_path: Path, server) -> None:
    url, handler = server
    handler.codes += [503, 429, 204, 500]
    said: list[str] = []
    sink = WebhookSink(url, tmp_path, said.append, first_pause=0.02)
    for number in range(3):
        sink.take(news(number))
    until(lambda: len(handler.got) == 3)
    sink.close()
    assert handler.got == [news(number).as_json() for number in range(3)]
    assert any("HTTP 503" in line for line in said)


def test_a_webhook_that_is_away_gets_them_later(tmp_path: Path, server) -> None:
    url, handler = server
    said: list[str] = []
    sink = WebhookSink("http://127.0.0.1:9/hook", tmp_path, said.append, first_pause=0.02)
    sink.take(news(1))
    until(lambda: said)
    assert said[0].startswith("webhook 127.0.0.1:9 cannot be reached (ConnectionError)")
    sink.close()
    sink = WebhookSink(url, tmp_path, said.append, first_pause=0.02)
    sink.close()
    assert handler.got == [news(1).as_json()]


def test_what_is_no_url_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^--webhook example\.org: expected a URL, http://\.\.\. or https://\.\.\.$"):
        WebhookSink("example.org", tmp_path, print)
