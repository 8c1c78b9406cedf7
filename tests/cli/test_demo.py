import json
from collections.abc import Callable
from pathlib import Path

import earmark as package


def test_a_tiny_demo_leaves_data_model_report_and_figures(earmark: Callable, tmp_path: Path) -> None:
    words = ("demo", "-o", tmp_path / "d", "--clips", 32, "--epochs", 2, "--precision", "float32")
    ran = earmark(*words)
    assert ran.code == 0
    assert {path.name for path in (tmp_path / "d").iterdir()} == {"data", "model", "report.html", "metrics.json"}
    assert ran.out.startswith("on test recordings that were not used for training\n\nTagging\nmetric")
    assert ran.err.endswith(f"try: earmark detect YOUR.wav -m {tmp_path / 'd' / 'model'}\n")
    metrics = json.loads((tmp_path / "d" / "metrics.json").read_text())
    assert {"tagging", "segment", "event"} <= set(metrics)
    assert metrics["tagging"]["clips"] == 8
    page = (tmp_path / "d" / "report.html").read_text()
    assert page.count("<audio") == 4
    assert f"earmark demo -o {tmp_path / 'd'} --clips 32 --seed 0 --epochs 2" in page
    assert len(package.load(tmp_path / "d" / "model").labels) == 8

    weights = (tmp_path / "d" / "model" / "model.safetensors").read_bytes()
    (tmp_path / "d" / "report.html").unlink()
    again = earmark(*words)
    assert (again.code, again.out) == (0, ran.out)
    assert "epoch" not in again.err  # nothing is trained twice
    assert (tmp_path / "d" / "report.html").is_file()
    assert (tmp_path / "d" / "model" / "model.safetensors").read_bytes() == weights

    other = earmark(*words, "--epochs", 1)
    assert other.code == 0
    assert other.err.count("epoch ") == 1  # another demo is made anew
    assert (tmp_path / "d" / "model" / "model.safetensors").read_bytes() != weights


def test_a_folder_that_holds_something_else_is_refused(earmark: Callable, tmp_path: Path, model: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "mine.csv").write_text("")
    ran = earmark("demo", "-o", tmp_path, "--clips", 16, "--epochs", 1)
    assert ran.code == 2
    assert ran.err.splitlines()[-1].startswith(f"earmark: {tmp_path / 'data'} exists and is not a synthetic data set")
    assert (tmp_path / "data" / "mine.csv").exists()


def test_a_place_that_cannot_be_written_is_refused_at_once(earmark: Callable) -> None:
    ran = earmark("demo", "-o", "/proc/x")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == "earmark: cannot write /proc/x: nothing can be made in /proc\n"
