"""The calls behind the command line, from Python: what they return, and that they print nothing."""

from pathlib import Path

import pytest

from earmark import api
from earmark.decisions import FILE_NAME, OperatingPoint
from earmark.errors import ConfigError, OutputError
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


def test_a_broken_recording_is_returned_and_the_others_are_tagged(
    model: Path, collection: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.wav"
    broken.write_text("no sound")
    good = collection / "dev" / "audio" / "dev00.wav"
    found = api.tag([broken, good], models=[model], formats=["json"], output=tmp_path / "tags.json")
    assert not found.complete
    assert len(found.account.failed) == 1
    assert "broken.wav" in found.account.failed[0]
    assert (tmp_path / "tags.json").is_file()


def test_what_cannot_be_is_refused_in_one_line(collection: Path, model: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected one model, or two to compare, got 3"):
        api.evaluate([model] * 3, collection / "dev")
    with pytest.raises(ConfigError, match="--threshold and --operating-point exclude each other"):
        api.open_models([model], threshold=0.5, operating_point="xu2018")
    with pytest.raises(OutputError, match="not a regular file"):
        api.tune(model, collection / "dev", output=Path("/dev/null"))
