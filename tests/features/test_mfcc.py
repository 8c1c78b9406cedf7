import librosa
import numpy as np
import pytest
import torch
from torch import nn

from earmark.errors import ConfigError
from earmark.features import FrontEnd, LogMel, LogMelOptions, build_features
from earmark.features.mfcc import MFCC, MFCCOptions

LOGMEL = LogMelOptions(
    **{"rate": 16_000, "window": 1024, "hop": 664, "window_shape": "hamming-symmetric", "power": 1, "centre": False},
    fill=240,
)


def noise(samples: int, seed: int = 0) -> torch.Tensor:
    sound = np.random.default_rng(seed).standard_normal(samples) * np.exp(2 * np.sin(np.arange(samples) / 3000))
    return torch.from_numpy((0.1 * sound).astype(np.float32))


def librosas(logmel: np.ndarray, coefficients: int, deltas: int) -> np.ndarray:
    """MFCCs (frames, bands) of log-mel features (frames, bands)."""
    mfcc = librosa.feature.mfcc(S=logmel.T.astype(np.float64), n_mfcc=coefficients, dct_type=2, norm="ortho", lifter=0)
    derivatives = [librosa.feature.delta(mfcc, width=9, order=k + 1, mode="nearest") for k in range(deltas)]
    return np.concatenate([mfcc, *derivatives]).T


@torch.no_grad()
@pytest.mark.parametrize(("coefficients", "deltas"), [(40, 2), (13, 1), (64, 0)])
@pytest.mark.parametrize("samples", [160_000, 8_000, 1_500])
def test_mfccs_and_their_derivatives_equal_librosas(coefficients: int, deltas: int, samples: int) -> None:
    """1,500 samples are one frame: fewer than a derivative looks at."""
    front = MFCC(MFCCOptions(logmel=LOGMEL, coefficients=coefficients, deltas=deltas))
    sound = noise(samples)[None]
    ours = front(sound)[0].numpy()
    assert ours.shape[1] == front.bands == coefficients * (1 + deltas)
    np.testing.assert_allclose(ours, librosas(LogMel(LOGMEL)(sound)[0].numpy(), coefficients, deltas), atol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("centre", [True, False])
def test_nothing_beyond_a_clips_end_leaks_into_its_derivatives(centre: bool) -> None:
    logmel = LogMelOptions.parse({**LOGMEL.model_dump(), "centre": centre}, "test")
    front = build_features(MFCCOptions(logmel=logmel))
    assert isinstance(front, FrontEnd)
    lengths = [1, 700, 5_000, 16_001, 32_000]
    sounds = [noise(length, seed) for seed, length in enumerate(lengths)]
    together = front(nn.utils.rnn.pad_sequence(sounds, batch_first=True), torch.tensor(lengths))
    for row, sound in zip(together, sounds, strict=True):
        alone = front(sound[None])[0]
        torch.testing.assert_close(row[: len(alone)], alone, atol=2e-4, rtol=0)


@torch.no_grad()
def test_a_steady_rise_has_that_slope_and_no_curvature() -> None:
    front = MFCC(MFCCOptions(logmel=LOGMEL, coefficients=1))
    rising = torch.arange(30.0)[None, :, None] * torch.ones(64) * 0.25
    front.logmel.forward = lambda waveform, lengths=None: rising  # type: ignore[method-assign]
    features = front(torch.zeros(1, 1))[0]
    torch.testing.assert_close(features[4:-4, 1], torch.full((22,), 8 * 0.25), atol=1e-4, rtol=0)  # c[0] = 8 x mean
    torch.testing.assert_close(features[4:-4, 2], torch.zeros(22), atol=1e-4, rtol=0)


def test_rate_fill_and_clock_are_those_of_the_log_mel() -> None:
    options = MFCCOptions(logmel=LOGMEL)
    assert (options.rate, options.fill, MFCC(options).bands) == (16_000, 240, 120)
    assert MFCC(options).clock == LogMel(LOGMEL).clock


def test_more_coefficients_than_bands_are_refused() -> None:
    with pytest.raises(ConfigError, match="40 coefficients need as many mel bands, got 24"):
        MFCCOptions.parse({"logmel": {"bands": 24}}, "features")
