"""Decoding through libsndfile: wav, flac, ogg, opus, mp3 and their older relatives.

Cut or damaged files give what can be read, with a `problem`. libsndfile tells of a loss in four ways, and all
are listened to: it raises in the middle (flac, mp3), it gives fewer frames than promised (mp3), it corrects
the promise on opening (wav), or it only notes it in its log (ogg, opus). An mp3 without a stated length
is read to libsndfile's estimate only (`mp3.py`), which is reported too. A wav with damage in the middle
cannot be told from music. mpg123 inside libsndfile writes its own warnings to the C stderr; nothing here can
silence it without touching the whole process.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator

import numpy as np
import soundfile

from earmark.audio.mp3 import length_is_estimated
from earmark.audio.records import AudioInfo, FloatArray
from earmark.audio.source import Source, guess_mistake, read_head, source_name
from earmark.errors import AudioError

BLOCK = 65_536  # frames given out at once
STEP = 4_096  # frames asked of libsndfile at once: what is lost when it raises within one step
SHORTFALL = 0.05  # seconds that may be missing before a recording counts as cut short
_MALFORMED = 3  # libsndfile's code for a known format whose content makes no sense
_UNKNOWN = 1 << 62  # libsndfile promises 2**63 - 1 frames when it cannot know
_TAIL = 16_384  # bytes of tags that may follow the last frame of an mp3
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
        name = source_name(source)
        head = read_head(source)
        self._estimated = length_is_estimated(source, head)
        with contextlib.ExitStack() as opened:
            if self._estimated and isinstance(source, str | os.PathLike):
                source = opened.enter_context(open(source, "rb"))  # so that its position can be asked for
            self._source = source
            try:
                self._file = opened.enter_context(_Forward(source))
            except soundfile.LibsndfileError as error:
                reason = error.error_string.rstrip(". ")
                malformed = error.code == _MALFORMED
                guess = "it is cut short or damaged" if malformed else guess_mistake(name, head)
                raise AudioError(f"{name}: cannot be read as audio ({reason}): {guess}") from error
            self._opened = opened.pop_all()
        promised = self._file.frames
        kind = f"{self._file.format} {self._file.subtype}"
        frames = None if promised >= _UNKNOWN or self._estimated else promised
        self.info = AudioInfo(name, kind, self._file.samplerate, self._file.channels, frames)

    def blocks(self) -> Iterator[FloatArray]:
        """float32 (frames, channels), reused between blocks; stops at the end or at the first damage."""
        buffer = np.empty((BLOCK, self.info.channels), dtype=np.float32)
        total, damaged, ended = 0, None, False
        while not ended:
            filled = 0
            while filled < BLOCK and not ended:
                try:  # `out` reads on where a wrong promise (mp3) would stop `frames`
                    got = len(self._file.read(out=buffer[filled : filled + STEP]))
                except soundfile.LibsndfileError as error:
                    damaged, got = error, 0
                filled += got
                ended = got == 0
            total += filled
            if filled:
                yield buffer[:filled]
        self.problem = self._loss(total, damaged)

    def _loss(self, total: int, damaged: soundfile.LibsndfileError | None) -> str | None:
        rate = self.info.rate
        read, promised = total / rate, self.info.frames
        if damaged is not None:
            return f"damaged: only the first {read:.2f} s could be decoded"
        if promised is not None and promised - total > SHORTFALL * rate:
            return f"cut short: {read:.2f} s of {promised / rate:.2f} s are there"
        if self._estimated and (left := _bytes_left(self._source)) > _TAIL:
            return (
                f"stopped after {read:.2f} s with {left} bytes left: this mp3 does not state its length; "
                "save it again as flac or wav"
            )
        return _loss_in_log(self._file.extra_info, self.info, total)

    def close(self) -> None:
        """Let go of the file; a file object given by the caller stays open."""
        self._opened.close()


def _loss_in_log(log: str, info: AudioInfo, total: int) -> str | None:
    """What libsndfile's own notes say is missing (wav: bytes of the data chunk; ogg and opus: pages)."""
    read = total / info.rate
    if chunk := re.search(r"^data : (\d+) \(should be (\d+)\)", log, flags=re.MULTILINE):
        stated, present = int(chunk[1]), int(chunk[2])
        missing = read * (stated / present - 1) if present else 0.0
        if stated < _STREAMED and missing > SHORTFALL:
            return f"cut short: {read:.2f} s of {read + missing:.2f} s are there"
    if "Junk after the last page" in log:  # part of a page; a lacking end mark alone is a writer's habit
        return f"cut short: the file stops after {read:.2f} s in the middle of a page"
    if "reports a hole" in log:
        return "damaged: part of it could not be decoded, times after the damage may be early"
    return None


def _bytes_left(source: Source) -> int:
    """Bytes behind the position of an open file."""
    if isinstance(source, str | os.PathLike):
        return 0
    here = source.tell()
    return source.seek(0, os.SEEK_END) - here
