"""Decoding through libsndfile: wav, flac, ogg, opus, mp3 and their older relatives.

Cut or damaged files give what can be read, with a `problem`. libsndfile reports a loss in four ways, and all
are listened to: it raises in the middle (flac, mp3), it gives fewer frames than promised (mp3), it corrects
the promise on opening (wav), or it only notes it in its log (ogg, opus). A wav with damage in the middle
cannot be distinguished from music. mpg123 inside libsndfile writes its own warnings to the C stderr; nothing here can
silence it without touching the whole process.

What libsndfile would pass over is put before it as a file that it reads whole: the sound of a wav whose sizes are
wrong (`wav.py`), an mp3 that does not state its length (`mp3.py`), each of several recordings in one file (`links.py`).
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np
import soundfile

from earmark.arrays import FloatArray
from earmark.audio.links import find_links
from earmark.audio.mp3 import length_is_estimated, with_length
from earmark.audio.records import AudioInfo
from earmark.audio.source import Source, guess_mistake, open_regular, read_head, source_name
from earmark.audio.view import View
from earmark.audio.wav import WavSound, find_wav_sound
from earmark.errors import AudioError

BLOCK = 65_536  # frames given out at once
STEP = 4_096  # frames asked of libsndfile at once near damage: what is lost when it raises within one step
SHORTFALL = 0.05  # seconds that may be missing before a recording counts as cut short
_MALFORMED = 3  # libsndfile's code for a known format whose content makes no sense
_UNKNOWN = 1 << 62  # libsndfile promises 2**63 - 1 frames when it cannot know
_TAIL = 16_384  # bytes of tags that may follow the last frame of an mp3
_SIZES = re.compile(r"^ *(?:data|SSND|Data Size) *: (\d+) \(should be (\d+)\)", re.MULTILINE)
_STREAMED = 0x7FFF_F000  # a wav data size at or above this was never filled in by its writer


class _Forward(soundfile.SoundFile):  # type: ignore[misc]  # a library without types
    """A file read from front to back.

    soundfile seeks after every read of a seekable file to where it already is. In an mp3 that empties the bit
    reservoir: what follows is decoded wrongly, in each block anew. A file that cannot seek is left alone.
    """

    def seekable(self) -> bool:
        return False


class SndfileDecoder:
    """One file, read by libsndfile. `AudioError` when it is no audio that libsndfile knows."""

    def __init__(self, source: Source) -> None:
        self.problem: str | None = None
        self._name = source_name(source)
        head = read_head(source)
        with contextlib.ExitStack() as opened:
            self._native = isinstance(source, str | os.PathLike)  # opened here: libsndfile may read it without Python
            self._source: BinaryIO = opened.enter_context(open_regular(source)) if self._native else source  # type: ignore[arg-type, assignment]
            self._wav = find_wav_sound(self._source, head)
            self._links = find_links(self._source, head)
            estimated = length_is_estimated(self._source)
            try:
                self._file = opened.enter_context(self._open(0))
            except soundfile.LibsndfileError as error:
                reason = error.error_string.rstrip(". ")
                malformed = error.code == _MALFORMED
                guess = "it is cut short or damaged" if malformed else guess_mistake(self._name, head)
                raise AudioError(f"{self._name}: cannot be read as audio ({reason}): {guess}") from error
            self._opened = opened.pop_all()
        promised = self._file.frames
        kind = f"{self._file.format} {self._file.subtype}"
        unsure = promised >= _UNKNOWN or estimated or len(self._links) > 1
        self.info = AudioInfo(
            self._name, kind, self._file.samplerate, self._file.channels, None if unsure else promised
        )

    def _open(self, link: int) -> Any:
        """One of the recordings in the file, as libsndfile opens it."""
        start, length = self._links[link]
        part: View | None = None
        self._estimated = length_is_estimated(self._source, start)
        self._holes = False
        if self._estimated and (counted := with_length(self._source, start, length)) is not None:
            part, self._holes, self._estimated = *counted, False
        if len(self._links) > 1:
            part = part or View(self._source, start, length)
        if self._wav is not None and not self._wav.is_plain:
            part = self._wav.view(self._source)
        if part is not None:
            return _Forward(part)
        self._source.seek(0)
        if self._native and os.name == "posix":
            return _Forward(self._source.fileno(), closefd=False)
        return _Forward(self._source)

    def blocks(self) -> Iterator[FloatArray]:
        """float32 (frames, channels), reused between blocks; stops at the end or at the first damage."""
        done = 0.0  # seconds
        for link in range(len(self._links)):
            if link and not self._follow(link, done):
                return
            total, damaged, step = 0, None, BLOCK
            buffer = np.empty((BLOCK, self.info.channels), dtype=np.float32)
            ended = False
            while not ended:
                filled = 0
                while filled < BLOCK and not ended:
                    try:  # `out` reads on where a wrong promise (mp3) would stop `frames`
                        got = len(self._file.read(out=buffer[filled : filled + step]))
                    except soundfile.LibsndfileError as error:
                        if step != STEP and self._back_to(link, total + filled):
                            step = STEP
                            continue
                        damaged, got = error, 0
                    filled += got
                    ended = got == 0
                total += filled
                if filled:
                    yield buffer[:filled]
            self.problem = self.problem or self._loss(total, done, damaged)
            done += total / self.info.rate

    def _back_to(self, link: int, frame: int) -> bool:
        """Open a recording anew and read up to a frame; whether that is possible. What raised has lost its place."""
        self._file.close()
        try:
            self._file = self._opened.enter_context(self._open(link))
            passed = np.empty((STEP, self.info.channels), dtype=np.float32)
            while frame and (got := len(self._file.read(out=passed[: min(frame, STEP)]))):
                frame -= got
        except soundfile.LibsndfileError:
            return False
        return frame == 0

    def _follow(self, link: int, done: float) -> bool:
        """Go on with the next recording in the file; whether that is possible."""
        self._file.close()
        try:
            self._file = self._opened.enter_context(self._open(link))
        except soundfile.LibsndfileError as error:
            reason = error.error_string.rstrip(". ")
            self.problem = self.problem or f"damaged: only the first {done:.2f} s could be decoded ({reason})"
            return False
        if (self._file.samplerate, self._file.channels) != (self.info.rate, self.info.channels):
            self.problem = self.problem or f"damaged: rate or channels change after {done:.2f} s"
            return False
        return True

    def _loss(self, total: int, before: float, damaged: soundfile.LibsndfileError | None) -> str | None:
        """What is missing of the recording that was read last, `before` seconds of others having come before it."""
        rate = self.info.rate
        read, promised = before + total / rate, self._file.frames
        if self._holes:
            return "damaged: part of it could not be decoded, times after the damage may be early"
        if damaged is not None:
            return f"damaged: only the first {read:.2f} s could be decoded"
        if promised < _UNKNOWN and not self._estimated and promised - total > SHORTFALL * rate:
            return f"cut short: {read:.2f} s of {before + promised / rate:.2f} s are there"
        if self._estimated and len(self._links) == 1 and (left := _bytes_left(self._source)) > _TAIL:
            return (
                f"stopped after {read:.2f} s with {left} bytes left: this mp3 does not state its length; "
                "save it again as flac or wav"
            )
        return _loss_in_log(self._file.extra_info, total / rate, read) or _loss_in_wav(self._wav, read)

    def close(self) -> None:
        """Let go of the file; a file object given by the caller stays open."""
        self._opened.close()


def _loss_in_wav(wav: WavSound | None, read: float) -> str | None:
    """What the header of a wav says is missing, where libsndfile does not; and what follows the sound unaccounted."""
    if wav is not None and wav.is_cut and wav.form not in (b"RIFF", b"RIFX"):
        missing = read * (wav.stated / wav.present - 1) if wav.present else 0.0
        return f"cut short: {read:.2f} s of {read + missing:.2f} s are there" if missing > SHORTFALL else None
    if wav is None or wav.unread <= SHORTFALL * wav.bytes_per_second:
        return None
    return (
        f"{wav.unread} bytes follow the {wav.size} bytes of sound that the header states and are not part of any "
        f"chunk: {read:.2f} s were read; is the header's size wrong?"
    )


def _loss_in_log(log: str, part: float, read: float) -> str | None:
    """What libsndfile's own notes say is missing (wav, aiff, au: bytes of the sound; ogg and opus: pages).

    `part` seconds were read of the recording that the log is of, `read` of the whole file.
    """
    if chunk := _SIZES.search(log):
        stated, present = int(chunk[1]), int(chunk[2])
        missing = part * (stated / present - 1) if present else 0.0
        if stated < _STREAMED and missing > SHORTFALL:
            return f"cut short: {read:.2f} s of {read + missing:.2f} s are there"
    if "Junk after the last page" in log:  # part of a page; a lacking end mark alone is a writer's habit
        return f"cut short: the file stops after {read:.2f} s in the middle of a page"
    if "reports a hole" in log:
        return "damaged: part of it could not be decoded, times after the damage may be early"
    return None


def _bytes_left(file: BinaryIO) -> int:
    """Bytes behind the position of an open file."""
    here = file.tell()
    return file.seek(0, os.SEEK_END) - here
