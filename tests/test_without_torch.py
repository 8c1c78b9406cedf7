"""Listening in an environment without PyTorch: each command in a process in which importing it fails."""

import csv
import io
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile

from earmark.decisions import OperatingPoint
from earmark.hub import box

ABSENT = ("torch", "lightning", "tensorboard", "onnx", "onnxscript", "av", "matplotlib", "jinja2")
CPU_BUILDS = "https://download.pytorch.org/whl/cpu"  # named first where there is no GPU
LOW = 0.2  # a threshold at which the model in the package finds something in sounds that are none of its own
PROGRAM = f"""
import importlib.util, sys
ABSENT = {ABSENT!r}
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ABSENT:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Absent())
real_find_spec = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: None if name in ABSENT else real_find_spec(name, package)
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
    from earmark.models.directory import open_tagger

    done = earmark("detect", clip, "--threshold", LOW)
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    tagger = open_tagger([box.directory()])
    tagger.operating_point = tagger.operating_point.with_threshold(LOW)
    wanted = tagger(clip).events
    assert len(wanted) > 0
    found = [(float(row["onset"]), float(row["offset"]), row["event_label"]) for row in rows]
    assert found == [(round(e.onset, 3), round(e.offset, 3), e.label) for e in wanted]
    assert "(onnxruntime, float32)" in done.stderr


def test_tag_says_what_it_says_with_torch(clip: Path, tmp_path: Path) -> None:
    from earmark.models.directory import open_tagger

    earmark("tag", clip, "-o", tmp_path, "--format", "json", "--quiet", "--threshold", LOW)
    said = json.loads(next(tmp_path.glob("*.json")).read_text())
    tagger = open_tagger([box.directory()])
    tagger.operating_point = tagger.operating_point.with_threshold(LOW)
    labels = [label for label, _ in tagger(clip).tags]
    assert labels
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


def test_tune_and_evaluate_give_what_they_give_with_torch(collection: Path, twin: Path, tmp_path: Path) -> None:
    from earmark import api

    data, folder = collection / "dev", Path(shutil.copytree(twin, tmp_path / "light"))
    plain = Path(shutil.copytree(twin, tmp_path / "plain"))
    done = earmark("tune", folder, data, "--objective", "event-f1")
    assert "16 recordings (onnxruntime, float32)" in done.stderr
    api.tune(plain, data, objective="event-f1", device="cpu", precision="bf16")  # bf16: the engine in PyTorch
    tuned, other = (OperatingPoint.load(each) for each in (folder, plain))
    assert tuned.origin.partition(";")[0] == other.origin.partition(";")[0]
    assert "tuned for event-f1" in (folder / "README.md").read_text()

    done = earmark("evaluate", folder, data, "--resamples", "0", "--json", tmp_path / "light.json")
    assert "event F1" in done.stdout
    found = json.loads((tmp_path / "light.json").read_text())
    measured = api.evaluate([folder], data, resamples=0, precision="bf16").to_json()
    assert found["event"]["f1"] == pytest.approx(measured["event"]["f1"], abs=0.1)
    assert found["tagging"]["map"] == pytest.approx(measured["tagging"]["map"], abs=0.02)


def test_the_report_has_its_pictures_without_torch(collection: Path, twin: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    pytest.importorskip("jinja2")
    code = COMMAND.replace(repr(ABSENT), repr(("torch", "lightning", "tensorboard", "onnx", "onnxscript", "av")))
    done = python(code, "evaluate", twin, collection / "dev", "--resamples", "0", "--report", tmp_path)
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "report.html").read_text()
    assert page.count("<audio") >= 4


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
        (("tune", "MODEL", "DEV"), 'MODEL (a model without model.onnx) needs PyTorch: pip install "earmark[torch]"'),
        (
            ("evaluate", "MODEL", "DEV"),
            'MODEL (a model without model.onnx) needs PyTorch: pip install "earmark[torch]"',
        ),
        (("train", "CLIP", "-o", "OUT"), "'earmark train' needs PyTorch: pip install \"earmark[train]\""),
        (("export", "MODEL"), "'earmark export' needs PyTorch: pip install \"earmark[export]\""),
    ],
)
def test_what_needs_torch_names_the_extra(
    arguments: tuple[str, ...], said: str, clip: Path, trained: Path, collection: Path, tmp_path: Path
) -> None:
    places = {"CLIP": clip, "MODEL": trained, "DEV": collection / "dev", "OUT": tmp_path / "new"}
    done = earmark(*(places.get(each, each) for each in arguments), code=2)
    (line,) = done.stderr.splitlines()
    assert line.replace(f"pip install torch --index-url {CPU_BUILDS} && ", "") == (
        f"earmark: {said.replace('MODEL', str(trained))}"
    )


ROOMS_AT_WORK = """
import json
from fractions import Fraction
from pathlib import Path

import numpy as np

from earmark.clock import Clock
from earmark.decisions import decide_all, score_curve
from earmark.decisions.tuning import tune_detection
from earmark.events import Event
from earmark.formats import read_scores, write_events, write_scores
from earmark.formats.registry import EVENT_FORMATS
from earmark.labels import Labels
from earmark.metrics.evaluation import evaluate
from earmark.report.page import Report, write_report
from earmark.report.points import point_table
from earmark.scores import Scores

folder, labels, rng = Path(sys.argv[1]), Labels(["dog", "siren"]), np.random.default_rng(0)
truth = {}
for number in range(24):
    frames = 0.2 * rng.random((250, 2), dtype=np.float32)
    truth[f"{number}.wav"] = events = []
    for column, label in enumerate(labels):
        first = int(rng.integers(0, 150))
        frames[first : first + 75, column] += np.float32(0.7)
        events.append(Event(first / 25, (first + 75) / 25, label))
    made = Scores(f"{number}.wav", labels, frames.max(axis=0), frames, Clock(Fraction(1, 25)), 10.0)
    write_scores(folder / f"{number}.tsv", made)
scores = [read_scores(folder / f"{number}.tsv", f"{number}.wav") for number in range(24)]
tuned = tune_detection(list(truth.values()), scores, "event-f1")
found = {each.recording: each.events for each in decide_all(scores, tuned.point)}
forms = [name for name in EVENT_FORMATS if name != "parquet"]
for form in forms:
    write_events(folder / form, found, [form])
curves = [score_curve(each, tuned.point) for each in scores]
evaluation = evaluate(labels, reference=truth, estimated=found, scores=curves)
page = Report("made", metrics=evaluation.to_json(), operating_point=point_table(tuned.point))
write_report(folder / "report.html", page)
assert "torch" not in sys.modules
print(json.dumps({"f1": evaluation.to_json()["event"]["f1"], "forms": forms}))
"""


def test_the_rooms_that_need_no_torch_do_real_work_without_it(tmp_path: Path) -> None:
    """Score tables in, an operating point tuned, events in every format, metrics and a page out."""
    pytest.importorskip("matplotlib")
    code = PROGRAM.replace(repr(ABSENT), repr(("torch", "lightning", "tensorboard", "onnx", "onnxscript", "av")))
    done = python(code + ROOMS_AT_WORK, tmp_path)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["f1"] == 1.0
    assert {"csv", "tsv", "json", "audacity", "raven", "dcase2017"} <= set(told["forms"])
    for form in told["forms"]:
        assert list((tmp_path / form).rglob("*.*")), form
    assert "<html" in (tmp_path / "report.html").read_text()
