"""Messages to somebody who is away: kept on disk, sent in order, once each, and never in the way of listening."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from earmark.errors import OutputError
from earmark.runtime.sinks import delivery
from earmark.runtime.sinks.delivery import Away, Delivery, Refused


def until(true: Callable[[], object], seconds: float = 120.0) -> None:
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
    assert said[-1] == f"the other: 3 events kept in {tmp_path}, to be sent next time"
    other.away = False
    second = made(tmp_path, other, said)
    second.put({"n": 3})
    second.close()
    assert other.taken == [0, 1, 2, 3]
    assert "the other: 3 events from before still to be sent" in said


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
