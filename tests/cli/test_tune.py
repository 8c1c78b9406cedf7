import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from earmark.decisions import OperatingPoint
from earmark.hub import box


def classes(folder: Path) -> dict[str, dict[str, float]]:
    return json.loads((folder / "operating_point.json").read_text())["classes"]


def test_events_tune_detection_and_it_is_stored_and_used(earmark: Callable, collection: Path, model: Path) -> None:
    OperatingPoint.plain(["beep", "horn", "hum", "whistle"]).with_threshold(0.999).save(model)
    audio = collection / "dev" / "audio"
    deaf = earmark("detect", audio, "-m", model)
    assert "0 events in 16 recordings" in deaf.err
    ran = earmark("tune", model, collection / "dev")
    assert (ran.code, ran.out) == (0, "")
    assert "tuned for segment-f1 (higher is better) on 16 recordings" in ran.err
    assert f"stored in {model / 'operating_point.json'}" in ran.err
    assert all(0 < part["onset"] < 0.99 for part in classes(model).values())
    assert "0 events in 16" not in earmark("detect", audio, "-m", model).err
    evaluated = earmark("evaluate", model, collection / "dev", "--json", model / "e.json")
    assert evaluated.code == 0
    assert json.loads((model / "e.json").read_text())["segment"]["f1"] > 0.9


def test_the_card_follows(earmark: Callable, collection: Path, model: Path) -> None:
    before = (model / "README.md").read_text()
    earmark("tune", model, collection / "dev", "--objective", "event-f1")
    card = (model / "README.md").read_text()
    assert "tuned for event-f1 on 16 recordings of dev" in card
    assert "tuned for segment-f1" not in card
    onset = classes(model)["beep"]["onset"]
    assert f"| beep | {classes(model)['beep']['tag_threshold']:.3f} | {onset:.3f} |" in card
    assert card.count("The operating point was changed afterwards") == 1
    earmark("tune", model, collection / "dev")
    again = (model / "README.md").read_text()
    assert again.count("The operating point was changed afterwards") == 1
    assert len(again.splitlines()) == len(before.splitlines())


def test_tags_alone_tune_tags_and_leave_tuned_events_as_they_are(
    earmark: Callable, collection: Path, model: Path
) -> None:
    before = classes(model)
    ran = earmark("tune", model, collection / "dev" / "weak.tsv")
    assert ran.code == 0
    assert "note: tuned on tags alone: the tag thresholds are new, the decisions on events are unchanged" in ran.err
    for label, part in classes(model).items():
        assert {**part, "tag_threshold": 0} == {**before[label], "tag_threshold": 0}


def test_tags_alone_choose_events_too_where_nothing_better_is_known(
    earmark: Callable, collection: Path, model: Path
) -> None:
    OperatingPoint.plain(["beep", "horn", "hum", "whistle"]).save(model)
    ran = earmark("tune", model, collection / "dev" / "weak.tsv")
    assert "onset, offset and durations are defaults scaled by the model's own frame scores" in ran.err
    assert "of the clips have an event of a label they do not carry" in ran.err
    assert all(part["tag_gate"] and part["offset"] < part["onset"] for part in classes(model).values())
    judged = earmark("evaluate", model, collection / "dev", "--resamples", 0)
    assert "tuned on tags alone" in judged.err
    assert "clips with timed events measure how good the events are" in judged.err


def test_output_takes_it_in_place_of_the_model(
    earmark: Callable, collection: Path, model: Path, tmp_path: Path
) -> None:
    before = {path: path.read_bytes() for path in model.iterdir() if path.is_file()}
    ran = earmark("tune", model, collection / "dev", "--objective", "precision=0.9", "-o", tmp_path / "careful.json")
    assert ran.code == 0
    assert {path: path.read_bytes() for path in model.iterdir() if path.is_file()} == before
    point = OperatingPoint.load(tmp_path / "careful.json")
    assert "precision=0.9" in point.origin
    detected = earmark(
        "tag", collection / "dev" / "audio", "-m", model, "--operating-point", tmp_path / "careful.json", "-q"
    )
    assert (detected.code, detected.err) == (0, "")


def test_what_cannot_be_tuned_is_refused_before_the_work(
    earmark: Callable, collection: Path, trained: Path, tmp_path: Path
) -> None:
    weak = collection / "dev" / "weak.tsv"
    told = {
        ("--objective", "evnt-f1"): "unknown objective 'evnt-f1' (did you mean 'event-f1'?)",
        ("--objective", "event-f1"): "objective 'event-f1' needs strong labels (onset, offset), and weak.tsv has none",
        ("-o", "/proc/x/p.json"): "cannot write /proc/x/p.json: nothing can be made in /proc",
    }
    for more, message in told.items():
        ran = earmark("tune", trained, weak, *more)
        assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
        assert message in ran.err


def test_clips_that_cannot_be_used_are_named_and_the_rest_is_tuned_on(
    earmark: Callable, collection: Path, model: Path, tmp_path: Path
) -> None:
    table = tmp_path / "strong.tsv"
    table.write_text((collection / "dev" / "strong.tsv").read_text() + "gone.wav\t0.0\t1.0\tbeep\n")
    ran = earmark("tune", model, table, "--audio", collection / "dev" / "audio")
    assert ran.code == 1
    assert "on 16 recordings" in ran.err
    assert "left out: 1\n" in ran.err
    assert "gone.wav does not exist" in ran.err


def test_methods_and_calibrations_are_chosen_and_stored(earmark: Callable, collection: Path, model: Path) -> None:
    ran = earmark("tune", model, collection / "dev", "--method", "boxes", "--calibrate", "platt")
    assert ran.code == 0
    point = json.loads((model / "operating_point.json").read_text())
    assert point["method"] == "boxes"
    assert any("clip_calibration" in part for part in point["classes"].values())  # rare labels are left as scored
    card = (model / "README.md").read_text()
    assert "sound event bounding boxes" in card
    assert "calibrated (Platt scaling)" in card
    assert earmark("tune", model, collection / "dev", "--calibrate", "none").code == 0
    assert "clip_calibration" not in (model / "operating_point.json").read_text()


def test_psds_needs_no_thresholds_and_says_what_chose_them(earmark: Callable, collection: Path, model: Path) -> None:
    ran = earmark("tune", model, collection / "dev", "--objective", "psds1")
    assert ran.code == 0
    assert "psds1 covers all thresholds" in ran.err


def test_scores_are_computed_once(earmark: Callable, collection: Path, model: Path) -> None:
    shutil.rmtree(model / "scores", ignore_errors=True)
    earmark("tune", model, collection / "dev")
    kept = list((model / "scores").glob("*.npz"))
    assert len(kept) == 1
    before = kept[0].stat().st_mtime_ns
    first = earmark("evaluate", model, collection / "dev", "--resamples", 0)
    assert kept[0].stat().st_mtime_ns == before
    kept[0].unlink()
    assert earmark("evaluate", model, collection / "dev", "--resamples", 0).out == first.out


def test_the_model_in_the_package_stays_as_it_is(
    earmark: Callable, collection: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither its operating point nor scores are written there."""
    monkeypatch.setenv("EARMARK_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(box, "__file__", str(tmp_path / "package" / "hub" / "box.py"))
    folder = Path(shutil.move(model, tmp_path / "package" / "box" / "everyday"))
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    ran = earmark("tune", "earmark/everyday", collection / "dev")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("earmark: earmark/everyday cannot be changed; write to a file with -o point.json")
    point = tmp_path / "point.json"
    assert earmark("tune", "earmark/everyday", collection / "dev", "-o", point).code == 0
    assert earmark("evaluate", "earmark/everyday", collection / "dev", "--operating-point", point).code == 0
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    assert len(list((tmp_path / "cache" / "earmark" / "everyday" / "scores").iterdir())) == 1
