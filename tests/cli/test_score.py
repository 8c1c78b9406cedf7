import json
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def reference(tmp_path: Path) -> Path:
    path = tmp_path / "reference.tsv"
    path.write_text("filename\tonset\toffset\tevent_label\na.wav\t0.0\t2.0\tdog\na.wav\t3.0\t4.0\tcat\nb.wav\t\t\t\n")
    return path


def estimate(path: Path, *rows: str) -> Path:
    path.write_text("\n".join(["filename\tonset\toffset\tevent_label", *rows]).replace("|", "\t") + "\n")
    return path


def test_a_perfect_answer(earmark: Callable, reference: Path, tmp_path: Path) -> None:
    ran = earmark("score", reference, reference, "--json", tmp_path / "s.json")
    assert (ran.code, ran.err) == (0, f"wrote {tmp_path / 's.json'}\n")
    found = json.loads((tmp_path / "s.json").read_text())
    assert (found["tagging"]["micro_f1"], found["segment"]["f1"], found["event"]["f1"]) == (1, 1, 1)
    assert found["tagging"]["map"] is None


def test_collars_and_segments_can_be_set(earmark: Callable, reference: Path, tmp_path: Path) -> None:
    late = estimate(tmp_path / "e.tsv", "a.wav|0.3|2.0|dog", "a.wav|3.0|4.0|cat", "b.wav|||")

    def scored(*more: object) -> dict:
        assert earmark("score", reference, late, "--json", tmp_path / "s.json", *more).code == 0
        return json.loads((tmp_path / "s.json").read_text())

    assert scored()["event"]["f1"] == 0.5
    assert scored("--onset-collar", 0.5)["event"]["f1"] == 1.0
    assert scored()["segment"]["f1"] == 1.0
    assert scored("--segment-length", 0.1)["segment"]["f1"] < 1.0


def test_recordings_that_are_missing_count_as_missed(earmark: Callable, reference: Path, tmp_path: Path) -> None:
    none = estimate(tmp_path / "e.tsv", "b.wav|||")
    earmark("score", reference, none, "--json", tmp_path / "s.json")
    found = json.loads((tmp_path / "s.json").read_text())
    assert (found["segment"]["recall"], found["event"]["deletions"]) == (0, 2)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("a.wav|0|1|dgo", "unknown label 'dgo' (did you mean 'dog'?)"),
        ("a.wav|2|1|dog", "line 2"),
        ("a.wav|x|1|dog", "line 2"),
        ("c.wav|0|1|dog\na.wav|0|2|dog", "'c.wav'"),
        ("c.wav|0|1|dog", "have no recording in common"),
    ],
)
def test_files_that_do_not_fit_are_refused(
    earmark: Callable, reference: Path, tmp_path: Path, row: str, message: str
) -> None:
    other = estimate(tmp_path / "e.tsv", row)
    ran = earmark("score", reference, other, "--json", tmp_path / "s.json")
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert message in ran.err
    assert not (tmp_path / "s.json").exists()


def test_the_unknown_can_be_ignored(earmark: Callable, reference: Path, tmp_path: Path) -> None:
    more = estimate(tmp_path / "e.tsv", "a.wav|0|2|dog", "a.wav|3|4|cat", "a.wav|0|1|owl", "c.wav|0|1|dog")
    assert earmark("score", reference, more).code == 2
    ran = earmark("score", reference, more, "--ignore-unknown", "--json", tmp_path / "s.json")
    assert ran.code == 0
    assert json.loads((tmp_path / "s.json").read_text())["event"]["f1"] == 1.0


def test_files_of_tags_are_scored_as_tags(earmark: Callable, reference: Path, collection: Path, tmp_path: Path) -> None:
    weak = tmp_path / "weak.tsv"
    weak.write_text("filename\tevent_labels\na.wav\tdog\nb.wav\t\n")
    ran = earmark("score", reference, weak, "--json", tmp_path / "s.json")
    assert ran.code == 0
    found = json.loads((tmp_path / "s.json").read_text())
    assert list(found) == ["tagging"]
    assert (found["tagging"]["precision"], found["tagging"]["recall"]) == (1.0, 0.5)


@pytest.mark.parametrize("option", ["--segment-length", "--onset-collar", "--offset-share"])
@pytest.mark.parametrize("value", ["-1", "inf", "nan"])
def test_lengths_that_can_be_none_are_refused(earmark: Callable, reference: Path, option: str, value: str) -> None:
    ran = earmark("score", reference, reference, option, value)
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert option[2:].replace("-", " ") in ran.err


def test_what_is_no_label_file_is_refused(earmark: Callable, reference: Path, collection: Path, tmp_path: Path) -> None:
    (tmp_path / "empty.tsv").write_text("")
    (tmp_path / "folder").mkdir()
    for other in (
        "nowhere.tsv",
        tmp_path / "empty.tsv",
        tmp_path / "folder",
        collection / "dev" / "audio" / "dev00.wav",
    ):
        for pair in ((reference, other), (other, reference)):
            ran = earmark("score", *pair)
            assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1), ran.err
            assert str(other) in ran.err


def test_a_folder_of_score_tables_gives_psds(earmark: Callable, tmp_path: Path) -> None:
    (tmp_path / "truth.tsv").write_text("filename\tonset\toffset\tevent_label\na.wav\t1.0\t3.0\tdog\n")
    (tmp_path / "scores").mkdir()
    rows = "".join(f"{i}.0\t{i + 1}.0\t{0.9 if i in (1, 2) else 0.1}\n" for i in range(5))
    (tmp_path / "scores" / "a.tsv").write_text("onset\toffset\tdog\n" + rows)
    ran = earmark("score", tmp_path / "truth.tsv", tmp_path / "scores", "--json", tmp_path / "s.json", "--resamples", 0)
    assert ran.code == 0
    found = json.loads((tmp_path / "s.json").read_text())
    assert found["psds"]["psds1"] == 1.0
    assert "segment" not in found


def test_a_recording_without_a_score_table_is_named(earmark: Callable, tmp_path: Path) -> None:
    (tmp_path / "truth.tsv").write_text(
        "filename\tonset\toffset\tevent_label\na.wav\t1.0\t3.0\tdog\nb.wav\t0.0\t1.0\tdog\n"
    )
    (tmp_path / "scores").mkdir()
    (tmp_path / "scores" / "a.tsv").write_text("onset\toffset\tdog\n0.0\t1.0\t0.5\n")
    ran = earmark("score", tmp_path / "truth.tsv", tmp_path / "scores")
    assert ran.code == 2
    assert "no score table of 'b.wav' (1 of 2 missing)" in ran.err


def test_the_scores_that_detect_writes_give_the_psds_that_evaluate_gives(
    earmark: Callable, collection: Path, trained: Path, tmp_path: Path
) -> None:
    dev = collection / "dev"
    earmark("evaluate", trained, dev, "--json", tmp_path / "e.json", "--resamples", 0)
    ran = earmark("detect", dev / "audio", "-m", trained, "-o", tmp_path / "d.csv", "--scores", tmp_path / "scores")
    assert ran.code == 0
    assert len(list((tmp_path / "scores").glob("*.tsv"))) == 16
    ran = earmark("score", dev / "strong.tsv", tmp_path / "scores", "--json", tmp_path / "s.json", "--resamples", 0)
    assert ran.code == 0
    model, files = (json.loads((tmp_path / name).read_text())["psds"] for name in ("e.json", "s.json"))
    assert model["psds1"] > 0
    assert files["psds1"] == pytest.approx(model["psds1"], abs=1e-9)
    assert files["psds2"] == pytest.approx(model["psds2"], abs=1e-9)


def test_events_outside_their_recording_are_named(earmark: Callable, reference: Path, tmp_path: Path) -> None:
    (tmp_path / "durations.tsv").write_text("filename\tduration\na.wav\t5\nb.wav\t5\nsilent.wav\t5\n")
    late = estimate(tmp_path / "e.tsv", "a.wav|0|2|dog", "a.wav|3000|4000|cat", "silent.wav|0|1|dog")
    ran = earmark("score", reference, late, "--json", tmp_path / "s.json")
    assert ran.code == 1
    assert "a.wav: 'cat' ends at 4000.000 s, but the recording at 5.000 s (1 of 2 events)" in ran.err
    found = json.loads((tmp_path / "s.json").read_text())
    assert (found["event"]["insertions"], found["event"]["deletions"]) == (2, 1)


def test_the_mean_of_classes_is_printed_with_their_number(earmark: Callable, reference: Path) -> None:
    ran = earmark("score", reference, reference)
    assert "Event F1, mean of classes" in ran.out
    assert "Classes averaged" in ran.out
