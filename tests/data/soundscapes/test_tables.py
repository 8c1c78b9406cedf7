"""The table of sources names every recording, its place and its licence."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from earmark.data.soundscapes.options import SoundscapeOptions, Sources
from earmark.data.soundscapes.rendering import make_soundscapes

RATE = 8_000
SMALL = SoundscapeOptions(seconds=3, rate=RATE, seed=7)


def test_the_place_in_the_source_is_of_the_recording_as_it_was(sources: Sources, tmp_path: Path) -> None:
    options = SMALL.model_copy(update={"speed": (0.5, 0.5)})
    make_soundscapes(tmp_path / "set", sources, options, 6)
    with open(tmp_path / "set" / "sources.tsv", encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file, delimiter="\t") if row["role"] == "sound"]
    assert {row["speed"] for row in rows} == {"0.5"}
    begun = [float(row["source_onset"]) for row in rows if "0.wav" in row["source_file"]]
    assert begun == pytest.approx([0.3] * len(begun), abs=0.01)
    assert begun


def test_the_sources_are_named_with_their_licence(sources: Sources, isolated: Path, tmp_path: Path) -> None:
    make_soundscapes(tmp_path / "set", sources, SMALL, 3)
    with open(tmp_path / "set" / "sources.tsv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    with open(isolated / "clips.csv", encoding="utf-8", newline="") as file:
        table = {row["filename"]: row for row in csv.DictReader(file)}
    assert {row["role"] for row in rows} == {"sound", "background"}
    for row in rows:
        origin = table[row["source_file"]]
        whose = (row["event_label"], row["licence"], row["attribution"], row["collection"])
        assert whose == (origin["label"], origin["licence"], origin["source"], isolated.name)
        assert (row["event_label"] == "rustle") == (row["role"] == "background") == (not row["snr"])
    heard = {(r["filename"], r["onset"], r["offset"], r["event_label"]) for r in rows if r["role"] == "sound"}
    with open(tmp_path / "set" / "strong.tsv", encoding="utf-8", newline="") as file:
        assert heard == {tuple(row) for row in list(csv.reader(file, delimiter="\t"))[1:]}
