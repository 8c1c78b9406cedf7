"""Whatever is put in: one line that names the thing, never a traceback, never half a result."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

BROKEN = {  # what is said of each file of `mixed`
    "nought.wav": "is empty (0 bytes)",
    "none.wav": "contains no samples",
    "short.wav": "lasts 10 ms, too short to contain a sound",
    "nan.wav": "sample 500 (0.031 s) is not a number",
    "half.mp3": "cut short",
    "text.wav": "it is a text file, not audio",
}


def refused(ran: object, *named: object) -> None:
    """Nothing done, and one line on stderr that says why."""
    assert (ran.code, ran.out) == (2, ""), ran.err
    assert ran.err.startswith("earmark: ")
    assert ran.err.count("\n") == 1
    for name in named:
        assert str(name) in ran.err


@pytest.fixture
def data(collection: Path, mixed: Path, tmp_path: Path) -> Path:
    """The training collection with all the broken recordings in it."""
    folder = tmp_path / "data"
    shutil.copytree(collection / "train", folder)
    for name in BROKEN:
        shutil.copy(mixed / name, folder / "audio")
    with (folder / "weak.tsv").open("a") as table:
        table.writelines(f"{name}\tbeep\n" for name in BROKEN)
    return folder


@pytest.mark.parametrize("verb", ["tag", "detect"])
def test_broken_recordings_are_listed_at_the_end_and_the_rest_is_done(
    earmark: Callable, trained: Path, mixed: Path, tmp_path: Path, verb: str
) -> None:
    ran = earmark(verb, mixed, "-m", trained, "-o", tmp_path / "out.json", "-f", "json", "--quiet")
    assert (ran.code, ran.out) == (1, "")
    found = json.loads((tmp_path / "out.json").read_text())["recordings"]
    assert list(found) == ["dev00.wav", "dev01.wav", "half.mp3"]
    lines = ran.err.splitlines()
    assert lines[0] == "recordings that could be read only in part: 1"
    assert lines[2] == "recordings that could not be used: 5"
    assert len(lines) == 8
    for name, message in BROKEN.items():
        assert [line for line in lines if name in line and message in line], (name, ran.err)


@pytest.mark.parametrize("verb", ["tag", "detect"])
@pytest.mark.parametrize("name", [name for name in BROKEN if name != "half.mp3"])
def test_nothing_is_written_where_nothing_could_be_done(
    earmark: Callable, trained: Path, mixed: Path, tmp_path: Path, verb: str, name: str
) -> None:
    ran = earmark(verb, mixed / name, "-m", trained, "-o", tmp_path / "out")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.splitlines()[0] == "recordings that could not be used: 1"
    assert BROKEN[name] in ran.err
    assert not (tmp_path / "out").exists()
    assert earmark(verb, mixed / name, "-m", trained).out == ""


@pytest.mark.parametrize("verb", ["tag", "detect"])
def test_places_that_are_wrong(earmark: Callable, trained: Path, collection: Path, tmp_path: Path, verb: str) -> None:
    sound = collection / "dev" / "audio" / "dev00.wav"
    (tmp_path / "empty").mkdir()
    refused(earmark(verb, "nowhere", "-m", trained), "nowhere: no such file or folder")
    refused(earmark(verb, sound, "gone.wav", "-m", trained), "gone.wav: no such file or folder")
    refused(earmark(verb, tmp_path / "empty", "-m", trained), "empty: no recordings in this folder or below it")
    refused(earmark(verb, sound, "-m", "nowhere"), "no model at nowhere: expected a directory made by 'earmark train'")
    refused(earmark(verb, sound, "-m", tmp_path / "empty"), "is not a model directory: config.json is missing")
    refused(earmark(verb, sound, "-m", trained, "-o", "/proc/x/y"), "cannot write /proc/x/y")
    refused(earmark(verb, sound, "-m", trained, "-o", sound / "x"), f"{sound} is a file, not a folder")
    refused(earmark(verb, sound, "-m", trained, "-o", tmp_path / "x.csv", "-f", "json"), "x.csv cannot hold json")
    refused(earmark(verb, sound, "-m", trained, "--device", "gpu"), "device 'gpu' is unknown; expected auto, cpu, cuda")


@pytest.mark.parametrize("damage", ["config", "weights", "point", "version"])
def test_a_damaged_model_is_refused(earmark: Callable, model: Path, collection: Path, damage: str) -> None:
    name = {"weights": "model.safetensors", "point": "operating_point.json"}.get(damage, "config.json")
    content = (model / name).read_bytes()
    newer = content.replace(b'"format_version": 1', b'"format_version": 2')
    (model / name).write_bytes(newer if damage == "version" else content[: len(content) // 2])
    ran = earmark("detect", collection / "dev", "-m", model)
    refused(ran, model / name, "newer earmark" if damage == "version" else "damaged")


def test_training_leaves_out_what_is_broken_and_says_so(train: Callable, data: Path, tmp_path: Path) -> None:
    with (data / "weak.tsv").open("a") as table:
        table.write("gone.wav\tbeep\n")
    ran = train(data, tmp_path / "m", "--valid-fraction", 0.2)
    assert ran.code == 1
    assert "left out: 7\n" in ran.err
    for name, message in {**BROKEN, "gone.wav": "does not exist"}.items():
        assert [line for line in ran.err.splitlines() if name in line and message in line], (name, ran.err)
    assert (tmp_path / "m" / "config.json").is_file()
    assert "**left out**: 6 clips or labels" in (tmp_path / "m" / "README.md").read_text()


def test_a_label_whose_clips_are_all_broken_is_left_out(train: Callable, data: Path, tmp_path: Path) -> None:
    table = data / "weak.tsv"
    table.write_text(table.read_text().replace("text.wav\tbeep", "text.wav\tghost"))
    ran = train(data, tmp_path / "m", "--valid-fraction", 0)
    assert ran.code == 1
    assert "  ghost: no usable clip has this label; the label is left out\n" in ran.err
    assert json.loads((tmp_path / "m" / "config.json").read_text())["labels"] == ["beep", "horn", "hum", "whistle"]
    again = train(data, tmp_path / "m", "--valid-fraction", 0)
    assert (again.code, "is already finished" in again.err) == (0, True)


def test_training_on_nothing_that_can_be_read_leaves_nothing_behind(
    train: Callable, mixed: Path, tmp_path: Path
) -> None:
    table = mixed / "table.csv"
    table.write_text("filename,label\n" + "".join(f"{name},beep\n" for name in BROKEN))
    for more in ((), ("--valid-fraction", 0), ("--cache", "off", "--valid-fraction", 0)):
        ran = train(table, tmp_path / "m", *more)
        assert ran.code == 2
        assert "earmark: " in ran.err.splitlines()[-1]
        assert "can be " in ran.err.splitlines()[-1]
        assert not (tmp_path / "m").exists()


def test_data_that_is_wrong(train: Callable, collection: Path, tmp_path: Path) -> None:
    good = (collection / "train" / "weak.tsv").read_text()
    audio = collection / "train" / "audio"
    out = tmp_path / "m"

    def table(text: str) -> Path:
        (tmp_path / "table.tsv").write_text(text)
        return tmp_path / "table.tsv"

    (tmp_path / "empty").mkdir()
    refused(train("nowhere", out), "nowhere: no such file or folder")
    refused(train(tmp_path / "empty", out), "empty: no recordings in this folder or below it")
    refused(train(audio, out), "32 recordings but no labels; give a table of labels, or a folder for each label")
    refused(train(audio / "train00.wav", out), "is a recording; expected a table of labels or a folder")
    refused(train(table(good), out), "none of its 32 files exist", "say where they are with --audio")
    refused(train(table(good), out, "--audio", "nowhere"), "nowhere: no such folder of audio")
    refused(train(table(good.replace("filename", "filenmae")), out, "--audio", audio), "no column 'filename'")
    refused(
        train(table(good.replace("event_labels", "event_labls")), out, "--audio", audio), "no column 'event_labels'"
    )
    refused(train(table(good.splitlines()[0] + "\n"), out, "--audio", audio), "a header, but no rows")
    refused(train(table(""), out, "--audio", audio), "the file is empty")
    refused(train(collection / "train", out, "--valid", "nowhere"), "nowhere: no such file or folder")
    refused(train(collection / "train", out, "--valid-fold", 1), "has no split")
    both = train(collection / "train", out, "--valid", collection / "dev", "--valid-fold", 1)
    refused(both, "exclude each other")
    assert not out.exists()


def test_model_directories_that_cannot_be(train: Callable, collection: Path, tmp_path: Path) -> None:
    data = collection / "train"
    (tmp_path / "file").write_text("")
    refused(train(data, tmp_path / "file"), "is a file; expected a directory for the model")
    refused(train(data, tmp_path / "file" / "m"), "file is a file, not a folder")
    refused(train(data, "/proc/x/m"), "cannot write /proc/x/m: nothing can be made in /proc")
    refused(train(data, tmp_path), "is not empty and contains no training run; choose a new directory")
    (tmp_path / "m" / "training").mkdir(parents=True)
    (tmp_path / "m" / "training" / "run.json").write_text("{")
    refused(train(data, tmp_path / "m"), "run.json is damaged", "use --overwrite to start again")
    assert train(data, tmp_path / "m", "--overwrite").code == 0


def test_labelled_data_without_a_usable_clip(earmark: Callable, model: Path, mixed: Path) -> None:
    table = mixed / "table.csv"
    table.write_text("filename,label\n" + "".join(f"{name},beep\n" for name in BROKEN))
    before = (model / "operating_point.json").read_bytes()
    for verb in ("tune", "evaluate"):
        refused(earmark(verb, model, table), "none of its 6 clips can be read")
    assert (model / "operating_point.json").read_bytes() == before
