"""Each voice, listened to by numbers: length, level, and energy where its class belongs."""

from __future__ import annotations

import numpy as np
import pytest

from earmark.data.sounds import VOICES, coloured_noise

RATE = 16_000
SEEDS = range(12)


def spectrum(wave):
    """Frequencies (bins,) in Hz and the share of energy at each."""
    power = np.abs(np.fft.rfft(wave * np.hanning(len(wave)), 1 << 17)) ** 2
    return np.fft.rfftfreq(1 << 17, 1 / RATE), power / power.sum()


def share(wave, low, high):
    frequencies, power = spectrum(wave)
    return power[(frequencies >= low) & (frequencies < high)].sum()


def centroid(wave):
    frequencies, power = spectrum(wave)
    return float(frequencies @ power)


def envelope(wave, seconds=0.01):
    """RMS of blocks."""
    size = int(RATE * seconds)
    blocks = wave[: len(wave) // size * size].reshape(-1, size)
    return np.sqrt((blocks**2).mean(axis=1))


@pytest.mark.parametrize("name", VOICES)
@pytest.mark.parametrize("longest", [1.0, 10.0])
def test_a_voice_is_finite_audible_and_no_longer_than_asked(name, longest):
    for seed in SEEDS:
        wave = VOICES[name](np.random.default_rng(seed), RATE, longest)
        assert np.isfinite(wave).all()
        assert np.abs(wave).max() > 0.01
        assert len(wave) <= longest * RATE


@pytest.mark.parametrize(
    ("name", "low", "high", "least"),
    [
        ("engine", 20, 1800, 0.95),
        ("siren", 440, 6500, 0.99),
        ("knocks", 90, 1600, 0.6),
        ("beeps", 850, 6000, 0.99),
        ("chirps", 2000, 7600, 0.99),
        ("horn", 240, 6000, 0.99),
        ("drill", 340, 7000, 0.97),
        ("bell", 270, 4000, 0.99),
    ],
)
def test_energy_lies_where_the_class_belongs(name, low, high, least):
    for seed in SEEDS:
        assert share(VOICES[name](np.random.default_rng(seed), RATE, 10.0), low, high) > least


def test_classes_are_ordered_in_height_as_the_ear_would_order_them():
    def height(name):
        return np.median([centroid(VOICES[name](np.random.default_rng(seed), RATE, 10.0)) for seed in SEEDS])

    heights = [height(name) for name in ("engine", "knocks", "beeps", "chirps")]
    assert heights == sorted(heights)


def test_a_siren_sweeps_and_beeps_stand_still():
    def spread(name, seed):
        wave = VOICES[name](np.random.default_rng(seed), RATE, 10.0)
        frames = wave[: len(wave) // 1024 * 1024].reshape(-1, 1024)
        loud = frames[(frames**2).mean(axis=1) > 0.1 * (frames**2).mean()]
        peaks = np.abs(np.fft.rfft(loud * np.hanning(1024))).argmax(axis=1) * RATE / 1024
        return np.ptp(peaks)

    assert min(spread("siren", seed) for seed in SEEDS) > 200
    assert max(spread("beeps", seed) for seed in SEEDS) < 40


def test_beeps_pause_and_engines_do_not():
    for seed in SEEDS:
        beeps = envelope(VOICES["beeps"](np.random.default_rng(seed), RATE, 10.0))
        engine = envelope(VOICES["engine"](np.random.default_rng(seed), RATE, 10.0), 0.1)[5:-5]
        assert 0.3 < (beeps < 0.05 * beeps.max()).mean() < 0.65
        assert engine.min() > 0.05 * engine.max()


def test_bells_and_knocks_die_away():
    for seed in SEEDS:
        for name in ("bell", "knocks"):
            level = envelope(VOICES[name](np.random.default_rng(seed), RATE, 10.0))
            assert level[-5:].max() < 0.2 * level.max()


def test_the_background_has_rms_one_and_falls_with_frequency():
    tilts = []
    for seed in SEEDS:
        noise = coloured_noise(np.random.default_rng(seed), 10 * RATE, RATE)
        assert np.sqrt(np.mean(noise**2)) == pytest.approx(1.0)
        tilts.append(10 * np.log10(share(noise, 250, 500) / share(noise, 4000, 8000)) + 12)
    assert -2 < min(tilts) < 8  # white, or nearly
    assert 16 < max(tilts) < 26  # brown, or nearly: 4 octaves at 6 dB
