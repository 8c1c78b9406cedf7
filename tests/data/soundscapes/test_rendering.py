"""Soundscapes: labels are what is heard, levels are as asked, and nothing depends on what is made beside."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from earmark.data.doctor import examine
from earmark.data.manifest import read_manifest
from earmark.data.soundscapes.mixing import compose
from earmark.data.soundscapes.options import SoundscapeOptions, Sources
from earmark.data.soundscapes.recordings import Recordings
from earmark.data.soundscapes.rendering import make_soundscapes
from earmark.data.soundscapes.sources import Choice, read_sources
from earmark.errors import ConfigError, OutputError

RATE = 8_000
SMALL = SoundscapeOptions(seconds=3, rate=RATE, seed=7)
ESC50 = Path(__file__).parents[4] / "shared" / "data" / "esc50" / "clips.csv"


def test_sets_made_before_an_option_was_there_go_on(sources: Sources, tmp_path: Path) -> None:
    make_soundscapes(tmp_path / "set", sources, SMALL, 2)
    mark = tmp_path / "set" / "synth.json"
    told = json.loads(mark.read_text())
    assert told.pop("speed") == [1.0, 1.0]
    mark.write_text(json.dumps(told))
    assert make_soundscapes(tmp_path / "set", sources, SMALL, 3).written == 1
    with pytest.raises(ConfigError, match=r"speed \[1.0, 1.0\] there, \[0.9, 1.1\] here"):
        make_soundscapes(tmp_path / "set", sources, SMALL.model_copy(update={"speed": (0.9, 1.1)}), 3)


def test_a_folder_has_nothing_to_mend(sources: Sources, tmp_path: Path) -> None:
    options = SMALL.model_copy(update={"events": (0, 3), "rate": 11_025})
    made = make_soundscapes(tmp_path / "set", sources, options, 12)
    assert (made.soundscapes, made.written, made.faults) == (12, 12, ())
    manifest = read_manifest(tmp_path / "set")
    assert (len(manifest), manifest.problems) == (12, ())
    assert examine(tmp_path / "set").ok
    found = manifest.reference()
    assert [] in found.values()  # with none, and so listed
    for clip in manifest.clips:
        assert set(clip.labels) == {event.label for event in clip.events or ()}
        assert clip.duration == 3
    for row in made.labels:
        events = [event for listed in found.values() for event in listed if event.label == row.label]
        assert row.events == len(events)
        assert row.soundscapes == manifest.counts()[row.label]
        assert row.seconds == pytest.approx(sum(event.offset - event.onset for event in events), abs=1e-4)


def test_another_seed_makes_others_and_flac_holds_the_same(sources: Sources, tmp_path: Path) -> None:
    other = SMALL.model_copy(update={"seed": 8})
    waves = [compose(sources, options, 0, Recordings(options)).wave for options in (SMALL, other)]
    assert not np.allclose(*waves)
    make_soundscapes(tmp_path / "wav", sources, SMALL, 1)
    make_soundscapes(tmp_path / "flac", sources, SMALL.model_copy(update={"format": "flac"}), 1)
    read = [soundfile.read(tmp_path / form / "audio" / f"synth-7-00000.{form}")[0] for form in ("wav", "flac")]
    np.testing.assert_array_equal(*read)
    np.testing.assert_allclose(read[0], waves[0], atol=0.51 / 32_768)


def test_what_else_lies_there_is_left_alone(sources: Sources, tmp_path: Path) -> None:
    make_soundscapes(tmp_path / "set", sources, SMALL, 1)
    louder = SMALL.model_copy(update={"snr": (10.0, 20.0)})
    with pytest.raises(
        ConfigError, match=r"contains other soundscapes \(snr \[0.0, 20.0\] there, \[10.0, 20.0\] here\)"
    ):
        make_soundscapes(tmp_path / "set", sources, louder, 1)
    fewer = Sources({"beep": sources.sounds["beep"]}, sources.backgrounds)
    with pytest.raises(ConfigError, match="from other recordings"):
        make_soundscapes(tmp_path / "set", fewer, SMALL, 1)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "note.txt").write_text("x")
    with pytest.raises(OutputError, match="exists and contains no soundscapes"):
        make_soundscapes(tmp_path / "mine", sources, SMALL, 1)


@pytest.mark.skipif(not ESC50.is_file(), reason="needs ESC-50 in ../shared/data/esc50")
def test_real_recordings(tmp_path: Path) -> None:
    found = read_sources([ESC50], choice=Choice(("4",), ("licence!=*NC*",)), background_labels=["rain", "wind"])
    made = make_soundscapes(tmp_path / "set", found, SoundscapeOptions(long_tail=10), 5)
    assert (made.soundscapes, made.faults, found.problems) == (5, (), ())
    assert examine(tmp_path / "set").ok
    parts = [json.loads(path.read_text()) for path in (tmp_path / "set" / "parts").iterdir()]
    rows = [row for part in parts for row in part["rows"]]
    assert {row["source_file"][0] for row in rows} == {"4"}  # ESC-50's names begin with their fold
    assert {row["licence"] for row in rows} <= {"CC0-1.0", "CC-BY-3.0", "CC-Sampling+"}
    assert all("freesound.org" in row["attribution"] for row in rows)


def digests(directory: Path) -> dict[str, str]:
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    return {str(path.relative_to(directory)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_any_number_of_processes_and_any_stop_make_the_same(sources: Sources, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    make_soundscapes(tmp_path / "one", sources, SMALL, 6, progress=lambda done, total: told.append((done, total)))
    assert told == [(done, 6) for done in range(1, 7)]
    make_soundscapes(tmp_path / "two", sources, SMALL, 6, processes=2)
    make_soundscapes(tmp_path / "grown", sources, SMALL, 2)
    audio = tmp_path / "grown" / "audio"
    (audio / "synth-7-00000.wav").unlink()
    whole = (audio / "synth-7-00001.wav").read_bytes()
    (audio / "synth-7-00001.wav").write_bytes(whole[:1000])
    assert make_soundscapes(tmp_path / "grown", sources, SMALL, 6).written == 6
    assert digests(tmp_path / "one") == digests(tmp_path / "two") == digests(tmp_path / "grown")
    before = (tmp_path / "one" / "audio" / "synth-7-00003.wav").stat().st_mtime_ns
    assert make_soundscapes(tmp_path / "one", sources, SMALL, 6).written == 0
    assert (tmp_path / "one" / "audio" / "synth-7-00003.wav").stat().st_mtime_ns == before
