"""A recording of any length as mono samples: a stream of blocks in bounded memory, or the whole at once.

    file -> decoder -> check -> mono -> resample -> blocks of one length (the last may be shorter)

The same samples come out whatever the length of the blocks, because the decoder's own steps never depend on
it and the resampler is a stream. Memory: about 65,536 frames of all channels plus two blocks. `read_audio` is the
concatenation of `read_blocks`: there is one road from file to samples.

Whatever goes wrong in a decoder is an `AudioError` of this recording, so that no recording costs the others.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Self

import numpy as np
import numpy.typing as npt

from earmark.arrays import FloatArray
from earmark.audio.media import MediaDecoder
from earmark.audio.mono import MonoMix, check_samples
from earmark.audio.records import Audio, AudioInfo, Decoder, actions
from earmark.audio.resample import resample, resample_blocks
from earmark.audio.sndfile import SndfileDecoder
from earmark.audio.source import Source, may_need_media, needs_media, read_head, source_name
from earmark.errors import AudioError, MissingExtraError, contained

_PIECE = 65_536  # frames over which channels are compared before they are mixed
RATES = (1_000, 4_000_000)  # Hz; outside, a header is damaged rather than a microphone unusual


def open_decoder(source: Source) -> Decoder:
    """The decoder that reads this content. `AudioError` (or `MissingExtraError`) says why none can.

    What libsndfile cannot read of a container that holds many codings, PyAV is asked for.
    """
    head = read_head(source)
    if needs_media(head):
        return MediaDecoder(source)
    try:
        return SndfileDecoder(source)
    except AudioError as error:
        if not may_need_media(head):
            raise
        try:
            return MediaDecoder(source)
        except MissingExtraError as missing:
            purpose = str(missing).partition(" needs ")[2]
            raise AudioError(f"{error}; PyAV may be able to read it: {purpose.partition(': ')[2]}") from error
        except AudioError:
            raise error from None


def probe(source: Source) -> AudioInfo:
    """Rate, channels and promised length from a file's header, without decoding it."""
    with contained(source_name(source)):
        decoder = open_decoder(source)
        decoder.close()
        return decoder.info


class AudioBlocks:
    """Iterator over a recording: mono float32 (samples,) at `rate` Hz.

    Once it has run out, `problem` says what of the recording is missing (None: nothing). `AudioError` when
    the file cannot be read, holds no samples, or holds a value that is not a number or far too large for sound; what
    came before such a value has then been given out already.
    """

    def __init__(self, source: Source, rate: int | None = None, block_seconds: float = 10.0) -> None:
        with contained(source_name(source)):
            self._decoder = open_decoder(source)
        self.info = self._decoder.info
        self._mix = MonoMix()
        self.rate = self.info.rate if rate is None else rate
        self.problem: str | None = None
        if not RATES[0] <= self.info.rate <= RATES[1]:
            self.close()
            raise AudioError(f"{self.info.name}: its header states {self.info.rate} Hz; is it damaged?")
        self._blocks = self._run(max(1, round(block_seconds * self.rate)))

    @property
    def truncated(self) -> bool:
        """Whether part of the recording is missing; known once the iterator has run out."""
        return self.problem is not None

    @property
    def one_channel(self) -> bool:
        """Whether one channel was used since all of them cancel each other out."""
        return self._mix.one_channel

    @property
    def actions(self) -> tuple[str, ...]:
        """What was done to the recording, in words."""
        return actions(self.info, self.rate, self.problem, self.one_channel)

    def _run(self, size: int) -> Iterator[FloatArray]:
        given = 0
        for block in _regroup(resample_blocks(self._mono(), self.info.rate, self.rate), size):
            given += len(block)
            yield block
        self.problem = self._decoder.problem
        self.close()
        if not given:
            why = "" if self.problem is None else f" ({self.problem})"
            raise AudioError(f"{self.info.name}: contains no samples{why}")

    def _mono(self) -> Iterator[FloatArray]:
        """Checked blocks (samples,), the mean of all channels."""
        start = 0
        for block in _gather(self._decoder.blocks()):
            check_samples(block, self.info.name, self.info.rate, start)
            start += len(block)
            yield self._mix(block)

    def close(self) -> None:
        """Let go of the file; a file object given by the caller stays open."""
        self._decoder.close()

    def __iter__(self) -> Iterator[FloatArray]:
        return self

    def __next__(self) -> FloatArray:
        with contained(self.info.name):
            return next(self._blocks)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def read_blocks(source: Source, rate: int | None = None, block_seconds: float = 10.0) -> AudioBlocks:
    """A recording of any length in blocks of `block_seconds`, at `rate` Hz (None: its own)."""
    return AudioBlocks(source, rate, block_seconds)


def _gather(blocks: Iterator[FloatArray]) -> Iterator[FloatArray]:
    """Blocks (frames, channels) in pieces of `_PIECE` frames or more; the last may be shorter."""
    held: list[FloatArray] = []
    count = 0
    for block in blocks:
        if not held and len(block) >= _PIECE:
            yield block
            continue
        held.append(block.copy())
        count += len(block)
        if count >= _PIECE:
            yield np.concatenate(held)
            held, count = [], 0
    if held:
        yield np.concatenate(held)


def _regroup(blocks: Iterator[FloatArray], size: int) -> Iterator[FloatArray]:
    """The same samples in blocks of exactly `size`, the last shorter."""
    held: list[FloatArray] = []
    count = 0
    for block in blocks:
        while count + len(block) >= size:
            take = size - count
            yield np.concatenate([*held, block[:take]])
            held, count, block = [], 0, block[take:]
        if len(block):
            held.append(block)
            count += len(block)
    if held:
        yield np.concatenate(held)


LOWEST_RATE, HIGHEST_RATE = 100, 10_000_000  # Hz, of arrays


def read_audio(source: Source, rate: int | None = None) -> Audio:
    """Decode a file: mono float32 (samples,) at `rate` Hz, or at the file's own rate.

    A file that is cut short or damaged gives what could be read, with `truncated` and `problem` set: whether
    that is good enough is the caller's decision. `AudioError` when nothing can be read, or when a sample is
    not a number; `MissingExtraError` for m4a, aac, mp4 or webm without PyAV.
    """
    with AudioBlocks(source, rate) as blocks:
        samples = np.concatenate(list(blocks))
        return Audio(samples, blocks.rate, blocks.info, blocks.problem, blocks.one_channel)


def from_array(waveform: npt.ArrayLike, old: int, rate: int | None = None, name: str = "array") -> Audio:
    """An array the caller already has, (samples,) or (samples, channels) at `old` Hz, as `Audio`.

    Integers are scaled by the range of their type; floats are taken as they are. `AudioError` where the array
    is empty, not finite, far beyond full scale, or looks as if its axes were swapped, or `old` is no sample rate.

    >>> from_array(np.full((100, 2), 16_384, dtype=np.int16), 16_000).samples[:2]
    array([0.5, 0.5], dtype=float32)
    """
    old = _checked_rate(old, name)
    array = np.asarray(waveform)
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2 or not array.size:
        shape = np.shape(waveform)
        raise AudioError(f"{name}: expected (samples,) or (samples, channels), got shape {shape}")
    if array.shape[1] > array.shape[0]:
        raise AudioError(f"{name}: {array.shape} has more channels than samples; transpose it?")
    if array.dtype.kind == "i":
        array = array / -float(np.iinfo(array.dtype).min)
    elif array.dtype.kind != "f":
        raise AudioError(f"{name}: expected floats or signed integers, got {array.dtype}")
    check_samples(array, name, old)
    target = old if rate is None else rate
    mix = MonoMix(precise=True)
    mono = resample(mix(array), old, target)
    if not len(mono):
        raise AudioError(f"{name}: {len(array)} samples at {old} Hz leave none at {target} Hz")
    return Audio(mono, target, AudioInfo(name, "array", old, array.shape[1], len(array)), None, mix.one_channel)


def _checked_rate(rate: object, name: str) -> int:
    """A sample rate within the bounds of what files may state."""
    if isinstance(rate, bool) or not isinstance(rate, int | float | np.integer | np.floating):
        raise AudioError(f"{name}: the sample rate is {rate!r}, expected a number of samples per second")
    if not LOWEST_RATE <= rate <= HIGHEST_RATE or rate != int(rate):  # NaN fails the first comparison
        raise AudioError(
            f"{name}: the sample rate is {rate}, expected a whole number from {LOWEST_RATE} to {HIGHEST_RATE} Hz"
        )
    return int(rate)
