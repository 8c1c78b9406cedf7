"""Files by address and checksum, kept in the user's cache; an interrupted download continues where it stopped.

Pooch keeps the cache and the checksums; what it lacks is here: the bytes arrive in a `.part` file beside the target,
and the next attempt, in the same run or another, asks for the rest of it alone (HTTP Range).
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pooch
import requests
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from earmark.errors import ModelError, OutputError

Report = Callable[[int, int | None], None]  # gets the bytes received, and all bytes if known
_PIECE = 1 << 15  # bytes read at a time; of a connection that ends the last piece is lost
_TIMEOUT = 30  # seconds without a byte
_BARREN = 3  # attempts in a row that bring nothing, after which a download is given up


def download(url: str, checksum: str | None, path: Path, report: Report | None = None) -> Path:
    """The file at `url` as `path`, its `checksum` ("md5:...", None: none is known) checked; not fetched if it is there.

    `ModelError` if it cannot be downloaded or is not the promised file, `OutputError` if it cannot be stored.
    """
    part = path.with_name(f"{path.name}.part")
    try:
        with _quiet_pooch():
            pooch.retrieve(url, checksum, path.name, path.parent, downloader=_Resuming(part, report))
    except requests.HTTPError as error:
        raise ModelError(f"{url} cannot be downloaded: the server answered {_status(error)}") from error
    except requests.RequestException as error:
        kept = (
            f"; {part.stat().st_size / 1e6:.0f} MB are kept, and the next attempt continues from there"
            if part.is_file()
            else ""
        )
        raise ModelError(
            f"{url} cannot be downloaded: there is no network, or the server does not answer{kept}"
        ) from error
    except ValueError as error:  # pooch's word for another checksum
        raise ModelError(
            f"{url}: the downloaded file is not the published one (its checksum is not {checksum})"
        ) from error
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error
    return path


class _Resuming:
    """A downloader for pooch that continues `part`."""

    def __init__(self, part: Path, report: Report | None) -> None:
        self.part, self.report = part, report

    def __call__(self, url: str, output_file: str, _: Any) -> None:
        barren = 0
        while True:
            before = self._size()
            try:
                self._fetch(url)
                break
            except requests.HTTPError:
                raise
            except requests.RequestException:
                barren = barren + 1 if self._size() <= before else 0
                if barren == _BARREN:
                    raise
        os.replace(self.part, output_file)

    def _size(self) -> int:
        return self.part.stat().st_size if self.part.is_file() else 0

    def _fetch(self, url: str) -> None:
        """Append what is missing. `requests.RequestException` when the connection ends too early."""
        have = self._size()
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
        with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT) as answer:
            if answer.status_code == requests.codes.requested_range_not_satisfiable:
                if answer.headers.get("Content-Range") != f"bytes */{have}":
                    self.part.unlink()  # longer than the file there is now
                    raise requests.ConnectionError("the part that was kept belongs to another file")
                return  # nothing is missing
            answer.raise_for_status()
            going_on = answer.status_code == requests.codes.partial_content
            have = have if going_on else 0  # a server that knows no ranges sends everything
            rest = answer.headers.get("Content-Length")
            total = have + int(rest) if rest else None
            with self.part.open("ab" if going_on else "wb") as file:
                for piece in answer.iter_content(_PIECE):
                    file.write(piece)
                    have += len(piece)
                    if self.report is not None:
                        self.report(have, total)
        if total is not None and have < total:
            raise requests.ConnectionError(f"the connection ended after {have} of {total} bytes")


def _status(error: requests.HTTPError) -> str:
    return str(error) if error.response is None else f"{error.response.status_code} {error.response.reason}"


@contextmanager
def _quiet_pooch() -> Iterator[None]:
    """Without pooch's own messages on stderr."""
    logger = pooch.get_logger()
    before = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(before)


@contextmanager
def download_bar(title: str) -> Iterator[Report | None]:
    """A progress bar on a terminal, nothing elsewhere; yields what receives the byte counts."""
    if not sys.stderr.isatty():
        yield None
        return
    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn()
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True)) as bar:
        task = bar.add_task(title, total=None)
        yield lambda have, total: bar.update(task, completed=have, total=total)
