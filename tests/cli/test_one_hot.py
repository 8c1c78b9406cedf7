"""A table with a column for each label, through the verbs that take labels."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def tables(collection: Path, tmp_path: Path) -> dict[str, Path]:
    """The dev set's tags one-hot, and the train set's."""
    made = {}
    for name in ("dev", "train"):
        rows = [line.split("\t") for line in (collection / name / "weak.tsv").read_text().splitlines()[1:]]
        labels = sorted({label for _, listed in rows for label in listed.split(",") if label})
        lines = ["filename," + ",".join(labels)]
        lines += [
            ",".join([file, *(str(int(label in listed.split(","))) for label in labels)]) for file, listed in rows
        ]
        made[name] = tmp_path / f"{name}.csv"
        made[name].write_text("\n".join(lines) + "\n")
    return made


def test_every_verb_reads_it(
    earmark: Callable, train: Callable, model: Path, collection: Path, tables: dict[str, Path], tmp_path: Path
) -> None:
    audio = collection / "dev" / "audio"
    assert "4 labels" in earmark("doctor", tables["dev"], "--audio", audio).out
    assert train(tables["train"], tmp_path / "m", "--audio", collection / "train" / "audio").code == 0
    assert earmark("tune", model, tables["dev"], "--audio", audio, "-o", tmp_path / "point.json").code == 0
    assert earmark("evaluate", model, tables["dev"], "--audio", audio, "--resamples", 0).code == 0
    words = ("score", collection / "dev" / "weak.tsv", tables["dev"], "--resamples", 0, "--json", tmp_path / "s.json")
    ran = earmark(*words)
    assert ran.code == 0, ran.err
    assert json.loads((tmp_path / "s.json").read_text())["tagging"]["micro_f1"] == 1
