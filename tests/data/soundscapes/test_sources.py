"""Which recordings are sounds, which are backgrounds, and which are left out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from earmark.data.soundscapes.mixing import compose
from earmark.data.soundscapes.options import SoundscapeOptions, Sources
from earmark.data.soundscapes.recordings import Recordings
from earmark.data.soundscapes.sources import Choice, read_sources
from earmark.errors import ConfigError, DataError

RATE = 8_000
SMALL = SoundscapeOptions(seconds=3, rate=RATE, seed=7)


def tone(frequency: float, seconds: float, rate: int = RATE) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * frequency * (np.arange(round(seconds * rate)) + 0.5) / rate)


def silence(seconds: float) -> np.ndarray:
    return np.zeros(round(seconds * RATE))


def decibels(power: float) -> float:
    return 10 * np.log10(power)


def test_backgrounds_are_a_folder_or_what_has_no_label(isolated: Path, tmp_path: Path) -> None:
    (tmp_path / "beds").mkdir()
    rng = np.random.default_rng(1)
    short = np.concatenate([silence(1), 0.1 * rng.standard_normal(RATE), silence(1)])  # goes round and round
    soundfile.write(tmp_path / "beds" / "short.wav", short, RATE)
    found = read_sources(
        [isolated / "clips.csv"], choice=Choice(where=("label!=rustle",)), backgrounds=tmp_path / "beds"
    )
    assert list(found.backgrounds) == [""]
    made = compose(found, SMALL, 0, Recordings(SMALL))
    assert [bed.source.name for bed in made.beds] == ["short.wav"] * 4
    assert made.beds[0].begins == RATE
    levels = [np.mean(part**2) for part in made.background.reshape(30, -1)]
    assert decibels(max(levels) / min(levels)) < 3  # no silence is left, no seam is heard
    for label, wave in (("hum", tone(200, 0.5)), ("background", short)):
        (tmp_path / "data" / label).mkdir(parents=True)
        soundfile.write(tmp_path / "data" / label / "a.wav", wave, RATE)
    assert {label: len(each) for label, each in read_sources([tmp_path / "data"]).backgrounds.items()} == {"": 1}
    noise = compose(Sources(found.sounds, {}), SMALL, 0, Recordings(SMALL))
    assert noise.beds == ()
    assert np.mean(noise.background**2) > 0


def test_a_recording_of_several_labels_is_left_out_and_told(isolated: Path, tmp_path: Path) -> None:
    (tmp_path / "weak.tsv").write_text("filename\tevent_labels\nbeep0.wav\tbeep\nhum0.wav\tbeep,hum\nrustle0.wav\t\n")
    found = read_sources([tmp_path / "weak.tsv"], audio=isolated)
    assert list(found.sounds) == ["beep"]
    assert list(found.backgrounds) == [""]
    assert [problem.where for problem in found.problems] == ["hum0.wav"]


def test_a_part_is_chosen_by_the_table(isolated: Path) -> None:
    table = isolated / "clips.csv"

    def names(**choice: object) -> set[str]:
        found = read_sources([table], choice=Choice(**choice))
        return {source.name for group in found.sounds.values() for source in group}

    assert names(folds=("1",)) | names(folds=("2",)) == names(folds=("1-2",)) == names()
    assert not names(folds=("1",)) & names(folds=("2",))
    assert names(where=("licence=CC0*", "label=beep", "label=h*")) == {
        f"{x}{n}.wav" for x in ("beep", "hum") for n in range(3)
    }
    assert names(where=("licence!=*NC*",)) == names(where=("licence=cc0-1.0",))
    parts = [names(folds=(fold,), fold_by="source") for fold in made_folds(table, "source")]
    assert set.union(*parts) == names()
    assert sum(map(len, parts)) == len(names())
    for part in parts:  # who made a recording tells its part
        assert all(name.replace("0.wav", "1.wav") in part for name in part if name.endswith("0.wav") and name[0] != "r")


def made_folds(table: Path, column: str) -> list[str]:
    found = []
    for fold in "12345":
        try:
            read_sources([table], choice=Choice(folds=(fold,), fold_by=column))
        except ConfigError:
            continue
        found.append(fold)
    return found


@pytest.mark.parametrize(
    ("choice", "beds", "message"),
    [
        ({"folds": ("3",)}, [], "no recording is in fold 3; its folds are 1, 2"),
        ({"where": ("licnce=CC0*",)}, [], r"no column 'licnce' \(did you mean 'licence'\?\)"),
        ({"where": ("licence",)}, [], "'licence' is not a condition; expected COLUMN=VALUE"),
        ({"where": ("licence=MIT",)}, [], "no recording matches licence=MIT; there is CC-BY-NC-3.0, CC0-1.0"),
        ({"fold_by": "sorce"}, [], r"no column 'sorce' \(did you mean 'source'\?\)"),
        ({}, ["rustl"], r"no recording is labelled 'rustl' \(did you mean 'rustle'\?\)"),
        ({"where": ("label=beep",)}, ["rustle"], "no recording labelled 'rustle' is left"),
        ({"where": ("label=rustle",)}, ["rustle"], "no recordings with exactly one label are left"),
    ],
)
def test_what_there_is_not_is_refused(isolated: Path, choice: dict, beds: list[str], message: str) -> None:
    with pytest.raises((ConfigError, DataError), match=message):
        read_sources([isolated / "clips.csv"], choice=Choice(**choice), background_labels=beds)
