import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from earmark.decisions import OperatingPoint


def test_json_has_the_keys_that_were_promised(
    earmark: Callable, collection: Path, trained: Path, tmp_path: Path
) -> None:
    ran = earmark("evaluate", trained, collection / "dev", "--json", tmp_path / "deep" / "e.json")
    assert ran.code == 0
    assert re.fullmatch(r"model: 16 recordings \(cpu, (bf16|float32)\)", ran.err.splitlines()[0])
    assert ran.err.splitlines()[1:] == [f"wrote {tmp_path / 'deep' / 'e.json'}"]
    found = json.loads((tmp_path / "deep" / "e.json").read_text())
    assert {"tagging", "segment", "event"} <= set(found)
    assert {"map", "mauc", "dprime", "micro_f1", "macro_f1", "precision", "recall", "per_class"} <= set(
        found["tagging"]
    )
    rates = {"f1", "precision", "recall", "error_rate", "substitutions", "deletions", "insertions", "per_class"}
    assert rates <= set(found["segment"])
    assert {"f1", "precision", "recall", "per_class"} <= set(found["event"])
    for section in ("tagging", "segment", "event"):
        assert list(found[section]["per_class"]) == ["beep", "horn", "hum", "whistle"]
    assert found["tagging"]["map"] > 0.95
    assert found["segment"]["f1"] > 0.9


def test_the_tables_on_stdout_say_the_same(earmark: Callable, collection: Path, trained: Path, tmp_path: Path) -> None:
    ran = earmark("evaluate", trained, collection / "dev", "--json", tmp_path / "e.json", "-q")
    assert ran.err == ""
    found = json.loads((tmp_path / "e.json").read_text())
    shown = {line.split("  ")[0]: line for line in ran.out.splitlines() if line}
    assert f"{found['tagging']['map']:.3f}" in shown["mAP"]
    assert f"{found['segment']['f1']:.3f}" in shown["Segment F1"]
    assert f"{found['event']['per_class']['hum']['f1']:.3f}" in shown["hum"]


def test_detection_figures_are_those_of_score_on_the_events_that_detect_writes(
    earmark: Callable, collection: Path, trained: Path, tmp_path: Path
) -> None:
    dev = collection / "dev"
    earmark("evaluate", trained, dev, "--json", tmp_path / "e.json", "--threshold", 0.4, "--resamples", 0)
    earmark("detect", dev / "audio", "-m", trained, "-f", "tsv", "-o", tmp_path / "d.tsv", "--threshold", 0.4)
    scored = earmark("score", dev / "strong.tsv", tmp_path / "d.tsv", "--json", tmp_path / "s.json", "--resamples", 0)
    assert scored.code == 0
    model, files = (json.loads((tmp_path / name).read_text()) for name in ("e.json", "s.json"))
    assert 0 < model["event"]["f1"] < 1  # neither answer is trivial
    for section in ("segment", "event", "intersection"):
        assert flat(model[section]) == pytest.approx(flat(files[section]), abs=1e-12, nan_ok=True)


def flat(section: dict) -> dict[str, float]:
    named = {key: value for key, value in section.items() if key != "per_class"}
    named |= {f"{label} {key}": v for label, row in section["per_class"].items() for key, v in row.items()}
    return {key: float("nan") if value is None else value for key, value in named.items()}


def test_the_report_is_one_page_that_needs_nothing_else(
    earmark: Callable, collection: Path, trained: Path, tmp_path: Path
) -> None:
    ran = earmark("evaluate", trained, collection / "dev", "--report", tmp_path / "r", "--shown", 2)
    assert ran.code == 0
    assert [path.name for path in (tmp_path / "r").iterdir()] == ["report.html"]
    page = (tmp_path / "r" / "report.html").read_text()
    assert "model on dev" in page
    assert 2 <= page.count("<audio") <= 4  # the hardest two, and two others where there are any
    assert 'src="http' not in page
    assert "<link" not in page


def test_tags_alone_give_tagging_alone(earmark: Callable, collection: Path, trained: Path, tmp_path: Path) -> None:
    ran = earmark("evaluate", trained, collection / "dev" / "weak.tsv", "--json", tmp_path / "e.json")
    assert ran.code == 0
    found = json.loads((tmp_path / "e.json").read_text())
    assert "tagging" in found
    assert not {"segment", "event"} & set(found)
    assert "Detection" not in ran.out


def test_another_operating_point_counts(earmark: Callable, collection: Path, model: Path, tmp_path: Path) -> None:
    OperatingPoint.load(model).with_threshold(1.0).save(tmp_path / "deaf.json")
    earmark(
        *("evaluate", model, collection / "dev", "--json", tmp_path / "e.json"),
        *("--operating-point", tmp_path / "deaf.json"),
    )
    found = json.loads((tmp_path / "e.json").read_text())
    assert found["segment"]["recall"] == 0
    assert found["tagging"]["map"] > 0.95  # needs no threshold


def test_labels_the_model_does_not_know_are_named(
    earmark: Callable, collection: Path, trained: Path, tmp_path: Path
) -> None:
    table = tmp_path / "strong.tsv"
    table.write_text((collection / "dev" / "strong.tsv").read_text().replace("whistle", "wistle"))
    ran = earmark("evaluate", trained, table, "--audio", collection / "dev" / "audio")
    assert ran.code == 1
    assert "wistle: not one of the 4 labels asked for (did you mean 'whistle'?)" in ran.err


def test_a_place_that_cannot_be_written_is_refused_before_the_work(
    earmark: Callable, collection: Path, trained: Path
) -> None:
    for option in ("--json", "--report"):
        ran = earmark("evaluate", trained, collection / "dev", option, "/proc/x/y")
        assert (ran.code, ran.out) == (2, "")
        assert ran.err == "earmark: cannot write /proc/x/y: nothing can be made in /proc\n"


def test_clips_that_cannot_be_used_are_named_and_the_rest_is_measured(
    earmark: Callable, collection: Path, trained: Path, tmp_path: Path
) -> None:
    shutil.copytree(collection / "dev", tmp_path / "dev")
    (tmp_path / "dev" / "audio" / "dev03.wav").write_text("no sound " * 50)
    ran = earmark("evaluate", trained, tmp_path / "dev", "--report", tmp_path / "r", "--resamples", 20)
    assert ran.code == 1
    assert "left out: 1\n" in ran.err
    assert "dev03.wav: cannot be read as audio" in ran.err
    assert "it is a text file, not audio" in (tmp_path / "r" / "report.html").read_text()
    assert re.search(r"(?m)^Clips +15 ", ran.out)


def test_two_models_are_compared_on_the_same_recordings(
    earmark: Callable, collection: Path, trained: Path, model: Path, tmp_path: Path
) -> None:
    earmark("tune", model, collection / "dev", "--objective", "event-f1")
    more = ("--json", tmp_path / "c.json", "--report", tmp_path / "r", "--resamples", 50, "--shown", 1, "--no-sounds")
    ran = earmark("evaluate", trained, model, collection / "dev", *more)
    assert ran.code == 0
    found = json.loads((tmp_path / "c.json").read_text())
    low, high = found["paired"]["event"]["f1"]
    difference = found["second"]["event"]["f1"] - found["first"]["event"]["f1"]
    assert low - 1e-9 <= difference <= high + 1e-9
    assert found["paired"]["tagging"]["map"] == [0.0, 0.0]  # the same scores, decided otherwise
    assert "no significant difference" in ran.out
    page = (tmp_path / "r" / "report.html").read_text()
    assert "Comparison" in page
    assert "<audio" not in page


def test_a_model_and_itself_do_not_differ(earmark: Callable, collection: Path, trained: Path) -> None:
    ran = earmark("evaluate", trained, trained, collection / "dev", "--resamples", 20)
    assert ran.code == 0
    assert "better" not in ran.out.replace("no significant difference", "")


def test_models_of_other_labels_and_too_many_paths_are_refused(
    earmark: Callable, collection: Path, trained: Path, model: Path
) -> None:
    for name in ("config.json", "operating_point.json"):
        path = model / name
        path.write_text(path.read_text().replace('"whistle"', '"flute"'))
    ran = earmark("evaluate", trained, model, collection / "dev")
    assert ran.code == 2
    assert "have different labels" in ran.err
    assert "expected MODEL DATA or MODEL OTHER DATA, got 4 paths" in earmark("evaluate", "a", "b", "c", "d").err


def test_every_figure_has_an_interval_around_it(
    earmark: Callable, collection: Path, trained: Path, tmp_path: Path
) -> None:
    earmark("evaluate", trained, collection / "dev", "--json", tmp_path / "e.json", "--resamples", 200)
    found = json.loads((tmp_path / "e.json").read_text())
    assert set(found) == {"tagging", "segment", "event", "intersection", "psds"}
    for section, figure in (("segment", "f1"), ("event", "f1"), ("tagging", "micro_f1")):
        low, high = found[section]["intervals"][figure]
        assert low <= found[section][figure] <= high
    assert found["psds"]["psds1"] > 0
