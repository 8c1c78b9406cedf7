"""Decoded recordings are kept within bounded memory; broken ones are listed. Of a recording, what sounds is used."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import soundfile

from earmark.data.soundscapes.options import SoundscapeOptions, Sources
from earmark.data.soundscapes.recordings import Recordings, cut, find_activity
from earmark.data.soundscapes.rendering import make_soundscapes
from earmark.data.soundscapes.sources import read_sources
from earmark.errors import DataError

RATE = 8_000
SMALL = SoundscapeOptions(seconds=3, rate=RATE, seed=7)


def silence(seconds: float) -> np.ndarray:
    return np.zeros(round(seconds * RATE))


def digests(directory: Path) -> dict[str, str]:
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    return {str(path.relative_to(directory)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_broken_recordings_are_told_and_cost_the_others_nothing(isolated: Path, tmp_path: Path) -> None:
    for label in ("beep", "hum"):
        (tmp_path / "data" / label).mkdir(parents=True)
        (tmp_path / "data" / label / "good.wav").write_bytes((isolated / f"{label}0.wav").read_bytes())
    (tmp_path / "data" / "hum" / "text.wav").write_text("no sound " * 9)
    soundfile.write(tmp_path / "data" / "hum" / "silent.wav", silence(1), RATE)
    found = read_sources([tmp_path / "data"])
    one = make_soundscapes(tmp_path / "one", found, SMALL, 8)
    assert [fault.split(": ")[0] for fault in one.faults] == ["data/hum/silent.wav", "data/hum/text.wav"]
    assert "contains nothing above -70 dB" in one.faults[0]
    assert "it is a text file, not audio" in one.faults[1]
    assert {row.label for row in one.labels} == {"beep", "hum"}
    assert make_soundscapes(tmp_path / "one", found, SMALL, 8).faults == one.faults  # told again where all is kept
    make_soundscapes(tmp_path / "two", found, SMALL, 3)
    make_soundscapes(tmp_path / "two", found, SMALL, 8)
    assert digests(tmp_path / "one") == digests(tmp_path / "two")
    (tmp_path / "data" / "hum" / "good.wav").write_text("no more")
    (tmp_path / "data" / "beep" / "good.wav").write_text("no more")
    with pytest.raises(DataError, match="no recording of any sound can be used: "):
        make_soundscapes(tmp_path / "three", read_sources([tmp_path / "data"]), SMALL, 2, processes=2)


def test_memory_is_bounded(sources: Sources) -> None:
    each = sources.sounds["beep"]
    recordings = Recordings(SMALL, memory=1)
    assert [recordings.sound(source) is not None for source in each] == [True] * 4
    assert len(recordings._held) == 1
    assert recordings.sound(each[-1]) is recordings.sound(each[-1])


def tone(frequency: float, seconds: float, rate: int = RATE) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * frequency * (np.arange(round(seconds * rate)) + 0.5) / rate)


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
    first, last = whole.span
    assert (whole.begins, first) == (round(0.1 * RATE) - 80, 80)
    np.testing.assert_allclose(whole.wave[first : last - 80], wave[round(0.1 * RATE) : -80], atol=1e-6)
    assert np.abs(whole.wave[-8:]).max() < 0.02 < np.abs(wave[-8:]).max()  # it ends in full sound
    part = cut(wave, activity, np.random.default_rng(0), RATE, 80)
    assert part.span == (0, RATE)
    assert np.abs(part.wave[:4]).max() < 0.01
