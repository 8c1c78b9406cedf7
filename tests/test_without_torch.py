"""Listening in an environment without PyTorch: each command in a process in which importing it fails."""

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile

from earmark.hub import box

ABSENT = ("torch", "lightning", "tensorboard", "onnx", "onnxscript", "av", "matplotlib", "jinja2")
PROGRAM = f"""
import importlib.util, sys
ABSENT = {ABSENT!r}
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ABSENT:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Absent())
found = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: None if name in ABSENT else found(name, package)
"""
COMMAND = PROGRAM + "from earmark.cli.app import run\nsys.exit(run(sys.argv[1:]))"


def python(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True)


def earmark(*arguments: object, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = python(COMMAND, *arguments)
    assert done.returncode == code, done.stderr
    return done


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip that the model in the package hears something in, at a rate of its own."""
    path = tmp_path_factory.mktemp("clip") / "check.wav"
    soundfile.write(path, box.check_clip(44_100), 44_100)
    return path


def test_detect_finds_the_events_that_torch_finds(clip: Path) -> None:
    from earmark.models.opening import open_tagger

    done = earmark("detect", clip)
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    wanted = open_tagger([box.directory()])(clip).events
    assert len(wanted) > 0
    found = [(float(row["onset"]), float(row["offset"]), row["event_label"]) for row in rows]
    assert found == [(round(e.onset, 3), round(e.offset, 3), e.label) for e in wanted]
    assert "(onnxruntime, float32)" in done.stderr


def test_tag_says_what_it_says_with_torch(clip: Path, tmp_path: Path) -> None:
    from earmark.models.opening import open_tagger

    earmark("tag", clip, "-o", tmp_path, "--format", "json", "--quiet")
    said = json.loads(next(tmp_path.glob("*.json")).read_text())
    labels = [label for label, _ in open_tagger([box.directory()])(clip).tags]
    assert all(label in json.dumps(said) for label in labels)


def test_the_library_listens(clip: Path) -> None:
    code = "import earmark\ntagger = earmark.load('earmark/everyday')\nresult = tagger(sys.argv[1])\n"
    code += "print(len(result.scores.frames), sorted(set(sys.modules) & set(ABSENT)))"
    assert python(PROGRAM + code, clip).stdout == "75 []\n"


def test_card_score_and_doctor_need_none(collection: Path) -> None:
    assert "everyday" in earmark("card").stdout
    strong = collection / "dev" / "strong.tsv"
    assert "1.000" in earmark("score", strong, strong, "--resamples", "0").stdout
    assert "16" in earmark("doctor", collection / "dev").stdout


def test_a_model_with_its_twin_is_enough(collection: Path, twin: Path) -> None:
    clip = next((collection / "dev" / "audio").iterdir())
    done = earmark("detect", clip, "-m", twin)
    assert "(onnxruntime, float32)" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ("detect", "CLIP", "-m", "MODEL"),
            'MODEL (a model without model.onnx) needs PyTorch: pip install "earmark[torch]"',
        ),
        (("detect", "CLIP", "--engine", "torch"), '--engine torch needs PyTorch: pip install "earmark[torch]"'),
        (
            ("detect", "CLIP", "--precision", "bf16"),
            '--device auto --precision bf16 needs PyTorch: pip install "earmark[torch]"',
        ),
        (("train", "CLIP", "-o", "OUT"), "'earmark train' needs PyTorch: pip install \"earmark[train]\""),
        (("export", "MODEL"), "'earmark export' needs PyTorch: pip install \"earmark[torch]\""),
    ],
)
def test_what_needs_torch_names_the_extra(
    arguments: tuple[str, ...], said: str, clip: Path, trained: Path, tmp_path: Path
) -> None:
    places = {"CLIP": clip, "MODEL": trained, "OUT": tmp_path / "new"}
    done = earmark(*(places.get(each, each) for each in arguments), code=2)
    assert done.stderr.splitlines() == [f"earmark: {said.replace('MODEL', str(trained))}"]
