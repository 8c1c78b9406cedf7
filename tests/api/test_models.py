"""Models opened by directory or name, with the operating point that was asked for."""

import shutil
from pathlib import Path

import pytest

from earmark import api
from earmark.decisions import OperatingPoint, named_point
from earmark.errors import ConfigError, OutputError
from earmark.hub import box
from earmark.reporter import Reporter


class Lines(Reporter):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)


def test_a_model_comes_with_its_own_point_or_the_one_that_was_asked_for(trained: Path, tmp_path: Path) -> None:
    own = api.open_models([trained])
    assert own.operating_point == OperatingPoint.load(trained)
    assert api.open_models([trained], operating_point="xu2018").operating_point == named_point("xu2018", own.labels)
    assert {part.onset for part in api.open_models([trained], threshold=0.3).operating_point.classes.values()} == {0.3}
    file = own.operating_point.with_threshold(0.7).save(tmp_path / "point.json")
    assert api.open_models([trained], operating_point=file).operating_point == OperatingPoint.load(file)


def test_several_models_are_one_and_how_it_decides_is_said(trained: Path) -> None:
    reporter = Lines()
    assert api.open_models([trained, trained], reporter=reporter).labels == api.open_models([trained]).labels
    assert reporter.lines[0].startswith("2 models fused; operating point: ")


def test_what_excludes_each_other_or_does_not_exist_is_refused(trained: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--threshold and --operating-point exclude each other"):
        api.open_models([trained], threshold=0.5, operating_point="xu2018")
    with pytest.raises(ConfigError, match=r"no operating point 'xu2019' \(did you mean 'xu2018'"):
        api.open_models([trained], operating_point="xu2019")
    point = OperatingPoint.plain(["cat"]).save(tmp_path / "point.json")
    with pytest.raises(ConfigError, match="beep"):
        api.open_models([trained], operating_point=point)


def test_a_model_is_exported_beside_its_weights(twin: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(twin, tmp_path / "model", ignore=shutil.ignore_patterns("*.onnx")))
    assert api.export(folder) == folder / "model.onnx"
    assert (folder / "model.onnx").read_bytes() == (twin / "model.onnx").read_bytes()
    with pytest.raises(OutputError, match="cannot be changed"):
        api.export(box.NAME)
