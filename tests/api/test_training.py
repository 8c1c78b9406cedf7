"""A model from clips, by one call after the other: what they return, and that they print nothing."""

from pathlib import Path

import pytest

from earmark import api
from earmark.decisions import FILE_NAME, OperatingPoint
from earmark.reporter import Reporter


class Told(Reporter):
    def __init__(self) -> None:
        self.stages: list[str] = []
        self.lines: list[str] = []

    def stage(self, text: str) -> None:
        self.stages.append(text)

    def say(self, text: str) -> None:
        self.lines.append(text)


def test_a_model_is_trained_tuned_measured_and_run_without_a_word_on_the_terminal(
    collection: Path, recipe: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    told = Told()
    made = api.train(
        collection / "train",
        tmp_path / "m",
        recipe=str(recipe),
        valid=collection / "dev",
        epochs=2,
        precision="float32",
        reporter=told,
    )
    assert made.model == tmp_path / "m"
    assert made.trained is not None
    assert made.trained.clips == (32, 16)
    assert any("training 'tiny'" in line for line in told.lines)
    assert "decoding (train)" in told.stages
    again = api.train(collection / "train", tmp_path / "m", recipe=str(recipe), valid=collection / "dev", epochs=2)
    assert again.trained is None  # finished already

    tuned = api.tune(tmp_path / "m", collection / "dev", objective="event-f1")
    assert tuned.path == tmp_path / "m" / FILE_NAME
    assert OperatingPoint.load(tmp_path / "m") == tuned.tuned.point
    measured = api.evaluate([tmp_path / "m"], collection / "dev", resamples=0)
    assert measured.comparison is None
    assert 0 <= measured.to_json()["segment"]["f1"] <= 1

    found = api.detect([collection / "dev" / "audio"], models=[tmp_path / "m"], output=tmp_path / "found")
    assert found.complete
    assert found.account.scored == 16
    assert (tmp_path / "found" / "events.csv").is_file()
    scored = api.score(collection / "dev" / "strong.tsv", tmp_path / "found" / "events.csv", resamples=0)
    both = scored.to_json()["segment"]["f1"], measured.to_json()["segment"]["f1"]
    assert both[0] == pytest.approx(both[1], abs=0.02)
    assert capfd.readouterr() == ("", "")
