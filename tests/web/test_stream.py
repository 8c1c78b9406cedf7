"""Events as they are found, to whoever follows."""

import asyncio
import json
from typing import Any

import pytest

from earmark.web import stream
from earmark.web.stream import Stream
from earmark.web.work import BusyError


def message(label: str, source: str = "listen") -> dict[str, Any]:
    event = {"onset": 1.0, "offset": 2.0, "label": label, "score": 0.5}
    return {"event": event, "recording": "a.wav", "model": "m", "source": source}


def parsed(lines: list[str]) -> list[dict[str, Any]]:
    return [json.loads(line.partition("data: ")[2]) for line in lines if line.startswith("event: detection\n")]


def test_each_follower_gets_every_event_that_it_wants_and_ends_with_the_server() -> None:
    async def go() -> tuple[list[str], list[str]]:
        ending = False
        made = Stream(lambda: ending)

        async def follow(wanted: Any) -> list[str]:
            return [line async for line in made.lines(wanted)]

        every = asyncio.create_task(follow(lambda one: True))
        some = asyncio.create_task(follow(lambda one: one["event"]["label"] == "dog"))
        await asyncio.sleep(0.01)
        for label in ("dog", "line\nend", "dog"):
            made.publish(message(label))
        await asyncio.sleep(0.01)
        ending = True
        found = await every, await some
        assert not made.followers
        return found

    every, some = asyncio.run(go())
    assert parsed(every) == [message("dog"), message("line\nend"), message("dog")]
    assert parsed(some) == [message("dog")] * 2
    assert all(line.endswith("\n\n") and "\n\n" not in line[:-2] for line in every)


def test_a_follower_that_does_not_read_loses_the_oldest_and_holds_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "HELD", 3)

    async def go() -> list[str]:
        made = Stream(lambda: False)
        with made.follow() as queue:
            for number in range(10):
                made.publish(message(str(number)))
            return [queue.get_nowait()["event"]["label"] for _ in range(queue.qsize())]

    assert asyncio.run(go()) == ["7", "8", "9"]


def test_too_many_followers_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "MOST", 1)

    async def go() -> None:
        made = Stream(lambda: False)
        made.check()
        with made.follow(), pytest.raises(BusyError):
            made.check()
        made.check()

    asyncio.run(go())


def test_a_silent_stream_shows_that_it_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "CHECK", 0.01)
    monkeypatch.setattr(stream, "PULSE", 0.02)

    async def go() -> list[str]:
        made = Stream(lambda: False)
        lines = made.lines(lambda one: True)
        return [await anext(lines), await anext(lines)]

    assert asyncio.run(go()) == ["retry: 3000\n\n", ": still here\n\n"]
