"""Label files as people bring them, through the verbs: understood, or refused with the row named."""

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

Earmark = Callable[..., object]
STRONG = "filename,onset,offset,event_label\na.wav,0.5,1.25,dog\na.wav,2,3,cat\nb.wav,0.5,1.25,dog\n"
RAVEN = "Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)\tLow Freq (Hz)\tHigh Freq (Hz)"


def write(path: Path, text: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    """Four recordings of two seconds, in two folders."""
    for number, name in enumerate(("audio/a.wav", "audio/b.wav", "audio/SITE2/c.wav", "audio/SITE2/d.wav")):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, 0.1 * np.random.default_rng(number).standard_normal(32_000), 16_000)
    return tmp_path


@pytest.fixture
def event_f1(earmark: Earmark, tmp_path: Path) -> Callable[..., float]:
    def call(reference: Path, estimate: Path, *more: object) -> float:
        ran = earmark("score", reference, estimate, "--resamples", 0, "--json", tmp_path / "s.json", "-q", *more)
        assert ran.code == 0, ran.err
        return json.loads((tmp_path / "s.json").read_text())["event"]["f1"]

    return call


def test_a_recording_of_another_site_is_missing(earmark: Earmark, sounds: Path) -> None:
    table = write(sounds / "t.csv", "filename,event_labels\nSITE1/c.wav,dog\nSITE2/d.wav,dog\n")
    ran = earmark("doctor", table, "-q")
    assert ran.code == 1
    assert "1 clip," in ran.out
    assert "line 2: SITE1/c.wav does not exist" in ran.out


@pytest.mark.parametrize(
    "text",
    [
        "filename,event_labels\nC:\\data\\audio\\a.wav,dog\naudio\\b.wav,cat\n",
        ",filename,event_labels\n0,a.wav,dog\n1,b.wav,cat\n",
        "sep=;\nfilename;event_labels\na.wav;dog\nb.wav;cat\n",
        "# made by me\nfilename,event_labels\na.wav,dog\nb.wav,cat\n",
        "filename,event_labels\na.wav,dog\nb.wav,cat\n".encode("utf-16-le"),
        "a.wav\tdog\nb.wav\tcat\n",
    ],
    ids=["windows", "index column", "sep line", "comment", "utf-16", "no header"],
)
def test_tables_as_people_save_them_have_nothing_to_mend(earmark: Earmark, sounds: Path, text: str | bytes) -> None:
    ran = earmark("doctor", write(sounds / "t.csv", text), "--audio", sounds / "audio", "-q")
    assert (ran.code, ran.out.splitlines()[0]) == (0, "2 clips, 4 s of sound, 2 labels, 0 clips without any")
    ran = earmark("score", sounds / "t.csv", sounds / "t.csv", "--resamples", 0)
    assert ran.code == 0


@pytest.mark.parametrize(
    ("cell", "separator"),
    [("dog;cat", ";"), ("dog|cat", "|"), ("\"['dog', 'cat']\"", "list")],
    ids=["semicolon", "bar", "list"],
)
def test_several_labels_in_a_cell_are_pointed_at_and_divided(
    earmark: Earmark, sounds: Path, cell: str, separator: str
) -> None:
    table = write(sounds / "t.csv", f"filename,event_labels\na.wav,{cell}\nb.wav,\n")
    ran = earmark("doctor", table, "-q")
    assert ran.code == 1
    assert "line 2: " in ran.out
    assert "looks like several labels; divide them with --separator" in ran.out
    ran = earmark("doctor", table, "-q", "--separator", separator)
    assert (ran.code, ran.out.splitlines()[0]) == (0, "2 clips, 4 s of sound, 2 labels, 1 clip without any")


def test_times_of_urbansound8k_are_no_events(earmark: Earmark, sounds: Path) -> None:
    text = "slice_file_name,fsID,start,end,salience,fold,classID,class\na.wav,1,120.5,124.5,1,1,3,dog\n"
    ran = earmark("doctor", write(sounds / "us8k.csv", text), "-q")
    assert ran.code == 0
    assert ran.out.splitlines()[3].split() == ["dog", "1", "2.000", "–"]


def test_times_in_milliseconds_are_guessed(earmark: Earmark, sounds: Path) -> None:
    table = write(sounds / "ms.csv", "filename,onset,offset,event_label\na.wav,500,1000,dog\nb.wav,0,1,dog\n")
    ran = earmark("doctor", table, "-q")
    assert ran.code == 1
    assert "a.wav: 'dog' ends at 1000.000 s, but the recording at 2.000 s (1 of 1 events); are the times in" in ran.out
    assert "milliseconds?" in ran.out


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "e.csv",
            "slice,fname,start,stop,class,licence\n1,a.wav,0.5,1.25,dog,CC0\n2,a.wav,2,3,cat,\n3,b.wav,0.5,1.25,dog,\n",
        ),
        ("e.csv", "slice;filename;onset;duration;label\n1;a.wav;0,5;0,75;dog\n2;a.wav;2;1;cat\n3;b.wav;0,5;0,75;dog\n"),
        ("e.txt", "x/a.wav\tstreet\t0.5\t1.25\tdog\nx/a.wav\tstreet\t2\t3\tcat\nx/b.wav\tstreet\t0.5\t1.25\tdog\n"),
        (
            "BirdNET_SelectionTable.txt",
            f"{RAVEN}\tCommon Name\tConfidence\tBegin Path\tFile Offset (s)\n"
            "1\tS\t1\t0.5\t1.25\t0\t15000\tdog\t0.9\t/x/a.wav\t0.5\n2\tS\t1\t2\t3\t0\t15000\tcat\t0.5\t/x/a.wav\t2\n"
            "3\tS\t1\t3.5\t4.25\t0\t15000\tdog\t0.9\t/x/b.wav\t0.5\n",
        ),
    ],
    ids=["data frame", "spreadsheet", "five columns", "birdnet"],
)
def test_score_reads_what_train_and_doctor_read(
    earmark: Earmark, event_f1: Callable[..., float], sounds: Path, name: str, text: str
) -> None:
    estimate = write(sounds / "est" / name, text)
    assert event_f1(write(sounds / "ref" / "r.csv", STRONG), estimate) == 1
    assert earmark("doctor", estimate, "--audio", sounds / "audio", "-q").out.startswith("2 clips, ")


def test_a_folder_of_two_formats_can_be_told_apart(
    earmark: Earmark, event_f1: Callable[..., float], tmp_path: Path
) -> None:
    reference, both = write(tmp_path / "r.csv", STRONG), tmp_path / "both"
    write(both / "a.txt", "0,500\t1,250\tdog\n2,000\t3,000\tcat\n")
    write(both / "b.txt", "0.5\t1.25\tdog\n")
    write(both / "a.selections.txt", f"{RAVEN}\tSong\n1\tS\t1\t0.5\t1.25\t0\t1\tdog\n2\tS\t1\t2\t3\t0\t1\tcat\n")
    write(both / "b.selections.txt", f"{RAVEN}\tSong\n")
    ran = earmark("score", reference, both)
    assert (ran.code, ran.out) == (2, "")
    assert "holds files of several formats (audacity, raven)" in ran.err
    assert event_f1(reference, both, "--estimate-format", "audacity") == 1
    found = event_f1(reference, both, "--estimate-format", "raven", "--label-column", "song")
    assert found == pytest.approx(0.8)  # b's dog is missed
    assert event_f1(both, reference, "--reference-format", "audacity") == 1
    ran = earmark("score", reference, both, "--estimate-format", "audacty")
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert "did you mean 'audacity'?" in ran.err


def test_a_track_that_cannot_be_read_ends_a_score(earmark: Earmark, tmp_path: Path) -> None:
    reference = write(tmp_path / "r.csv", STRONG)
    write(tmp_path / "est" / "a.txt", "0.5\t1.25\tdog\n")
    write(tmp_path / "est" / "b.txt", "0.5\t1.25\tdog\n1.5\t\n")
    ran = earmark("score", reference, tmp_path / "est")
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert "b.txt, line 2: " in ran.err


def test_tracks_train_and_validate(
    train: Callable[..., object], earmark: Earmark, collection: Path, tmp_path: Path
) -> None:
    dev = collection / "dev"
    shutil.copytree(dev / "audio", tmp_path / "audio")
    tracks = {path.stem: "" for path in (tmp_path / "audio").iterdir()}
    for row in csv.DictReader((dev / "strong.tsv").open(), delimiter="\t"):
        if row["onset"]:
            tracks[Path(row["filename"]).stem] += f"{row['onset']}\t{row['offset']}\t{row['event_label']}\n"
    for name, text in tracks.items():
        write(tmp_path / "labels" / f"{name}.txt", text)
    ran = train(tmp_path / "labels", tmp_path / "model", "--audio", tmp_path / "audio", "--valid", tmp_path)
    assert ran.code == 0, ran.err
    found = {}
    for data in (tmp_path, dev):
        ran = earmark("evaluate", tmp_path / "model", data, "--resamples", 0, "--json", tmp_path / "e.json")
        assert ran.code == 0, ran.err
        found[data] = json.loads((tmp_path / "e.json").read_text())
    assert found[tmp_path]["event"] == found[dev]["event"]


def test_validation_events_outside_their_recordings_are_said(
    train: Callable[..., object], earmark: Earmark, collection: Path, tmp_path: Path
) -> None:
    dev = collection / "dev"
    lines = (dev / "strong.tsv").read_text().splitlines()
    late = [line.split("\t") for line in lines[1:]]
    rows = [
        "\t".join([n, *(f"{1000 * float(t):g}" if t else "" for t in (on, off)), label]) for n, on, off, label in late
    ]
    shutil.copytree(dev / "audio", tmp_path / "ms" / "audio")
    table = write(tmp_path / "ms" / "strong.tsv", "\n".join([lines[0], *rows]) + "\n")
    ran = train(collection / "train", tmp_path / "model", "--valid", table)
    assert ran.code == 1
    assert "are the times in milliseconds?" in ran.err
    for verb in (
        ("tune", tmp_path / "model", table, "-o", tmp_path / "op.json"),
        ("evaluate", tmp_path / "model", table),
    ):
        ran = earmark(*verb)
        assert ran.code == 1, verb
        assert "are the times in milliseconds?" in ran.err, ran.err


def test_all_of_many_problems_are_in_a_file(earmark: Earmark, train: Callable[..., object], sounds: Path) -> None:
    rows = [f"gone{number}.wav,dog" for number in range(40)]
    table = write(sounds / "t.csv", "\n".join(["filename,label", "a.wav,dog", "b.wav,dog", *rows]) + "\n")
    ran = train(table, sounds / "model", "--valid-fraction", 0)
    assert ran.code == 1
    last = ran.err.strip().splitlines()[-1]
    assert last.strip().startswith("and 20 more; all are in ")
    listed = Path(last.rpartition(" all are in ")[2])
    assert listed.read_text().count("does not exist") == 40
    listed.unlink()


def test_names_in_messages_never_steer_the_terminal(earmark: Earmark, sounds: Path) -> None:
    table = write(sounds / "t.csv", 'filename,label\na.wav,dog\n"x\x1b[31m\n.wav",dog\nb.wav,"c\x1b[2Jat"\n')
    ran = earmark("doctor", table, "-q")
    assert ran.code == 1
    assert "\x1b" not in ran.err
    assert r"x\x1b[31m" in ran.out
    ran = earmark("doctor", sounds / "no\x1b[31msuch\nfile.csv")
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert "\x1b" not in ran.err


def test_tags_are_scored_against_a_list_of_audioset(earmark: Earmark, tmp_path: Path) -> None:
    rows = '--4gqARaEJE, 0.000, 10.000, "/m/09x0r,/m/0bt9lr"\n-0BIyqJj9ZU, 30.500, 40.500, "/m/09x0r"\n'
    reference = write(tmp_path / "eval_segments.csv", "# YTID, start_seconds, end_seconds, positive_labels\n" + rows)
    names = ("Y--4gqARaEJE.wav", "-0BIyqJj9ZU_30.wav")
    text = f'filename,event_labels,scores\n{names[0]},"Speech,Dog","0.9,0.8"\n{names[1]},Speech,0.7\n'
    ran = earmark(
        "score", reference, write(tmp_path / "tags.csv", text), "--resamples", 0, "--json", tmp_path / "s.json"
    )
    assert ran.code == 0, ran.err
    assert json.loads((tmp_path / "s.json").read_text())["tagging"]["micro_f1"] == 1
    assert "only tags" in ran.err


@pytest.mark.parametrize(
    ("label", "message"),
    [("nan", "is what programs write for an empty cell"), ("dog;cat", "looks like several; use --separator ';'")],
)
def test_a_reference_whose_labels_are_none_is_refused(
    earmark: Earmark, tmp_path: Path, label: str, message: str
) -> None:
    reference = write(tmp_path / "r.csv", f"filename,event_label\na.wav,{label}\nb.wav,bird\n")
    estimate = write(tmp_path / "e.csv", "filename,event_label\na.wav,bird\n")
    ran = earmark("score", reference, estimate, "--ignore-unknown")
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert message in ran.err
    assert earmark("score", reference, reference, "--resamples", 0).code == 0  # both sides name it: it is a name
