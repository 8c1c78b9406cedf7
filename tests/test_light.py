"""The model in the package, by ONNX Runtime: with PyTorch installed or without (`make light` runs this without)."""

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from earmark import load
from earmark.hub import box
from earmark.runtime.onnx import OnnxEngine

LOW = 0.2  # a threshold at which the model finds something in sounds that are none of its own


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "check.wav"
    soundfile.write(path, box.check_clip(32_000), 32_000, subtype="FLOAT")
    return path


def test_its_scores_are_those_written_down_when_it_was_made() -> None:
    engine = OnnxEngine(box.directory(), threads=1)
    sound = box.check_clip(engine.rate)[None]
    clip, frames = engine.listen(sound, np.array([sound.shape[1]]))
    stated = json.loads((box.directory() / box.CHECK).read_text(encoding="utf-8"))
    assert list(stated) == list(engine.labels)
    np.testing.assert_allclose(clip[0], [each["clip"][0] for each in stated.values()], atol=2e-5, rtol=0)
    np.testing.assert_allclose(frames[0, ::15].T, [each["frames"] for each in stated.values()], atol=2e-5, rtol=0)


def test_the_library_the_verbs_and_the_tables_agree(clip: Path, earmark: Callable[..., object], tmp_path: Path) -> None:
    tagger = load("earmark/everyday", engine="onnx")
    tagger.operating_point = tagger.operating_point.with_threshold(LOW)
    result = tagger(clip)
    assert result.events
    assert earmark("detect", clip, "--engine", "onnx", "--threshold", LOW, "-o", tmp_path / "events.csv").code == 0
    rows = (tmp_path / "events.csv").read_text().splitlines()[1:]
    assert len(rows) == len(result.events)
    scored = earmark("score", tmp_path / "events.csv", tmp_path / "events.csv", "--resamples", "0")
    assert scored.code == 0
    assert "1.000" in scored.out
    tagged = earmark("tag", clip, "--engine", "onnx", "--threshold", LOW)
    assert all(label in tagged.out for label, _ in result.tags)


def test_tune_evaluate_doctor_and_card(earmark: Callable[..., object], tmp_path: Path) -> None:
    """Two clips with tags and times, decided by a point that was tuned on them, all without PyTorch's help."""
    folder = tmp_path / "timed"
    (folder / "audio").mkdir(parents=True)
    sound = np.resize(box.check_clip(32_000), 160_000)
    scores = load("earmark/everyday", engine="onnx")(sound, 32_000).scores
    label = scores.labels.names[int(scores.clip.argmax())]
    rows = []
    for number, samples in enumerate((sound, 1e-4 * sound[::-1], sound[:96_000], np.zeros(64_000, np.float32))):
        soundfile.write(folder / "audio" / f"{number}.wav", samples, 32_000, subtype="FLOAT")
        rows.append(f"{number}.wav\t0.0\t1.0\t{label}" if number in (0, 2) else f"{number}.wav\t\t\t")
    (folder / "strong.tsv").write_text("filename\tonset\toffset\tevent_label\n" + "\n".join(rows) + "\n")
    options = ("--device", "cpu", "--precision", "float32")
    point = tmp_path / "point.json"
    tuned = earmark("tune", "earmark/everyday", folder, "-o", point, *options)
    assert tuned.code == 0, tuned.err
    assert "(onnxruntime, float32)" in tuned.err
    assert label in json.loads(point.read_text())["classes"]
    found = tmp_path / "figures.json"
    words = ("--operating-point", point, "--resamples", "0", "--json", found)
    measured = earmark("evaluate", "earmark/everyday", folder, *words, *options)
    assert measured.code == 0, measured.err
    assert json.loads(found.read_text())["tagging"]["clips"] == 4
    assert "4" in earmark("doctor", folder).out
    assert "everyday" in earmark("card").out


@pytest.mark.parametrize("engine", ["auto", "onnx"])
def test_what_is_no_model_is_not_said_to_lack_a_file_or_a_library(
    engine: str, clip: Path, tmp_path: Path, earmark: Callable[..., object]
) -> None:
    nowhere = tmp_path / "nowhere"
    refused = earmark("detect", clip, "-m", nowhere, "--engine", engine)
    said = f"earmark: no model at {nowhere}: expected a directory made by 'earmark train'\n"
    assert (refused.code, refused.err) == (2, said)
    nowhere.mkdir()
    refused = earmark("detect", clip, "-m", nowhere, "--engine", engine)
    assert (refused.code, refused.err.partition(": ")[2].partition(":")[0]) == (
        2,
        f"{nowhere} is not a model directory",
    )


@pytest.mark.skipif(importlib.util.find_spec("torch") is not None, reason="PyTorch is installed")
def test_what_needs_torch_says_so(clip: Path, earmark: Callable[..., object]) -> None:
    refused = earmark("detect", clip, "--engine", "torch")
    assert refused.code == 2
    assert refused.err.startswith("earmark: --engine torch needs PyTorch: pip install ")
    assert refused.err.endswith('pip install "earmark[torch]"\n')
    trained = earmark("train", clip, "-o", clip.parent / "new")
    assert trained.err.startswith("earmark: 'earmark train' needs PyTorch: pip install ")
    assert trained.err.endswith('pip install "earmark[train]"\n')
