"""An ONNX twin that is damaged, or another model's, is refused in one line; nothing is guessed."""

import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest

from earmark.engine import Engine
from earmark.errors import ModelError
from earmark.runtime.directory import has_twin, open_twin
from earmark.runtime.onnx import TWIN, OnnxEngine


@pytest.fixture
def folder(tmp_path: Path, twin: Path) -> Path:
    """A model directory with its twin, to be changed at will."""
    return Path(shutil.copytree(twin, tmp_path / "twin"))


def rewrite(folder: Path, **changes: str | None) -> None:
    """Change keys of the metadata; None: take them out."""
    proto = onnx.load(folder / TWIN)
    text = {prop.key: prop.value for prop in proto.metadata_props} | changes
    del proto.metadata_props[:]
    for key, value in text.items():
        if value is not None:
            proto.metadata_props.add(key=key, value=value)
    onnx.save(proto, folder / TWIN)


def test_it_is_an_engine(twin: Path) -> None:
    engine: Engine = OnnxEngine(twin)
    waveform = np.zeros((2, 16_000), np.float32)
    clip, frames = engine.listen(waveform, np.array([16_000, 5_000]))
    assert clip.shape == (2, len(engine.labels))
    assert frames.shape == (2, engine.steps_in(16_000), len(engine.labels))
    assert not frames[1, engine.steps_in(5_000) :].any()
    assert engine.takes == "sound"
    assert engine.parameters > 100


def test_it_has_the_fingerprint_of_the_module(twin: Path) -> None:
    from earmark.models.network import Network
    from earmark.models.torch_engine import TorchEngine

    module, light = TorchEngine(Network.from_pretrained(twin)), OnnxEngine(twin)
    for name in ("rate", "labels", "clock", "plan", "takes", "parameters"):
        assert getattr(light, name) == getattr(module, name)
    assert light.fingerprint() == module.fingerprint()


def test_a_twin_of_other_weights_is_refused(folder: Path) -> None:
    weights = folder / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(ModelError, match=r"model\.onnx was made from other weights than .*safetensors; make it anew"):
        open_twin(folder)


def test_a_twin_of_other_labels_is_refused(folder: Path) -> None:
    config = folder / "config.json"
    data = json.loads(config.read_text())
    config.write_text(json.dumps(data | {"labels": data["labels"][::-1]}))
    with pytest.raises(ModelError, match=r"its labels are not those of config\.json"):
        open_twin(folder)


def test_a_twin_without_its_directory_works(folder: Path, tmp_path: Path) -> None:
    alone = tmp_path / "alone"
    alone.mkdir()
    shutil.copyfile(folder / TWIN, alone / TWIN)
    assert open_twin(alone).labels == OnnxEngine(folder).labels


@pytest.mark.parametrize("keep", [0, 10, 1_000])
def test_a_twin_cut_short_is_refused(folder: Path, keep: int) -> None:
    path = folder / TWIN
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ModelError, match=r"model\.onnx is damaged: .*make it anew with 'earmark export'") as error:
        open_twin(folder)
    assert "\n" not in str(error.value)


def test_a_twin_with_damaged_text_is_refused_without_a_word_of_the_library(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = folder / TWIN
    content = path.read_bytes()
    place = content.rindex(b"waveform")
    path.write_bytes(content[:place] + b"\xff" * 8 + content[place + 8 :])
    with pytest.raises(ModelError, match=r"model\.onnx (is damaged|has)"):
        open_twin(folder).scorer.model.listen(np.zeros((1, 8_000), np.float32), np.array([8_000]))
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"format_version": "3"}, "format_version is 3, this earmark reads 2; upgrade"),
        ({"format_version": None}, "was not made by 'earmark export'"),
        ({"clock": "{}"}, "metadata are damaged"),
        ({"clock": '{"step": "1/0", "start": "0"}'}, "metadata are damaged"),
        ({"labels": '["one", "one"]'}, "metadata are damaged"),
        ({"window_plan": "[1]"}, "metadata are damaged"),
        ({"sample_rate": "fast"}, "metadata are damaged"),
    ],
)
def test_metadata_that_say_something_else_are_refused(folder: Path, changes: dict[str, str | None], said: str) -> None:
    rewrite(folder, **changes)
    with pytest.raises(ModelError, match=said):
        open_twin(folder)


def test_a_directory_without_a_twin_says_how_to_make_one(trained: Path) -> None:
    assert not has_twin(trained)
    with pytest.raises(ModelError, match=r"has no model\.onnx: make it with 'earmark export"):
        open_twin(trained)
