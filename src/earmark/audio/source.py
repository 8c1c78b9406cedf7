"""What a recording may come from, and what is wrong with it when nothing can read it.

A source is a path or a binary file object that can seek (it is read from its beginning and left open). Which
decoder reads it is decided by the first bytes, not by the name: a renamed file is read for what it is.

- libsndfile (core): wav, flac, ogg, opus, mp3, aiff, au, caf, w64
- PyAV (extra `media`): m4a, aac, mp4, mov, webm, mkv, wma
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

from earmark.errors import AudioError

Source = str | os.PathLike[str] | BinaryIO

SNDFILE_EXTENSIONS = (
    *(".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3"),
    *(".aif", ".aiff", ".aifc", ".au", ".caf", ".w64", ".rf64"),
)
MEDIA_EXTENSIONS = (
    *(".m4a", ".m4b", ".aac", ".mp4", ".m4v", ".mov", ".3gp"),
    *(".webm", ".mka", ".mkv", ".wma", ".wmv"),
)
AUDIO_EXTENSIONS = SNDFILE_EXTENSIONS + MEDIA_EXTENSIONS

HEAD = 4096  # bytes looked at; enough to tell text from sound
_MATROSKA = b"\x1a\x45\xdf\xa3"
_ASF = b"\x30\x26\xb2\x75\x8e\x66\xcf\x11"
_ADTS = (b"\xff\xf1", b"\xff\xf9")  # AAC without a container, MPEG-4 and MPEG-2


def source_name(source: Source) -> str:
    """What messages call a source: its path, or a file object's name.

    >>> import io
    >>> source_name("street/a.wav"), source_name(io.BytesIO())
    ('street/a.wav', '<BytesIO>')
    """
    if isinstance(source, str | os.PathLike):
        return os.fspath(source)
    name = getattr(source, "name", None)
    return name if isinstance(name, str) else f"<{type(source).__name__}>"


def read_head(source: Source, size: int = HEAD) -> bytes:
    """The first bytes of a source, which is left at its beginning; `AudioError` when there are none."""
    name = source_name(source)
    if isinstance(source, str | os.PathLike):
        path = Path(source)
        if path.is_dir():
            raise AudioError(f"{name}: is a folder, expected an audio file")
        if not path.exists():
            raise AudioError(f"{name}: no such file")
        try:
            with open(path, "rb") as file:
                head = file.read(size)
        except OSError as error:
            raise AudioError(f"{name}: cannot be read ({error.strerror or error})") from error
    else:
        if not source.seekable():
            raise AudioError(f"{name}: cannot seek; read it into an io.BytesIO first")
        source.seek(0)
        head = source.read(size)
        source.seek(0)
        if not isinstance(head, bytes):
            raise AudioError(f"{name}: is opened as text, expected a binary file (mode 'rb')")
    if not head:
        raise AudioError(f"{name}: is empty (0 bytes)")
    return head


def needs_media(head: bytes) -> bool:
    r"""Whether these first bytes belong to a container that libsndfile does not read.

    >>> needs_media(b"\x00\x00\x00\x1cftypM4A "), needs_media(b"RIFF\x00\x00\x00\x00WAVE")
    (True, False)
    """
    return head[4:8] == b"ftyp" or head.startswith((_MATROSKA, _ASF, *_ADTS))


def guess_mistake(name: str, head: bytes) -> str:
    r"""What a file that no decoder recognises probably is, ready to be put into a message.

    >>> guess_mistake("a.wav", b"filename,label\n")
    'it is a text file, not audio'
    """
    start = head[:256].lstrip().lower()
    if start.startswith((b"<!doctype", b"<html", b"<?xml")):
        return "it is a web page; did a download fail?"
    if start.startswith(b"version https://git-lfs"):
        return "it is a git-lfs pointer; fetch the real file with `git lfs pull`"
    if not head.strip(b"\0"):
        return "it holds only zero bytes; did a copy or download stop?"
    text = sum(byte in b"\t\n\r" or 32 <= byte < 127 for byte in head)
    if text >= 0.95 * len(head):
        return "it is a text file, not audio"
    suffix = os.path.splitext(name)[1].lower()
    if suffix not in AUDIO_EXTENSIONS:
        return f"expected one of {' '.join(AUDIO_EXTENSIONS)}"
    return f"its content is not {suffix[1:]} or any other known format; is it damaged?"
