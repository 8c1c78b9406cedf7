"""`earmark score --protocol`, and the road to it: a DCASE2017 folder, predictions in the official form."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

IDS = [f"-{number:02d}efghijkl" for number in range(16)]  # 11 characters each


def clip(number: int) -> str:
    return f"{IDS[number]}_{10 * number}.000_{10 * number + 2}.000"


@pytest.fixture
def folder(collection: Path, tmp_path: Path) -> Path:
    """The tiny collection's dev clips as a DCASE2017 folder: 0 to 11 testing, the rest evaluation."""
    root = tmp_path / "dcase"
    strong = [line.split("\t") for line in (collection / "dev" / "strong.tsv").read_text().splitlines()[1:]]
    heard = [(int(name[3:5]), onset, offset, label) for name, onset, offset, label in strong if label]
    for part, numbers in (("testing", range(12)), ("evaluation", range(12, 16))):
        (root / part).mkdir(parents=True)
        for number in numbers:
            shutil.copy(collection / "dev" / "audio" / f"dev{number:02d}.wav", root / part / f"Y{clip(number)}.wav")
        rows = [row for row in heard if row[0] in numbers]
        weak = {(n, label) for n, _, _, label in rows}
        times = "\n".join(f"{clip(n)}.wav\t{on}\t{off}\t{label}" for n, on, off, label in rows)
        places = "\n".join(f"{clip(n)}.wav\t{10 * n}.000\t{10 * n + 2}.000\t{label}" for n, label in sorted(weak))
        release = root / "groundtruth_release"
        release.mkdir(exist_ok=True)
        (release / f"groundtruth_strong_label_{part}_set.csv").write_text(times + "\n")
        (release / f"groundtruth_weak_label_{part}_set.csv").write_text(places + "\n")
    return root


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    reference, estimate = tmp_path / "r.csv", tmp_path / "e.csv"
    rows = [f"{clip(0)}.wav|0.5|2|Car", f"{clip(0)}.wav|0|0|Air horn, truck horn", f"{clip(1)}.wav|0|3|Bus"]
    reference.write_bytes("\r\n".join(rows).replace("|", "\t").encode())
    estimate.write_text(f"{clip(0)}.wav\nY{clip(1)}.wav\t0\t2\tBus\nother.wav\t0\t1\tBus\n")
    return reference, estimate


def test_task_b_is_shown_and_kept(earmark: Callable, files: tuple[Path, Path], tmp_path: Path) -> None:
    ran = earmark("score", *files, "--protocol", "dcase2017-b", "--json", tmp_path / "b.json")
    assert ran.code == 0
    title, header, micro, macro, _, _, *classes = ran.out.splitlines()
    assert title == "DCASE2017 task 4 B, detection in seconds: 2 files scored"
    assert header.split()[:4] == ["average", "F1", "error", "rate"]
    assert micro.split()[:6] == ["micro", "(seconds)", "0.571", "0.600", "1.000", "0.400"]
    assert macro.startswith("macro (3 classes, F1 and precision: 1)")
    assert [line.split("  ")[0] for line in classes] == ["Air horn, truck horn", "Car", "Bus"]
    reference, estimate = files
    assert ran.err.splitlines() == [
        f"rows '0 0 label' in {reference}: 1; not audible, so nothing to find",
        f"clips of {estimate} under another name: 1 (Y{clip(1)} is {clip(1)})",
        f"clips that are only in {estimate}: 1 (first other); not counted",
        f"wrote {tmp_path / 'b.json'}",
    ]
    found = json.loads((tmp_path / "b.json").read_text())
    assert (found["protocol"], found["micro"]["error_rate"], found["per_class"]["Bus"]["deletions"]) == (
        "dcase2017-b",
        0.6,
        1,
    )
    assert len(found["notes"]) == 3


def test_task_a_is_shown_and_kept(earmark: Callable, files: tuple[Path, Path], tmp_path: Path) -> None:
    ran = earmark("score", *files, "--protocol", "dcase2017-a", "--json", tmp_path / "a.json", "--quiet")
    assert (ran.code, ran.err) == (0, "")
    title, header, micro, macro, _, _, *classes = ran.out.splitlines()
    assert title == "DCASE2017 task 4 A, tagging: 3 files, 2 scored"
    assert header.split() == ["average", "precision", "recall", "F1", "right", "wrong", "missed"]
    assert micro.split() == ["micro", "(clips)", "1.000", "0.500", "0.667", "1", "0", "1"]
    assert macro.split() == ["macro", "(2", "classes)", "0.500", "0.500", "0.500", "–", "–", "–"]
    assert [line.split()[0] for line in classes] == ["Car", "Bus"]
    found = json.loads((tmp_path / "a.json").read_text())
    assert (found["protocol"], found["files"], found["scored"]) == ("dcase2017-a", 3, 2)
    assert (found["micro"]["recall"], found["macro"]["f1"]) == (0.5, 0.5)


def test_a_protocol_is_not_to_be_bent(earmark: Callable, files: tuple[Path, Path]) -> None:
    ran = earmark("score", *files, "--protocol", "dcase2017-b", "--segment-length", 0.5)
    assert (ran.code, ran.out) == (2, "")
    assert "--protocol dcase2017-b fixes the counting rules" in ran.err
    ran = earmark("score", *files, "--protocol", "dcase2018")
    assert ran.code == 2
    assert "'dcase2018' is not one of 'dcase2017-a', 'dcase2017-b'" in ran.err


def test_predictions_in_the_official_form_score_like_any_other(
    earmark: Callable, folder: Path, trained: Path, tmp_path: Path
) -> None:
    release = folder / "groundtruth_release"
    strong = release / "groundtruth_strong_label_testing_set.csv"
    weak = release / "groundtruth_weak_label_testing_set.csv"
    found = []
    for form, name in (("dcase2017", "d.txt"), ("csv", "d.csv")):
        ran = earmark("detect", folder / "testing", "-m", trained, "-f", form, "-o", tmp_path / name)
        assert ran.code == 0, ran.err
        assert (
            earmark("score", strong, tmp_path / name, "--protocol", "dcase2017-b", "--json", tmp_path / "s").code == 0
        )
        found.append(json.loads((tmp_path / "s").read_text()))
    for key in ("micro", "macro", "per_class", "scored", "missing"):
        assert found[0][key] == found[1][key]
    assert found[0]["micro"]["f1"] > 0.5
    assert (tmp_path / "d.txt").read_text().splitlines()[0].startswith(f"{clip(0)}.wav\t")
    ran = earmark("tag", folder / "testing", "-m", trained, "-f", "dcase2017", "-o", tmp_path / "t.txt")
    assert ran.code == 0
    printed = earmark("tag", folder / "testing", "-m", trained, "-f", "dcase2017", "-q").out
    assert printed.encode() == (tmp_path / "t.txt").read_bytes()
    assert b"\t0.0\t10.0\tbeep\r\n" in (tmp_path / "t.txt").read_bytes()
    ran = earmark("score", weak, tmp_path / "t.txt", "--protocol", "dcase2017-a", "--json", tmp_path / "s")
    assert json.loads((tmp_path / "s").read_text())["micro"]["f1"] > 0.8


def test_a_part_of_the_folder_is_evaluated(earmark: Callable, folder: Path, trained: Path, tmp_path: Path) -> None:
    def clips(data: Path, *more: object) -> int:
        ran = earmark("evaluate", trained, data, "--json", tmp_path / "e.json", "--resamples", 0, *more)
        assert ran.code == 0, ran.err
        found = json.loads((tmp_path / "e.json").read_text())
        assert found["segment"]["f1"] > 0.5
        return found["tagging"]["clips"]

    heard = {
        part: len({line.split("\t")[0] for line in path.read_text().splitlines()})
        for part in ("testing", "evaluation")
        for path in [folder / "groundtruth_release" / f"groundtruth_strong_label_{part}_set.csv"]
    }
    assert clips(folder / "testing") == heard["testing"]
    assert clips(folder / "evaluation") == heard["evaluation"]
    (folder / "testing").rename(tmp_path / "audio")
    listed = folder / "groundtruth_release" / "groundtruth_strong_label_testing_set.csv"
    assert clips(listed, "--audio", tmp_path / "audio") == heard["testing"]


def test_doctor_says_what_is_there(earmark: Callable, folder: Path) -> None:
    (folder / "testing" / f"Y{clip(0)}.wav").unlink()
    shutil.rmtree(folder / "evaluation")
    ran = earmark("doctor", folder)
    lines = ran.out.splitlines()
    assert ran.code == 1
    assert lines[0].startswith("testing: ")
    assert lines[0].endswith(" clips present")
    assert lines[1].startswith("evaluation: 0 of ")
    assert lines[2].split() == ["label", "testing", "missing", "evaluation", "missing"]
    assert sum("do not exist and are left out" in line for line in lines) == 1
    shutil.rmtree(folder / "testing")
    ran = earmark("doctor", folder)
    assert ran.code == 2
    assert ran.out.startswith("testing: 0 of ")
    assert "clips is there (looked in and below" in ran.err
