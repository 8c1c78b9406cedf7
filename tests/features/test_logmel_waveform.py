import pytest
import torch
from torch import nn

from earmark.features import FrontEnd, LogMel, LogMelOptions, build_features, log_mel_in
from earmark.features.logmel_waveform import LogMelWaveform, LogMelWaveformOptions


def noise(samples: int, seed: int = 0) -> torch.Tensor:
    return 0.1 * torch.randn(samples, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("samples", [32_000, 32_001, 31_999, 319, 1])
def test_the_first_bands_are_log_mel_and_the_others_the_waveform(samples: int) -> None:
    options = LogMelWaveformOptions()
    front = LogMelWaveform(options)
    sound = noise(samples)[None]
    features = front(sound)
    assert features.shape == (1, 1 + samples // 320, front.bands)
    torch.testing.assert_close(features[:, :, :64], LogMel(options.logmel)(sound), atol=0, rtol=0)
    again = features[0, :, 64:].flatten()
    torch.testing.assert_close(again[:samples], sound[0], atol=0, rtol=0)
    assert not again[samples:].any()


def test_samples_beyond_the_last_frame_are_cut() -> None:
    front = LogMelWaveform(LogMelWaveformOptions(logmel=LogMelOptions(rate=16_000, window=1024, hop=400, centre=False)))
    sound = noise(16_000)[None]
    features = front(sound)
    assert features.shape == (1, 38, 64 + 400)
    torch.testing.assert_close(features[0, :, 64:].flatten(), sound[0, : 38 * 400], atol=0, rtol=0)


def test_a_clip_beside_longer_ones_gets_the_frames_it_gets_alone() -> None:
    front = build_features(LogMelWaveformOptions())
    assert isinstance(front, FrontEnd)
    lengths = [5_000, 16_000, 200]
    sounds = [noise(length, seed) for seed, length in enumerate(lengths)]
    together = front(nn.utils.rnn.pad_sequence(sounds, batch_first=True), torch.tensor(lengths))
    for row, sound in zip(together, sounds, strict=True):
        alone = front(sound[None])[0]
        torch.testing.assert_close(row[: len(alone)], alone, atol=2e-3, rtol=0)


def test_its_log_mel_can_be_had() -> None:
    front = LogMelWaveform(LogMelWaveformOptions())
    assert log_mel_in(front) is front.logmel
    assert (front.options.rate, front.options.fill) == (32_000, None)
    assert front.clock == front.logmel.clock
