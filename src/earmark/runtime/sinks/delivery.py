"""Messages to somebody who may be away: kept on disk, sent in order, by a thread of its own.

Each message is a file, numbered in the order in which it came; it is deleted when it was taken. So what could not be
sent is still there when the program starts again. An attempt that fails is repeated after 1 s, 2 s, 4 s ... up to a
minute. A message that the other side refuses is put aside after `TRIES` attempts, so that it does not hold up the
others. When more than `MOST` wait, the oldest are given up. All of that is reported.
"""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from earmark.errors import counted
from earmark.files import check_folder, json_text, write_text

TRIES = 8  # of a message that is refused
MOST = 100_000  # messages
LONGEST_PAUSE = 60.0  # seconds
GRACE = 5.0  # seconds at the end for what is still to be sent


class Away(Exception):  # noqa: N818 - a state rather than an error: try again later
    """Nobody is there; the message is as good as new."""


class Refused(Exception):  # noqa: N818 - the same
    """Somebody is there, and does not take this message."""


class Post(Protocol):
    """Sends one message; raises `Away` or `Refused`."""

    def __call__(self, message: dict[str, Any]) -> None:
        """Send it."""
        ...


class Delivery:
    """Messages in a folder, and the thread that sends them. `OutputError` where the folder cannot be written.

    `whom` is what messages to the user call the other side.
    """

    def __init__(
        self, folder: Path, post: Post, whom: str, say: Callable[[str], object], first_pause: float = 1.0
    ) -> None:
        check_folder(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self._post, self.whom, self._say, self._first_pause = folder, post, whom, say, first_pause
        self._waiting = deque(sorted(int(path.stem) for path in folder.glob("*.json") if path.stem.isdigit()))
        self._next = self._waiting[-1] + 1 if self._waiting else 0
        self._changed = threading.Condition()
        self._closing = False
        self._sent_late = 0
        self._away = False
        if self._waiting:
            say(f"{whom}: {counted(len(self._waiting), 'event')} from before still to be sent")
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def put(self, message: dict[str, Any]) -> None:
        """Take over a message: it is on disk when this returns. `OutputError` where it cannot be."""
        with self._changed:
            number, self._next = self._next, self._next + 1
            write_text(self._path(number), json_text(message) + "\n")
            self._waiting.append(number)
            if len(self._waiting) > MOST:
                self._path(self._waiting.popleft()).unlink(missing_ok=True)
                self._say(f"{self.whom}: more than {MOST} events wait; the oldest are given up")
            self._changed.notify()

    @property
    def waiting(self) -> int:
        """Messages that were not taken yet."""
        return len(self._waiting)

    def close(self) -> None:
        """Give what is left some seconds; what stays is sent by the next program that has the folder."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(GRACE)
        if self._waiting:
            self._say(
                f"{self.whom}: {counted(len(self._waiting), 'event')} kept in {self.folder}, to be sent next time"
            )

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:012d}.json"

    def _run(self) -> None:
        pause, tries = self._first_pause, 0
        while True:
            with self._changed:
                while not self._waiting and not self._closing:
                    self._changed.wait()
                if not self._waiting or (self._closing and self._away):
                    return
                number = self._waiting[0]
            try:
                self._send(number)
                done = True
            except Away as error:
                self._report(str(error))
                done = False
            except Refused as error:
                tries += 1
                done = tries >= TRIES
                if done:
                    self._put_aside(number, error)
            if done:
                pause, tries = self._first_pause, 0
                self._done(number)
                continue
            with self._changed:
                if self._closing:
                    return
                self._changed.wait_for(lambda: self._closing, pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _send(self, number: int) -> None:
        try:
            message = json.loads(self._path(number).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            self._say(f"{self._path(number)} is damaged ({error}); left out")
            return
        self._post(message)
        if self._away:
            self._away = False
            self._say(f"{self.whom} is back; sending {counted(len(self._waiting), 'event')} kept meanwhile")

    def _done(self, number: int) -> None:
        with self._changed:
            if self._waiting and self._waiting[0] == number:
                self._waiting.popleft()
            self._path(number).unlink(missing_ok=True)

    def _report(self, why: str) -> None:
        if not self._away:
            self._away = True
            self._say(f"{self.whom} cannot be reached ({why}); events are kept in {self.folder} and sent later")

    def _put_aside(self, number: int, why: Exception) -> None:
        aside = self.folder / "refused"
        try:
            aside.mkdir(exist_ok=True)
            self._path(number).rename(aside / self._path(number).name)
        except OSError as error:
            self._say(f"{self.whom} refused an event {TRIES} times ({why}); it is lost: {error.strerror or error}")
            return
        self._say(f"{self.whom} refused an event {TRIES} times ({why}); it is kept in {aside}")
