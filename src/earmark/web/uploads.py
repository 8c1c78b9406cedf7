"""What a client sends, onto the disk as it comes: never more than a limit, never waited for without end.

A body is one of
    multipart/form-data      the part `file` (or the first that has a file name); other parts are parameters
    application/json         a document that is read when its turn comes
    anything else            the recording itself
"""

from __future__ import annotations

import asyncio
import os
import re
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import unquote

from starlette.requests import ClientDisconnect, Request

from earmark.errors import EarmarkError

NAME = "recording"  # what a recording without a name is called
LONGEST_NAME = 150  # letters
DRAINED = 16 * 2**20  # bytes of a body that is refused; what is larger finds its connection closed
MOST_FIELDS = 65_536  # bytes of all parameters of a form


class UploadError(EarmarkError):
    """A body that is not what it should be; `status` is how HTTP puts it."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


@dataclass
class Upload:
    """A body on disk: `kind` says whether it is the recording ("sound") or a JSON document ("json")."""

    path: Path
    kind: str = "sound"
    name: str = NAME
    fields: dict[str, str] = field(default_factory=dict)  # parameters of a form

    def remove(self) -> None:
        """Away with it."""
        self.path.unlink(missing_ok=True)


async def receive(request: Request, folder: Path, most: int, idle: float) -> Upload:
    """The body of a request as a file in `folder`.

    `UploadError` where it has more than `most` bytes, does not come for `idle` seconds, is empty or is a damaged form.
    """
    stated = request.headers.get("content-length", "")
    if stated.isdigit() and int(stated) > most:
        raise too_large(most)
    handle, name = tempfile.mkstemp(dir=folder, prefix="upload-")
    upload = Upload(Path(name))
    try:
        with os.fdopen(handle, "wb") as file:
            await _write(request, file, upload, most, idle)
        suffix = Path(upload.name).suffix
        if re.fullmatch(r"\.[A-Za-z0-9]{1,8}", suffix):  # what is wrong with a file may follow from it
            upload.path = upload.path.rename(upload.path.with_suffix(suffix))
    except BaseException:
        upload.remove()
        raise
    return upload


async def _write(request: Request, file: BinaryIO, upload: Upload, most: int, idle: float) -> None:
    kind, _, rest = request.headers.get("content-type", "").partition(";")
    kind = kind.strip().lower()
    chunks = limited(request, most, idle)
    if kind == "multipart/form-data":
        await _read_form(chunks, rest, file, upload)
        return
    upload.kind = "json" if kind == "application/json" else "sound"
    upload.name = clean_name(_stated_name(request))
    async for chunk in chunks:
        file.write(chunk)
    if not file.tell():
        raise UploadError("the body is empty; expected a recording")


async def limited(request: Request, most: int, idle: float) -> AsyncIterator[bytes]:
    """The body piece by piece. `UploadError` where it is too long, or does not come."""
    count = 0
    pieces = request.stream()
    while True:
        try:
            piece = await asyncio.wait_for(anext(pieces, None), idle)
        except TimeoutError:
            raise UploadError(f"nothing came for {idle:.0f} s, so the upload was given up", 408) from None
        if piece is None:
            return
        count += len(piece)
        if count > most:
            raise too_large(most)
        yield piece


def too_large(most: int) -> UploadError:
    """The error of a body with too many bytes."""
    return UploadError(f"the body is larger than {most} bytes, which is the most that is taken", 413)


async def _read_form(chunks: AsyncIterator[bytes], options: str, file: BinaryIO, upload: Upload) -> None:
    from python_multipart.exceptions import FormParserError
    from python_multipart.multipart import MultipartParser, parse_options_header

    boundary = parse_options_header(f"multipart/form-data;{options}")[1].get(b"boundary")
    if not boundary:
        raise UploadError("the form has no boundary in its Content-Type")
    form = _Form(file, upload)
    try:
        parser = MultipartParser(boundary, form.callbacks())  # type: ignore[arg-type]
        async for chunk in chunks:
            parser.write(chunk)
        parser.finalize()
    except FormParserError as error:
        raise UploadError(f"the form is damaged: {' '.join(str(error).split())}") from error
    form.end()


class _Form:
    """Takes what the parser of a form calls out."""

    def __init__(self, file: BinaryIO, upload: Upload) -> None:
        self.file, self.upload = file, upload
        self.found = self.complete = False
        self._size = 0
        self._header: tuple[bytes, bytes] = b"", b""
        self._name, self._is_file = "", False
        self._value = bytearray()

    def callbacks(self) -> dict[str, Any]:
        return {
            "on_part_begin": self._begin,
            "on_header_field": lambda data, start, end: self._add(data[start:end], b""),
            "on_header_value": lambda data, start, end: self._add(b"", data[start:end]),
            "on_header_end": self._take_header,
            "on_headers_finished": self._begin_content,
            "on_part_data": self._take,
            "on_part_end": self._end_part,
            "on_end": self._finish,
        }

    def end(self) -> None:
        """The body is over. `UploadError` where it was cut short, or held no recording."""
        if not self.complete:
            raise UploadError("the form is cut short: its last boundary is missing")
        if not self.found:
            raise UploadError("the form has no part 'file' with a recording")
        if not self.file.tell():
            raise UploadError("the part 'file' of the form is empty; expected a recording")

    def _begin(self) -> None:
        self._header, self._name, self._is_file, self._value = (b"", b""), "", False, bytearray()

    def _add(self, name: bytes, value: bytes) -> None:
        self._header = self._header[0] + name, self._header[1] + value

    def _take_header(self) -> None:
        from python_multipart.multipart import parse_options_header

        name, value = self._header
        self._header = b"", b""
        if name.lower() != b"content-disposition":
            return
        options = parse_options_header(value)[1]
        self._name = options.get(b"name", b"").decode("utf-8", "replace")
        if b"filename" in options or self._name == "file":
            if self.found:
                raise UploadError("the form has more than one file; send one recording at a time")
            self._is_file = self.found = True
            self.upload.name = clean_name(options.get(b"filename", b"").decode("utf-8", "replace"))

    def _begin_content(self) -> None:
        if not self._name and not self._is_file:
            raise UploadError("a part of the form has no name")

    def _take(self, data: bytes, start: int, end: int) -> None:
        if self._is_file:
            self.file.write(data[start:end])
            return
        self._size += end - start
        if self._size > MOST_FIELDS:
            raise UploadError(f"the parameters of the form have more than {MOST_FIELDS} bytes", 413)
        self._value += data[start:end]

    def _end_part(self) -> None:
        if not self._is_file:
            self.upload.fields[self._name] = self._value.decode("utf-8", "replace")

    def _finish(self) -> None:
        self.complete = True


def _stated_name(request: Request) -> str:
    """The name that a client gives a recording in its header X-Filename (percent-encoded), or `?name=`."""
    return request.query_params.get("name") or unquote(request.headers.get("x-filename", ""))


def clean_name(name: str) -> str:
    r"""A name that can stand in tables and on a page: no folders, nothing that a terminal would obey.

    >>> clean_name("C:\\sounds\\a.wav"), clean_name("../../etc/passwd"), clean_name("a\n\x1b.wav"), clean_name("..")
    ('a.wav', 'passwd', 'a.wav', 'recording')
    """
    last = re.split(r"[/\\]", name)[-1]
    kept = "".join(letter for letter in last if letter.isprintable())[:LONGEST_NAME].strip()
    return kept if kept.strip(".") else NAME


async def drain(request: Request, most: int, idle: float) -> None:
    """Read a body that was refused and throw it away, so that its sender gets to read why."""
    if request.headers.get("expect"):
        return  # it waits for a word before it sends
    try:
        async for _ in limited(request, most, idle):
            pass
    except (
        EarmarkError,
        RuntimeError,
        ClientDisconnect,
    ):  # it goes on too long, or is read already; or nobody is there
        return
