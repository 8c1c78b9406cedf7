"""Soundscapes do not depend on the number of processes."""

from __future__ import annotations

import hashlib
from pathlib import Path

from earmark.data.soundscapes.options import SoundscapeOptions
from earmark.data.soundscapes.records import Sources
from earmark.data.soundscapes.rendering import make_soundscapes

RATE = 8_000
SMALL = SoundscapeOptions(seconds=3, rate=RATE, seed=7)


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
