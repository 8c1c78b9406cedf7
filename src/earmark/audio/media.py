"""Decoding through PyAV (extra `media`): m4a, aac, mp4, webm, the sound of video files, and what libsndfile lacks.

The first sound track is read, on the clock of the file: where the track begins late or has a gap, there are zeros.
Samples before time zero (an encoder's run-in) are dropped. Decoding stops at the first damaged packet: what follows
it in a bare stream has no time.

    time stamps     [ late start ]aaaaaaaaaaaa[ gap ]bbbbbbbbb
    given out        000000000000 aaaaaaaaaaaa 00000 bbbbbbbbb

FFmpeg is given a file object that we opened, never a name: it takes some names for addresses and asks the network. Nor
may it follow what a file refers to.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np

from earmark.arrays import FloatArray
from earmark.audio.records import AudioInfo
from earmark.audio.source import Source, open_regular, source_name
from earmark.errors import AudioError, MissingExtraError

SHORTFALL = 0.25  # seconds; containers count time in milliseconds and whole packets
JITTER = 0.05  # seconds that a time stamp may be off before it counts as a gap
LONGEST_SILENCE = 3_600.0  # seconds of zeros at most, all gaps of a file together
_ZERO_BASED = ("mov", "matroska", "asf", "avi")  # their clocks begin at zero, whatever begins then
_LENGTH_STATED = (*_ZERO_BASED, "caf", "wav", "w64", "ogg", "flac", "wv", "ape", "tta", "aiff")
_STEP = 65_536  # zeros given out at once
_OPTIONS = {"protocol_whitelist": "none"}  # a file may refer neither to another nor to the network
_FORMATS = (
    *("mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "asf", "avi", "flv", "aac", "amr", "ac3", "eac3", "adif"),
    *("mpeg", "mpegts", "wav", "w64", "caf", "ogg", "flac", "mp3", "aiff", "au", "wv", "ape", "tta"),
)


class _Opened:
    """A file object for FFmpeg: reading and seeking, and of its name the extension alone, as a hint."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        extension = os.path.splitext(name)[1]
        self.name = "sound" + (extension if re.fullmatch(r"\.[A-Za-z0-9]{1,8}", extension) else "")
        self.read, self.seek, self.tell = file.read, file.seek, file.tell


class MediaDecoder:
    """One file, read by FFmpeg's libraries. `MissingExtraError` without PyAV, `AudioError` without sound."""

    def __init__(self, source: Source) -> None:
        try:
            import av
        except ModuleNotFoundError as error:
            what = f"{source_name(source)}: reading m4a, aac, mp4 or webm"
            raise MissingExtraError("PyAV", "media", what) from error
        self.problem: str | None = None
        self._av: Any = av
        name = source_name(source)
        with contextlib.ExitStack() as opened:
            ours = isinstance(source, str | os.PathLike)
            file: BinaryIO = opened.enter_context(open_regular(source)) if ours else source  # type: ignore[arg-type, assignment]
            self._present = file.seek(0, os.SEEK_END)  # bytes; now, for FFmpeg counts on its place in the file
            self._whole = _stated_bytes(file, self._present)
            file.seek(0)
            options = {**_OPTIONS, "format_whitelist": ",".join(_FORMATS)}
            try:
                self._container: Any = opened.enter_context(
                    av.open(_Opened(file, name), metadata_errors="replace", container_options=options)
                )
            except av.error.FFmpegError as error:
                guess = "is it cut short? m4a and mp4 may keep their index at the end"
                raise AudioError(f"{name}: cannot be read as audio ({error.strerror}): {guess}") from error
            self.info = self._look(name)
            self._opened = opened.pop_all()

    def _look(self, name: str) -> AudioInfo:
        """Decode the first frame: only it says the true rate (high-efficiency AAC doubles the header's)."""
        tracks = self._container.streams.audio
        if not tracks:
            raise AudioError(f"{name}: has no audio track")
        self._track = tracks[0]
        self._kind = self._container.format.name.split(",")[0]
        self._end: float | None = None  # seconds at which the last packet of any track ends
        self._others = len(self._container.streams) > 1 and _length_of(self._track) is None
        self._frames = self._decode()
        self._first: Any = next(self._frames, None)
        if self._first is None:
            raise AudioError(f"{name}: contains no samples ({self.problem or 'its audio track is empty'})")
        rate, channels = self._first.sample_rate, self._first.layout.nb_channels
        seconds = self._promise()
        frames = None if seconds is None else round(seconds * rate)
        return AudioInfo(name, f"{self._kind} {self._track.codec_context.name}", rate, channels, frames)

    def _promise(self) -> float | None:
        """Seconds at which the sound track ends, by the header; None where it says so of the whole file at most."""
        if self._kind not in _LENGTH_STATED:  # elsewhere (bare aac) a duration is estimated from the bit rate
            return None
        seconds = _length_of(self._track)
        if seconds is None and len(self._container.streams) == 1 and self._container.duration:
            seconds = self._container.duration / self._av.time_base
        return seconds

    def _decode(self) -> Iterator[Any]:
        """Frames of the track in order, up to the first damage."""
        try:
            for packet in self._container.demux() if self._others else self._container.demux(self._track):
                self._note_end(packet)
                if packet.stream is self._track or packet.stream.index == self._track.index:
                    yield from packet.decode()
        except self._av.error.FFmpegError as error:
            self.problem = f"damaged ({error.strerror})"

    def _note_end(self, packet: Any) -> None:
        if packet.pts is not None and packet.time_base is not None:
            end = float((packet.pts + (packet.duration or 0)) * packet.time_base)
            self._end = end if self._end is None else max(end, self._end)

    def blocks(self) -> Iterator[FloatArray]:
        """float32 (frames, channels); stops at the end or at the first damage."""
        first, rate, channels = self._first, self.info.rate, self.info.channels
        # Same layout, same rate: this changes the type of the samples only. Channels side by side, not one after the
        # other: PyAV reads memory that is not its own where more than eight lie apart.
        plain = self._av.AudioResampler(format="flt", layout=first.layout, rate=rate)
        clock = _Clock(rate, self._origin())
        total = 0
        for frame in _chain(first, self._frames):
            if (frame.sample_rate, frame.layout.nb_channels) != (rate, channels):
                self.problem = f"damaged: rate or channels change after {total / rate:.2f} s"
                break
            early, silent = clock.place(frame.time, total)
            total += silent
            for first_zero in range(0, silent, _STEP):
                yield np.zeros((min(_STEP, silent - first_zero), channels), np.float32)
            for part in self._same(plain, frame):
                block = part.to_ndarray().reshape(-1, channels)[early:]
                total += len(block)
                if len(block):
                    yield np.ascontiguousarray(block, dtype=np.float32)
        self._conclude(total, clock.problem)

    def _same(self, plain: Any, frame: Any) -> Iterator[Any]:
        """The frame with its samples as floats; nothing, and a problem, where it makes no sense."""
        try:
            yield from plain.resample(frame)
        except (self._av.error.FFmpegError, ValueError) as error:
            self.problem = self.problem or f"damaged ({getattr(error, 'strerror', None) or error})"

    def _origin(self) -> float:
        """The time stamp, in seconds, that is second 0 of the recording."""
        start = self._container.start_time
        return 0.0 if self._kind in _ZERO_BASED or start is None else max(0.0, start / self._av.time_base)

    def _conclude(self, total: int, of_clock: str | None) -> None:
        rate, promised = self.info.rate, self.info.frames
        if self.problem is not None and not self.problem.startswith("damaged:"):
            self.problem = f"{self.problem}: only the first {total / rate:.2f} s could be decoded"
        elif self.problem is not None:
            return
        elif self._whole is not None and self._whole > self._present:
            # The few bytes of header do not count.
            whole = total / rate * self._whole / self._present
            self.problem = f"cut short: {total / rate:.2f} s of {whole:.2f} s are there"
        elif of_clock is not None:
            self.problem = of_clock
        elif promised is not None and promised - total > SHORTFALL * rate:
            self.problem = f"cut short: {total / rate:.2f} s of {promised / rate:.2f} s are there"
        elif promised is None and self._others and (missing := self._missing()):
            self.problem = f"cut short: the file ends {missing:.2f} s early, after {total / rate:.2f} s of sound"

    def _missing(self) -> float:
        """Seconds between the last packet of any track and the end that the header states."""
        if self._kind not in _LENGTH_STATED or not self._container.duration or self._end is None:
            return 0.0
        missing = self._container.duration / self._av.time_base - self._end
        return float(missing) if missing > SHORTFALL else 0.0

    def close(self) -> None:
        """Let go of the file; a file object given by the caller stays open."""
        self._opened.close()


class _Clock:
    """Where a frame lies, by its time stamp: how much of it comes too early, how much silence comes before it."""

    def __init__(self, rate: int, origin: float) -> None:
        self.problem: str | None = None
        self._rate = rate
        self._shift = -origin  # seconds between a time stamp and the clock of the recording
        self._room = round(LONGEST_SILENCE * rate)  # zeros that may still be given out

    def place(self, stamp: float | None, total: int) -> tuple[int, int]:
        """(samples of the frame to drop, zeros to put before it), `total` samples having been given out."""
        if stamp is None:
            return 0, 0
        at = round((stamp + self._shift) * self._rate)
        early = max(0, -at) if total == 0 else 0
        gap = at + early - total
        if gap < -round(JITTER * self._rate) and total:  # another recording begins: its clock goes on from here
            self._shift += -gap / self._rate
            gap = 0
        if gap <= round(JITTER * self._rate):
            return early, 0
        if gap > self._room:
            self._shift -= gap / self._rate
            self.problem = self.problem or (
                f"the time stamps jump by {gap / self._rate:.0f} s at {total / self._rate:.2f} s: "
                "the gap is left out, and times after it are early"
            )
            return early, 0
        self._room -= gap
        return early, gap


def _length_of(track: Any) -> float | None:
    """Seconds at which a track ends, as its header says; None where it does not."""
    start = track.start_time or 0
    if track.duration and track.time_base is not None:
        return float((max(0, start) + track.duration) * track.time_base)
    stated = re.fullmatch(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)", track.metadata.get("DURATION", ""))  # Matroska's habit
    return int(stated[1]) * 3_600 + int(stated[2]) * 60 + float(stated[3]) if stated else None


def _stated_bytes(file: BinaryIO, present: int) -> int | None:
    """Where a caf's sound or the first part of an avi ends by its header, in bytes; None where it does not say.

    FFmpeg shortens the length of such a file to what is there, without a word.
    """
    file.seek(0)
    head = file.read(12)
    if head[:4] == b"RIFF" and head[8:11] == b"AVI":
        size = int.from_bytes(head[4:8], "little")
        return None if size in (0, 0xFFFF_FFFF) else 8 + size
    place = 8 if head[:4] == b"caff" else present
    while place < present:
        file.seek(place)
        header = file.read(12)
        if len(header) < 12:
            return None
        size = int.from_bytes(header[4:], "big", signed=True)
        if size < 0:  # of the last chunk: it goes to the end of the file
            return None
        place += 12 + size
        if header.startswith(b"data"):
            return place
    return None


def _chain(first: Any, rest: Iterator[Any]) -> Iterator[Any]:
    yield first
    yield from rest
