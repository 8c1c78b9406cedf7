"""Decoding through PyAV (extra `media`): m4a, aac, mp4, webm and the sound of video files.

The first sound track is read. Decoding stops at the first damaged packet: going on would move everything
after it in time. Samples before time zero (an encoder's run-in) are dropped.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import numpy as np

from earmark.audio.records import AudioInfo, FloatArray
from earmark.audio.source import Source, source_name
from earmark.errors import AudioError, MissingExtraError

SHORTFALL = 0.25  # seconds; containers count time in milliseconds and whole packets
_LENGTH_STATED = ("mov", "matroska", "asf")  # elsewhere (bare aac) a duration is estimated from the bit rate


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
        try:
            self._container: Any = av.open(os.fspath(source) if isinstance(source, os.PathLike) else source)
        except av.error.FFmpegError as error:
            guess = "is it cut short? m4a and mp4 may keep their index at the end"
            raise AudioError(f"{name}: cannot be read as audio ({error.strerror}): {guess}") from error
        try:
            self.info = self._look(name)
        except AudioError:
            self.close()
            raise

    def _look(self, name: str) -> AudioInfo:
        """Decode the first frame: only it says the true rate (high-efficiency AAC doubles the header's)."""
        tracks = self._container.streams.audio
        if not tracks:
            raise AudioError(f"{name}: has no sound track")
        self._track = tracks[0]
        self._frames = self._decode()
        self._first: Any = next(self._frames, None)
        if self._first is None:
            raise AudioError(f"{name}: holds no samples ({self.problem or 'its sound track is empty'})")
        rate, channels = self._first.sample_rate, self._first.layout.nb_channels
        kind = self._container.format.name.split(",")[0]
        duration = self._container.duration if kind in _LENGTH_STATED else None
        frames = None if duration is None else round(duration * rate / self._av.time_base)
        return AudioInfo(name, f"{kind} {self._track.codec_context.name}", rate, channels, frames)

    def _decode(self) -> Iterator[Any]:
        """Frames of the track in order, up to the first damage."""
        try:
            for packet in self._container.demux(self._track):
                yield from packet.decode()
        except self._av.error.FFmpegError as error:
            self.problem = f"damaged ({error.strerror})"

    def blocks(self) -> Iterator[FloatArray]:
        """float32 (frames, channels); stops at the end or at the first damage."""
        first, rate = self._first, self.info.rate
        # Same layout, same rate: this changes the type of the samples only.
        plain = self._av.AudioResampler(format="fltp", layout=first.layout, rate=rate)
        total = 0
        for frame in _chain(first, self._frames):
            if (frame.sample_rate, frame.layout.nb_channels) != (rate, self.info.channels):
                self.problem = f"damaged: rate or channels change after {total / rate:.2f} s"
                break
            early = 0 if frame.time is None else max(0, round(-frame.time * rate))
            for part in plain.resample(frame):
                block = part.to_ndarray().T[early:]  # (frames, channels)
                total += len(block)
                if len(block):
                    yield np.ascontiguousarray(block, dtype=np.float32)
        promised = self.info.frames
        if self.problem is not None and not self.problem.startswith("damaged:"):
            self.problem = f"{self.problem}: only the first {total / rate:.2f} s could be decoded"
        elif promised is not None and promised - total > SHORTFALL * rate:
            self.problem = f"cut short: {total / rate:.2f} s of {promised / rate:.2f} s are there"

    def close(self) -> None:
        """Let go of the file; a file object given by the caller stays open."""
        self._container.close()


def _chain(first: Any, rest: Iterator[Any]) -> Iterator[Any]:
    yield first
    yield from rest
