"""A sound file of each event, padded; the oldest are deleted when there are too many bytes."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import soundfile

from earmark.decisions import Update
from earmark.errors import OutputError
from earmark.runtime.sinks import ClipSink, News
from earmark.runtime.sinks.clips import LONGEST

RATE = 1_000


def ended(number: int, onset: float, offset: float, label: str = "dog", time: datetime | None = None) -> News:
    return News(Update("end", number, label, onset, offset, 0.9, 0), "mic", time)


def ramp(begin: float, seconds: float) -> np.ndarray:
    """Samples that say when they were."""
    return ((np.arange(round(begin * RATE), round((begin + seconds) * RATE))) / 1e6).astype(np.float32)


def test_an_event_is_saved_with_a_second_on_either_side_once_that_is_heard(tmp_path: Path) -> None:
    sink = ClipSink(tmp_path, RATE, 1e9, print)
    for second in range(5):
        sink.sound(ramp(second, 1), second)
    sink.take(ended(7, 3.0, 4.5))
    sink.sound(ramp(5, 0.4), 5.0)
    assert not list(tmp_path.glob("*/*"))
    sink.sound(ramp(5.4, 0.6), 5.4)
    (path,) = tmp_path.glob("*/*")
    assert path.relative_to(tmp_path).as_posix() == "dog/00000003.000-7.flac"
    samples, rate = soundfile.read(path, dtype="float32")
    assert rate == RATE
    np.testing.assert_allclose(samples, ramp(2.0, 3.5), atol=1e-4)
    sink.close()


def test_what_waits_is_saved_at_the_end_and_a_time_of_day_names_the_file(tmp_path: Path) -> None:
    sink = ClipSink(tmp_path, RATE, 1e9, print)
    sink.sound(ramp(0, 2), 0.0)
    sink.take(ended(1, 0.5, 1.9, "../rain?", datetime(2026, 5, 1, 6, 12, 33, 120_000, UTC)))
    sink.close()
    (path,) = tmp_path.rglob("*.flac")
    assert path.relative_to(tmp_path).as_posix() == "_rain_/20260501T061233.120Z-1.flac"
    assert soundfile.info(path).frames == 2_000


def test_the_oldest_go_first_and_what_was_there_before_counts(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 10_000).astype(np.float32)
    for run in range(2):
        sink = ClipSink(tmp_path, RATE, 50_000, print)
        for number in range(10):
            sink.sound(noise, 10.0 * number)
            sink.take(ended(number, 10.0 * number + 1, 10.0 * number + 4, f"label{number % 3}"))
        sink.close()
        files = sorted(tmp_path.rglob("*.flac"), key=lambda path: int(path.stem.rpartition("-")[2]))
        assert 30_000 < sum(path.stat().st_size for path in files) <= 50_000
        assert [int(path.stem.rpartition("-")[2]) for path in files] == list(range(10 - len(files), 10)), run


def test_memory_is_bounded_and_missing_sound_is_silence(tmp_path: Path) -> None:
    sink = ClipSink(tmp_path, RATE, 1e9, print)
    for second in range(0, 600, 2):
        sink.sound(np.ones(1_000, np.float32), second)
    assert len(sink._held) == LONGEST * RATE
    sink.take(ended(1, 595.0, 597.0))
    sink.close()
    samples, _ = soundfile.read(next(tmp_path.rglob("*.flac")))
    np.testing.assert_allclose(samples[:3_000:500], [1, 1, 0, 0, 1, 1], atol=1e-3)


def test_a_disk_that_cannot_be_written_is_reported_once(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="is a file, not a folder"):
        ClipSink(tmp_path / "file" / "clips", RATE, 1e9, print)
    said: list[str] = []
    sink = ClipSink(tmp_path, RATE, 1e9, said.append)
    (tmp_path / "dog").touch()  # where the folder of the label should be
    sink.sound(np.ones(5_000, np.float32), 0.0)
    for number in range(3):
        sink.take(ended(number, 1.0, 2.0))
    sink.close()
    assert len(said) == 1
    assert "sound clips are left out until it can be written again" in said[0]
