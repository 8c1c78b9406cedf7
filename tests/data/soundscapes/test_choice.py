"""Parts of a table of recordings are chosen by its columns."""

from __future__ import annotations

from pathlib import Path

import pytest

from earmark.data.soundscapes.choice import Choice
from earmark.data.soundscapes.sources import read_sources
from earmark.errors import ConfigError, DataError


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
