"""What cannot be measured or stored is refused before the work."""

from pathlib import Path

import pytest

from earmark import api
from earmark.errors import ConfigError, OutputError


def test_what_cannot_be_is_refused_in_one_line(collection: Path, model: Path) -> None:
    with pytest.raises(ConfigError, match="expected one model, or two to compare, got 3"):
        api.evaluate([model] * 3, collection / "dev")
    with pytest.raises(OutputError, match="not a regular file"):
        api.tune(model, collection / "dev", output=Path("/dev/null"))


def test_label_files_alone_are_measured_and_agree_with_themselves(collection: Path) -> None:
    table = collection / "dev" / "strong.tsv"
    found = api.score(table, table, resamples=0).to_json()
    assert (found["segment"]["f1"], found["event"]["f1"], found["event"]["error_rate"]) == (1.0, 1.0, 0.0)


def test_two_models_are_compared_on_the_same_recordings(trained: Path, model: Path, collection: Path) -> None:
    found = api.evaluate([trained, model], collection / "dev", resamples=20)
    assert found.comparison is not None
    assert found.to_json()["first"] == found.to_json()["second"]
