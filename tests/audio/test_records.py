"""What was done to a recording is said in words."""

import numpy as np
import pytest

from earmark.audio.records import Audio, AudioInfo, actions, too_short

STEREO = AudioInfo("a.wav", "WAV PCM_16", 44_100, 2, 88_200)


def test_nothing_is_said_of_a_recording_that_is_used_as_it_is() -> None:
    mono = AudioInfo("a.wav", "WAV PCM_16", 8_000, 1, 8_000)
    audio = Audio(np.zeros(8_000, np.float32), 8_000, mono)
    assert audio.actions == ()
    assert audio.duration == mono.duration == 1.0
    assert not audio.truncated


def test_every_loss_is_listed() -> None:
    assert actions(STEREO, 32_000, "ends after 1 s instead of 2 s") == (
        "2 channels averaged to mono",
        "resampled from 44100 to 32000 Hz",
        "ends after 1 s instead of 2 s",
    )
    assert "one of 2 channels used" in actions(STEREO, 44_100, None, one_channel=True)[0]


def test_a_header_without_a_length_promises_none() -> None:
    assert AudioInfo("a.mp3", "MP3", 44_100, 2, None).duration is None


@pytest.mark.parametrize(("seconds", "text"), [(0.0994, "99 ms"), (0.0, "0 ms")])
def test_a_recording_that_is_too_short_is_told_its_length(seconds: float, text: str) -> None:
    assert too_short(seconds).startswith(f"lasts {text}")
