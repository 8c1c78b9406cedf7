"""Sound files cut around detections."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from earmark import api
from earmark.data.manifest import read_manifest
from earmark.errors import DataError
from earmark.events import Event
from earmark.formats import write_events
from earmark.formats.tables import read_table
from earmark.runtime.clips import choose

RATE = 8000


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Two recordings whose samples tell the time (in units of 1/100 of full scale a second), and their events."""
    for name, seconds in (("a/one.wav", 25), ("two.flac", 3)):
        (tmp_path / "sounds" / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(tmp_path / "sounds" / name, np.arange(seconds * RATE) / RATE / 100, RATE)
    dogs = [Event(float(n), n + 0.5, "dog", 0.9 - n / 100) for n in range(1, 21)]
    events = {
        "a/one.wav": [*dogs, Event(1.25, 2.0, "Air horn, truck horn", 0.5)],
        "two.flac": [Event(2.5, 3.0, "dog", 1.0)],
    }
    write_events(tmp_path / "events.csv", events)
    return tmp_path


def test_clips_hold_the_sound_of_their_times(archive: Path) -> None:
    done = api.clips(archive / "events.csv", archive / "out", audio=archive / "sounds", pad=0.25)
    assert (len(done.written), done.failed) == (22, [])
    for _, row in read_table(archive / "out" / "clips.csv").rows:
        samples, rate = soundfile.read(archive / "out" / row["filename"])
        assert rate == RATE
        assert samples[0] == pytest.approx(float(row["onset"]) / 100, abs=1e-3)
        assert samples[-1] == pytest.approx(float(row["offset"]) / 100, abs=1e-3)
        assert len(samples) / rate == pytest.approx(float(row["offset"]) - float(row["onset"]), abs=1e-3)
    last = read_table(archive / "out" / "clips.csv").rows[-1][1]
    assert (last["recording"], last["onset"], last["offset"]) == ("two.flac", "2.250", "3.000")  # no more is there


def test_a_clip_has_the_labels_of_all_that_it_overlaps_and_the_table_is_a_data_set(archive: Path) -> None:
    api.clips(archive / "events.csv", archive / "out", audio=archive / "sounds")
    manifest = read_manifest(archive / "out" / "clips.csv")
    assert not manifest.problems
    rows = {clip.path.relative_to(archive / "out").as_posix(): clip.labels for clip in manifest.clips}
    assert rows["dog/a-one_1.000-1.500.wav"] == ("dog", "Air horn, truck horn")
    assert rows["dog/a-one_2.000-2.500.wav"] == ("dog",)
    assert set(rows["Air horn, truck horn/a-one_1.250-2.000.wav"]) == {"dog", "Air horn, truck horn"}


def scores(order: str, seed: int = 0) -> list[float]:
    events = {"a.wav": [Event(float(n), n + 1.0, "dog", n / 100) for n in range(101)]}
    return sorted(clip.event.score or 0 for clip in choose(events, 5, order, seed=seed))  # type: ignore[arg-type]


def test_which_clips_are_taken() -> None:
    assert scores("confident") == [0.96, 0.97, 0.98, 0.99, 1.0]
    assert scores("balanced") == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert scores("random") == scores("random") != scores("random", seed=1)
    assert max(scores("random")) - min(scores("random")) > 0.2


def test_recordings_are_found_where_detect_found_them(archive: Path) -> None:
    import sys

    sys.path.insert(0, str(Path(__file__).parent))
    from bulk_script import open_tagger

    soundfile.write(archive / "sounds" / "loud.wav", np.r_[np.zeros(RATE), np.full(RATE, 0.9), np.zeros(RATE)], RATE)
    api.detect([archive / "sounds"], output=archive / "found", tagger=open_tagger())
    done = api.clips(archive / "found", archive / "out")
    assert [path.relative_to(archive / "out").as_posix() for path in done.written if "loud_" in path.name] == [
        "loud sound/loud_1.000-2.000.wav",
        "sound/loud_1.000-2.000.wav",
    ]


def test_bad_input_of_clips(earmark: Callable, archive: Path) -> None:
    with pytest.raises(DataError, match=r"holds none of the 2 recordings, such as a/one.wav; add --audio DIR"):
        api.clips(archive / "events.csv", archive / "out")
    (archive / "sounds" / "two.flac").write_bytes(b"")
    ran = earmark(
        "clips", archive / "events.csv", "-o", archive / "out", "--audio", archive / "sounds", "--per-label", 1
    )
    assert ran.code == 1
    assert "two.flac: is empty (0 bytes)" in ran.err
    ran = earmark("clips", archive / "events.csv", "-o", archive / "out", "--random", "--balanced")
    assert (ran.code, ran.err) == (2, "earmark: --random and --balanced exclude each other; give one of them\n")
    (archive / "none.csv").write_text("filename,onset,offset,event_label\na.wav,,,\n")
    ran = earmark("clips", archive / "none.csv", "-o", archive / "out")
    assert (ran.code, ran.err) == (2, "earmark: no clips could be cut: the table has no events\n")
