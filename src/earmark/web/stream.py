"""Events as they are found, for whoever follows: each follower has a queue of its own, and a slow one loses the oldest.

One message is one JSON object: `{"event": {onset, offset, label, score}, "recording": name, "model": name, "source":
"listen" or "upload"}`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from earmark.web.work import BusyError

HELD = 256  # messages of a follower that does not read
MOST = 100  # followers
PULSE = 15.0  # seconds after which a comment is sent, so that a dead connection is found
CHECK = 0.5  # seconds between looks at whether the server ends


class Stream:
    """Passes events on to followers."""

    def __init__(self, ending: Callable[[], bool]) -> None:
        self.ending = ending
        self.followers: set[asyncio.Queue[dict[str, Any]]] = set()

    def publish(self, message: dict[str, Any]) -> None:
        """Give a message to every follower. In the event loop."""
        for queue in self.followers:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(message)

    def check(self) -> None:
        """`BusyError` where there are too many followers."""
        if len(self.followers) >= MOST:
            raise BusyError(30)

    @contextlib.contextmanager
    def follow(self) -> Iterator[asyncio.Queue[dict[str, Any]]]:
        """Be a follower."""
        queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue(HELD)
        self.followers.add(queue)
        try:
            yield queue
        finally:
            self.followers.discard(queue)

    async def lines(self, wanted: Callable[[dict[str, Any]], bool]) -> AsyncIterator[str]:
        """Server-sent events (WHATWG HTML, section 9.2), until the server ends."""
        with self.follow() as queue:
            yield "retry: 3000\n\n"
            silent = 0.0
            while not self.ending():
                try:
                    message = await asyncio.wait_for(queue.get(), CHECK)
                except TimeoutError:
                    silent += CHECK
                    if silent >= PULSE:
                        silent = 0.0
                        yield ": still here\n\n"
                    continue
                if wanted(message):
                    yield f"event: detection\ndata: {json.dumps(message, ensure_ascii=True)}\n\n"
