"""Where a recording sounds, and what is cut out of it."""

from __future__ import annotations

import numpy as np
import pytest

from earmark.data.soundscapes.activity import cut, find_activity

RATE = 8_000


def tone(frequency: float, seconds: float, rate: int = RATE) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * frequency * (np.arange(round(seconds * rate)) + 0.5) / rate)


def silence(seconds: float) -> np.ndarray:
    return np.zeros(round(seconds * RATE))


def test_a_recording_is_heard_where_it_sounds() -> None:
    quiet = 0.02 * tone(1000, 0.5)  # 34 dB under the tone
    wave = np.concatenate([silence(0.3), tone(1000, 0.2), silence(0.4), tone(1000, 0.1), quiet, tone(1000, 0.3)])
    heard = [(round(0.3 * RATE), round(1.0 * RATE)), (round(1.5 * RATE), round(1.8 * RATE))]
    assert list(find_activity(wave.astype(np.float32), RATE).bursts) == heard
    whole = find_activity(wave.astype(np.float32), RATE, drop=40)
    assert whole.bursts == ((heard[0][0], heard[1][1]),)
    assert find_activity((1e-5 * wave).astype(np.float32), RATE).bursts == ()


def test_a_constant_offset_is_no_sound_and_does_not_get_in() -> None:
    wave = 0.1 + np.concatenate([silence(0.5), tone(1000, 0.2), silence(0.5)])
    activity = find_activity(wave.astype(np.float32), RATE)
    assert activity.bursts == ((round(0.5 * RATE), round(0.7 * RATE)),)
    sound = cut(wave.astype(np.float32), activity, np.random.default_rng(0), RATE, 80)
    assert activity.offset == pytest.approx(0.1, abs=1e-6)
    assert np.abs(sound.wave[:80]).max() < 1e-6


def test_fades_leave_an_attack_as_it_is_and_soften_a_cut() -> None:
    wave = np.concatenate([silence(0.1), tone(1000, 2)]).astype(np.float32)
    activity = find_activity(wave, RATE)
    whole = cut(wave, activity, np.random.default_rng(0), 3 * RATE, 80)
    first, last = whole.heard
    assert (whole.begins, first) == (round(0.1 * RATE) - 80, 80)
    np.testing.assert_allclose(whole.wave[first : last - 80], wave[round(0.1 * RATE) : -80], atol=1e-6)
    assert np.abs(whole.wave[-8:]).max() < 0.02 < np.abs(wave[-8:]).max()  # it ends in full sound
    part = cut(wave, activity, np.random.default_rng(0), RATE, 80)
    assert part.heard == (0, RATE)
    assert np.abs(part.wave[:4]).max() < 0.01
