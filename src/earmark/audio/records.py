"""What is known of a recording: what its file promised, and what was done to it on the way in.

Nothing is changed in silence: `actions` lists every resampling, mixing down and loss in words.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from earmark.arrays import FloatArray

SHORT = 0.1  # seconds; what is shorter is not scored


@dataclass(frozen=True)
class AudioInfo:
    """What a file says of itself, before any of it is decoded."""

    name: str
    format: str  # container and coding, "WAV PCM_16"
    rate: int  # Hz
    channels: int
    frames: int | None  # samples a channel that the header promises; None where it makes no promise

    @property
    def duration(self) -> float | None:
        """Seconds promised by the header, or None."""
        return None if self.frames is None else self.frames / self.rate


class Decoder(Protocol):
    """What reads one kind of file.

    `blocks()` yields float32 (frames, channels) until the end or the first damage; `problem` says afterwards
    what was missing, if anything was.
    """

    info: AudioInfo
    problem: str | None

    def blocks(self) -> Iterator[FloatArray]:
        """The recording in order; float32 (frames, channels), an array valid until the next is asked for."""
        ...

    def close(self) -> None:
        """Let go of the file; a file object given by the caller stays open."""
        ...


@dataclass(frozen=True, eq=False)
class Audio:
    """A decoded recording: `samples` mono float32 (samples,) at `rate` Hz."""

    samples: FloatArray
    rate: int
    info: AudioInfo
    problem: str | None = None  # why there is less than the file promised
    one_channel: bool = False  # one channel stands for all, since their mean would be silence

    @property
    def duration(self) -> float:
        """Seconds."""
        return len(self.samples) / self.rate

    @property
    def truncated(self) -> bool:
        """Whether part of the recording is missing (cut short or damaged)."""
        return self.problem is not None

    @property
    def actions(self) -> tuple[str, ...]:
        """What was done to the recording, in words; empty when it is as it was in the file."""
        return actions(self.info, self.rate, self.problem, self.one_channel)


def actions(info: AudioInfo, rate: int, problem: str | None, one_channel: bool = False) -> tuple[str, ...]:
    """Every change between the file and the samples given out, in words.

    >>> actions(AudioInfo("a.wav", "WAV PCM_16", 44_100, 2, None), 32_000, None)
    ('2 channels averaged to mono', 'resampled from 44100 to 32000 Hz')
    """
    done = []
    if info.channels > 1 and one_channel:
        done.append(f"one of {info.channels} channels used: they cancel each other out (opposite phase)")
    elif info.channels > 1:
        done.append(f"{info.channels} channels averaged to mono")
    if info.rate != rate:
        done.append(f"resampled from {info.rate} to {rate} Hz")
    if problem is not None:
        done.append(problem)
    return tuple(done)


def too_short(seconds: float) -> str:
    """The problem of a recording that is shorter than `SHORT`.

    >>> too_short(0.01)
    'lasts 10 ms, too short to contain a sound'
    """
    return f"lasts {1000 * seconds:.0f} ms, too short to contain a sound"
