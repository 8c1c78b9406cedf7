"""What a recording may come from, and what is wrong with it when nothing can read it.

A source is a path or a binary file object that can seek (it is read from its beginning and left open). A path must
lead to a regular file: a pipe or a device would wait for ever. Which decoder reads a file is decided by its first
bytes, not by its name: a renamed file is read for what it is.

- libsndfile (core): wav, flac, ogg, opus, mp3, mp2, aiff, au, caf, w64, rf64, bw64
- PyAV (extra `media`): m4a, aac, mp4, mov, webm, mkv, avi, wma, wv, and what libsndfile lacks of the above
"""

from __future__ import annotations

import io
import os
import stat
from typing import BinaryIO

from earmark.errors import AudioError

Source = str | os.PathLike[str] | BinaryIO

SNDFILE_EXTENSIONS = (
    *(".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".mp2", ".mpga", ".wave", ".bwf"),
    *(".aif", ".aiff", ".aifc", ".au", ".snd", ".caf", ".w64", ".rf64", ".bw64", ".sph", ".voc"),
)
MEDIA_EXTENSIONS = (
    *(".m4a", ".m4b", ".m4r", ".aac", ".mp4", ".m4v", ".mov", ".3gp", ".3g2", ".amr"),
    *(".webm", ".mka", ".mkv", ".wma", ".wmv", ".asf", ".avi", ".flv", ".ogv", ".mpg", ".mpeg", ".mts", ".m2ts"),
    *(".wv", ".ape", ".tta", ".ac3", ".spx"),
)
AUDIO_EXTENSIONS = SNDFILE_EXTENSIONS + MEDIA_EXTENSIONS

HEAD = 4096  # bytes looked at; enough to tell text from sound
_MEDIA_STARTS = (
    b"\x1a\x45\xdf\xa3",  # Matroska, WebM
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11",  # ASF: wma, wmv
    *(b"\xff\xf1", b"\xff\xf9"),  # AAC without a container, MPEG-4 and MPEG-2
    *(b"wvpk", b"MAC ", b"TTA1", b"#!AMR", b"FLV\x01", b"\x0b\x77", b"\x00\x00\x01\xba"),
)
_SHARED = (b"OggS", b"caff", b"RIFF", b"RIFX", b"RF64", b"BW64", b"riff", b"fLaC", b"FORM", b".snd", b"ID3", b"ADIF")
_KINDS = {
    stat.S_ISFIFO: "a pipe",
    stat.S_ISSOCK: "a socket",
    stat.S_ISCHR: "a device",
    stat.S_ISBLK: "a device",
}


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


def open_regular(path: str | os.PathLike[str]) -> io.FileIO:
    """Open a regular file for reading, by its exact name. `AudioError` for anything else; never waits."""
    name = os.fspath(path)
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            raise AudioError(f"{name}: is a folder, expected an audio file")
        if not stat.S_ISREG(mode):
            kind = next((word for test, word in _KINDS.items() if test(mode)), "not a regular file")
            raise AudioError(f"{name}: is {kind}, expected an audio file; write the sound to a file first")
        return open(path, "rb", buffering=0)
    except FileNotFoundError as error:
        raise AudioError(f"{name}: no such file") from error
    except OSError as error:
        raise AudioError(f"{name}: cannot be read ({error.strerror or error})") from error
    except ValueError as error:  # a name that no file can have
        raise AudioError(f"{name!r}: no such file ({error})") from error


def read_head(source: Source, size: int = HEAD) -> bytes:
    """The first bytes of a source, which is left at its beginning; `AudioError` when there are none."""
    name = source_name(source)
    if isinstance(source, str | os.PathLike):
        with open_regular(source) as file:
            try:
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
            raise AudioError(f"{name}: is open in text mode; expected a binary file (mode 'rb')")
    if not head:
        raise AudioError(f"{name}: is empty (0 bytes)")
    return head


def needs_media(head: bytes) -> bool:
    r"""Whether these first bytes belong to a container that libsndfile does not read.

    >>> needs_media(b"\x00\x00\x00\x1cftypM4A "), needs_media(b"RIFF\x00\x00\x00\x00WAVE")
    (True, False)
    """
    is_avi = head.startswith(b"RIFF") and head[8:12] in (b"AVI ", b"AVIX")
    return head[4:8] == b"ftyp" or is_avi or head.startswith(_MEDIA_STARTS) or _is_transport_stream(head)


def may_need_media(head: bytes) -> bool:
    r"""Whether these first bytes are of a container that both decoders know, each with other codings.

    >>> may_need_media(b"OggS\x00\x02"), may_need_media(b"filename,label\n")
    (True, False)
    """
    sync = len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0
    return head.startswith(_SHARED) or sync


def _is_transport_stream(head: bytes) -> bool:
    """MPEG-TS: a sync byte every 188 bytes, or every 192 after a time stamp of four."""
    return any(
        len(head) > first + 4 * step and all(head[first + i * step] == 0x47 for i in range(5))
        for first, step in ((0, 188), (4, 192))
    )


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
