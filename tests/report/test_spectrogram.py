import numpy as np
import pytest

from earmark.report.spectrogram import log_mel


@pytest.mark.parametrize("rate", [100, 8_000, 16_000, 44_100])
@pytest.mark.parametrize("share", [0.1, 0.25, 0.4])
def test_a_tone_is_brightest_in_its_band_while_it_sounds(rate: int, share: float) -> None:
    times = np.arange(2 * rate) / rate
    tone = np.where(times >= 1, np.sin(2 * np.pi * share * rate * times), 0).astype(np.float32)
    picture = log_mel(tone, rate)
    half = len(picture.values) // 2
    sounding = picture.values[half + 5 : -5].mean(axis=0)
    centres = np.array(picture.band_hz)
    nearest = np.abs(centres - share * rate).argmin()
    assert abs(int(sounding.argmax()) - int(nearest)) <= 1
    assert sounding.max() > picture.values[: half - 5].max() + 10  # silence before it


@pytest.mark.parametrize("samples", [0, 1, 159, 160, 161, 40_000])
def test_frames_cover_the_recording(samples: int) -> None:
    picture = log_mel(np.zeros(samples, np.float32), 8_000)
    assert len(picture.values) == max(1, -(-samples // 160))
    assert np.isfinite(picture.values).all()
    assert picture.clock.step * 8_000 == 160


def test_it_is_the_front_end_of_the_models() -> None:
    """Log-mel as `earmark.features` computes it with the same sizes."""
    torch = pytest.importorskip("torch")
    from earmark.features import LogMel, LogMelOptions

    noise = np.random.default_rng(0).standard_normal(20_011).astype(np.float32)
    front = LogMel(LogMelOptions(rate=16_000, window=1_024, hop=320, bands=64))
    wanted = front(torch.from_numpy(noise)[None])[0].numpy()
    np.testing.assert_allclose(log_mel(noise, 16_000).values, wanted, atol=1e-3)
