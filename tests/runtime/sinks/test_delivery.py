"""Messages to somebody who is away: kept on disk, sent in order, once each, and never in the way of listening."""

import http.server
import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from earmark.decisions import Update
from earmark.errors import ConfigError, OutputError
from earmark.runtime.sinks import News, WebhookSink, delivery
from earmark.runtime.sinks.delivery import Away, Delivery, Refused


def until(true: Callable[[], object], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it takes too long"
        time.sleep(0.01)


class Other:
    """The other side: away, or refusing, as a test says."""

    def __init__(self) -> None:
        self.taken: list[int] = []
        self.away, self.refuses = False, set()

    def __call__(self, message: dict) -> None:
        if self.away:
            raise Away("nobody there")
        if message["n"] in self.refuses:
            raise Refused("HTTP 400")
        self.taken.append(message["n"])


@pytest.fixture
def other() -> Other:
    return Other()


def made(folder: Path, other: Other, said: list[str]) -> Delivery:
    return Delivery(folder, other, "the other", said.append, first_pause=0.02)


def test_messages_arrive_in_order_and_leave_nothing(tmp_path: Path, other: Other) -> None:
    said: list[str] = []
    post = made(tmp_path / "queue", other, said)
    for number in range(50):
        post.put({"n": number})
    post.close()
    assert other.taken == list(range(50))
    assert not list((tmp_path / "queue").iterdir())
    assert not said


def test_what_cannot_be_sent_is_kept_and_sent_later_in_order(tmp_path: Path, other: Other) -> None:
    said: list[str] = []
    post = made(tmp_path, other, said)
    other.away = True
    for number in range(5):
        post.put({"n": number})
    until(lambda: said)
    assert len(list(tmp_path.glob("*.json"))) == 5
    other.away = False
    until(lambda: len(other.taken) == 5)
    post.put({"n": 5})
    post.close()
    assert other.taken == list(range(6))
    assert said[0] == f"the other cannot be reached (nobody there); events are kept in {tmp_path} and sent later"
    assert "is back" in said[1]


def test_another_run_sends_what_the_one_before_could_not(tmp_path: Path, other: Other) -> None:
    said: list[str] = []
    other.away = True
    first = made(tmp_path, other, said)
    for number in range(3):
        first.put({"n": number})
    until(lambda: said)
    first.close()
    assert said[-1] == f"the other: 3 events are kept in {tmp_path} and sent next time"
    other.away = False
    second = made(tmp_path, other, said)
    second.put({"n": 3})
    second.close()
    assert other.taken == [0, 1, 2, 3]
    assert "the other: 3 events from before are still to be sent" in said


def test_a_message_that_is_refused_is_put_aside_and_holds_up_no_other(
    tmp_path: Path, other: Other, monkeypatch
) -> None:
    monkeypatch.setattr(delivery, "LONGEST_PAUSE", 0.02)
    said: list[str] = []
    other.refuses = {1}
    post = made(tmp_path, other, said)
    for number in range(3):
        post.put({"n": number})
    until(lambda: len(other.taken) == 2)
    post.close()
    assert other.taken == [0, 2]
    (kept,) = (tmp_path / "refused").iterdir()
    assert json.loads(kept.read_text()) == {"n": 1}
    assert said == [f"the other refused an event 8 times (HTTP 400); it is kept in {tmp_path / 'refused'}"]


def test_the_queue_has_an_end(tmp_path: Path, other: Other, monkeypatch) -> None:
    monkeypatch.setattr(delivery, "MOST", 4)
    said: list[str] = []
    other.away = True
    post = made(tmp_path, other, said)
    for number in range(10):
        post.put({"n": number})
    other.away = False
    until(lambda: not post.waiting)
    post.close()
    assert other.taken[-4:] == [6, 7, 8, 9]
    assert any("more than 4 events wait; the oldest are given up" in line for line in said)


def test_a_damaged_message_is_left_out(tmp_path: Path, other: Other) -> None:
    (tmp_path / "000000000000.json").write_text("{")
    (tmp_path / "000000000001.json").write_text('{"n": 1}')
    said: list[str] = []
    post = made(tmp_path, other, said)
    post.close()
    assert other.taken == [1]
    assert any("is damaged" in line for line in said)


def test_a_folder_that_cannot_be_written_is_said_at_once(tmp_path: Path, other: Other) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="is a file, not a folder"):
        made(tmp_path / "file" / "queue", other, [])


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
