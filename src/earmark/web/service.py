"""What the routes share: models, recordings, work, and the points that a person has saved.

Recordings below `--root` go by their path from there; nothing else on the disk is within reach.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from starlette.responses import JSONResponse

from earmark import __version__
from earmark.audio import AUDIO_EXTENSIONS
from earmark.decisions import OperatingPoint, named_point
from earmark.decisions.operating_point import NAMES
from earmark.errors import AudioError, ConfigError, EarmarkError, did_you_mean
from earmark.files import json_text
from earmark.options import shown
from earmark.runtime.tagger import Tagger
from earmark.web.settings import Settings
from earmark.web.shelf import Held, Shelf, work_on
from earmark.web.stream import Stream
from earmark.web.telemetry import Telemetry
from earmark.web.work import Work


class Json(JSONResponse):
    """As `earmark.files.json_text` writes it."""

    def render(self, content: Any) -> bytes:
        """The body."""
        return json_text(content).encode("utf-8")


OWN, SAVED = "model", "saved"  # names of points, beside those of `named_point`
UPLOADS = 20  # of the largest size, that are kept on disk
POINTS = "operating-points"  # folder of those that were saved


class Service:
    """One server's state. Made within its event loop; `close` removes what it kept on disk."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._folder = tempfile.TemporaryDirectory(prefix="earmark-serve-")
        self.folder = Path(self._folder.name)
        self.uploads = self.folder / "uploads"
        self.uploads.mkdir()
        (self.folder / "recordings").mkdir()
        self.shelf = Shelf(self.folder / "recordings", settings.keep, UPLOADS * settings.max_upload)
        self.work = Work(settings.jobs, settings.waiting)
        self.telemetry = Telemetry()
        self.stream = Stream(lambda: self.ending)
        self.telemetry.watch("earmark_running", "Recordings in work.", lambda: self.work.running)
        self.telemetry.watch("earmark_waiting", "Recordings in the queue.", lambda: self.work.queue)
        self.telemetry.watch("earmark_followers", "Streams of events.", lambda: len(self.stream.followers))
        self.listeners = 0  # connections that are listened to
        self.telemetry.watch("earmark_listeners", "WebSockets that are listened to.", lambda: self.listeners)
        self.version = __version__
        self.ending = False  # what goes on without end should end
        self.closing: list[Callable[[], None]] = []  # what else is to be ended
        self._tasks: set[asyncio.Task[Any]] = set()

    def tagger(self, name: str | None) -> Tagger:
        """The model of this name, or the first one. `ConfigError` with a guess where there is none."""
        chosen = name or self.settings.default_model
        if chosen not in self.settings.models:
            known = list(self.settings.models)
            raise ConfigError(f"no model {chosen!r}{did_you_mean(chosen, known)}; known: {', '.join(known)}")
        return self.settings.models[chosen]

    def point(self, model: str, name: str = OWN) -> OperatingPoint:
        """An operating point of a model: its own, the one that was saved (else its own), or one of a paper."""
        tagger = self.tagger(model)
        if name == OWN:
            return tagger.operating_point
        if name == SAVED:
            return self.saved(model) or tagger.operating_point
        if name not in NAMES:
            known = (OWN, SAVED, *NAMES)
            raise ConfigError(f"no operating point {name!r}{did_you_mean(name, known)}; known: {', '.join(known)}")
        return named_point(name, tagger.labels)

    def saved(self, model: str) -> OperatingPoint | None:
        """The point that was saved for a model; None where none was, or for other labels."""
        file = self.point_file(model)
        if not file.is_file():
            return None
        point = OperatingPoint.load(file)
        return point if point.labels == self.tagger(model).operating_point.labels else None

    def point_file(self, model: str) -> Path:
        """Where the point of a model is saved."""
        return self.settings.output / POINTS / f"{model.replace('/', '_')}.json"

    def begin(self, held: Held) -> None:
        """Read and score a recording of the page, when its turn comes."""
        tagger = self.tagger(held.model)

        def score(stop: object) -> None:
            with self.measured(held.model) as note:
                work_on(held, tagger, self.settings.longest)
                note(held.scores.duration if held.scores is not None else 0.0)

        async def job() -> None:
            await self.work.run_aside(score)

        self.start(job())

    @contextlib.contextmanager
    def measured(self, model: str) -> Iterator[Callable[[float], None]]:
        """Count the time of scoring a recording, and its seconds, given to what is yielded."""
        began = time.perf_counter()
        yield self.telemetry.audio.labels(model).inc
        self.telemetry.scoring.labels(model).observe(time.perf_counter() - began)

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Count a connection that is listened to."""
        self.listeners += 1
        try:
            yield
        finally:
            self.listeners -= 1

    def start(self, job: Coroutine[Any, Any, None]) -> None:
        """Let something go on beside the requests."""
        task = asyncio.create_task(job)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def end_soon(self) -> None:
        """The server is about to end. May be called by a handler of signals."""
        self.ending = self.work.ending = True

    async def close(self) -> None:
        """End. Recordings of the page go with the server, so they are not finished."""
        self.end_soon()
        for held in self.shelf.all():
            held.stop.set()
        if self._tasks:
            await asyncio.wait(list(self._tasks))
        self.work.close()
        for close in self.closing:
            close()
        self._folder.cleanup()


class NotFoundError(EarmarkError):
    """Something that was asked for by name and is not there."""


MOST = 5000  # recordings of a folder that are listed


def below(root: Path, asked: str) -> Path:
    r"""The file at a path below `root`. `AudioError` where the path leads out of it, also by links, or to no file.

    The message does not say whether something lies outside.
    """
    parts = PurePosixPath(asked).parts
    odd = any(letter in asked for letter in ("\0", "\\")) or not parts or asked.startswith(("/", "~"))
    if odd or ".." in parts or any(ord(letter) < 32 for letter in asked):
        raise AudioError(f"{shown(asked)} is no path below the root folder; expected for example 'street/a.wav'")
    home = root.resolve()
    place = home.joinpath(*parts)
    if not (_within(place, home) and os.path.isfile(place)):
        raise AudioError(f"{shown(asked)}: no such recording below the root folder")
    return place.resolve()


def listed(root: Path, folder: str = "") -> tuple[list[str], list[str]]:
    """Folders and recordings right below a folder below `root`, by name; hidden ones and links out are left out."""
    home = root.resolve()
    place = home
    if folder:
        parts = PurePosixPath(folder).parts
        if ".." in parts or folder.startswith("/") or any(letter in folder for letter in ("\0", "\\")):
            raise AudioError(f"{shown(folder)} is no folder below the root folder")
        place = home.joinpath(*parts)
    if not _within(place, home) or not os.path.isdir(place):
        raise AudioError(f"{shown(folder)}: no such folder below the root folder")
    folders: list[str] = []
    files: list[str] = []
    for each in sorted(place.iterdir()):
        if each.name.startswith(".") or not _within(each, home):
            continue
        if each.is_dir():
            folders.append(each.name)
        elif each.suffix.lower() in AUDIO_EXTENSIONS and len(files) < MOST:
            files.append(each.name)
    return folders, files


def _within(path: Path, home: Path) -> bool:
    """Whether a path, its links followed, lies below `home`."""
    try:
        return path.resolve().is_relative_to(home)
    except (OSError, RuntimeError, ValueError):  # too long, links in a circle, bytes that no name has
        return False
