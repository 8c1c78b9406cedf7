"""Sources of sound that goes on: what is lost, late or silent is reported, and never ends the listening."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from earmark.audio import read_audio
from earmark.audio.live import FileAsLive, watched
from earmark.errors import AudioError, ConfigError


def test_a_file_as_live_has_the_samples_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, np.random.default_rng(0).uniform(-0.5, 0.5, (9_000, 2)), 8_000)
    blocks = list(FileAsLive(path, 16_000, None).blocks(print))
    assert {len(block) for block in blocks[:-1]} == {1_600}
    np.testing.assert_array_equal(np.concatenate(blocks), read_audio(path, 16_000).samples)


def test_a_file_can_be_played_at_a_speed(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, np.zeros(8_000), 8_000)
    began = time.monotonic()
    assert len(list(FileAsLive(path, 8_000, 4.0).blocks(print))) == 10
    assert time.monotonic() - began >= 0.25
    with pytest.raises(ConfigError, match=r"--speed -1\.0 makes no sense"):
        FileAsLive(path, 8_000, -1.0)


class Script:
    """A source that gives what it is told, with pauses."""

    name, rate, real_time = "script", 100, True

    def __init__(self, *items: object) -> None:
        self.items = items

    def blocks(self, say: object) -> Iterator[np.ndarray]:
        for item in self.items:
            if isinstance(item, float):
                time.sleep(item)
            elif isinstance(item, Exception):
                raise item
            else:
                yield item


def test_a_source_that_stops_is_reported_and_goes_on() -> None:
    said: list[str] = []
    loud = np.ones(10, np.float32)
    assert len(list(watched(Script(loud, 0.6, loud), said.append, stall=0.2))) == 2
    assert said[0] == "script: no sound for 0.2 s; still waiting for it"
    assert re.fullmatch(r"script: sound again, after \d+ s", said[1])
    assert len(said) == 2


def test_nothing_but_zeros_is_reported_once() -> None:
    said: list[str] = []
    quiet, loud = np.zeros(50, np.float32), np.ones(10, np.float32)
    list(watched(Script(loud, *[quiet] * 5, loud, quiet), said.append, silence=1.0))
    assert said == [
        "script: nothing but zeros for 1 s; is the microphone muted?",
        "script: sound again, after 2 s of zeros",
    ]


def test_a_fault_of_a_source_reaches_the_listener() -> None:
    with pytest.raises(AudioError, match="broken"):
        list(watched(Script(AudioError("broken")), print))
