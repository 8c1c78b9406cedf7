"""`earmark listen`: files and stdin as live sound, where events go, and what is said of what cannot be."""

import csv
import io
import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from earmark.decisions import OperatingPoint
from earmark.hub import box


@pytest.fixture
def street(tmp_path: Path) -> Path:
    """The check clip of the model in the package, a few times, with silence before and after."""
    rate = 32_000
    clip = np.resize(box.check_clip(rate), 6 * rate)
    path = tmp_path / "street.wav"
    soundfile.write(path, np.concatenate([np.zeros(2 * rate), clip, np.zeros(2 * rate)]), rate, subtype="FLOAT")
    return path


@pytest.fixture
def point(tmp_path: Path) -> tuple[str, Path]:
    """Options that make whichever model is in the package find something in tones and clicks."""
    path = tmp_path / "plain.json"
    stored = json.loads((box.directory() / "operating_point.json").read_text())
    OperatingPoint.plain(stored["classes"]).with_threshold(0.05).save(path)
    return "--operating-point", path


def lines(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines()]


def detected(earmark: Callable, path: Path, *more: object) -> list[tuple[float, float, str]]:
    ran = earmark("detect", path, "--window-plan", "live", "--engine", "onnx", "-q", *more)
    rows = list(csv.DictReader(io.StringIO(ran.out)))
    return sorted((float(row["onset"]), float(row["offset"]), row["event_label"]) for row in rows)


def ended(news: list[dict]) -> list[tuple[float, float, str]]:
    return sorted((each["onset"], each["offset"], each["label"]) for each in news if each["type"] == "end")


def test_a_file_as_live_gives_the_events_of_detect_with_the_plan(earmark: Callable, street: Path, point: tuple) -> None:
    ran = earmark("listen", "--source", street, "--speed", "max", *point)
    assert ran.code == 0, ran.err
    news = lines(ran.out)
    assert ended(news) == detected(earmark, street, *point)
    assert ended(news)
    assert [each["id"] for each in news if each["type"] == "begin"] == list(range(1, len(news) // 2 + 1))
    assert "listening to street.wav at 32000 Hz; events are reported up to 2.0 s after they begin" in ran.err
    assert f"{len(news) // 2} events in 10.0 s" in ran.err


def test_quiet_prints_nothing_but_events(earmark: Callable, street: Path, point: tuple) -> None:
    ran = earmark("listen", "--source", street, "--speed", "max", "-q", *point)
    assert ran.err == ""
    assert lines(ran.out)


@pytest.mark.parametrize("form", ["wav", "raw"])
def test_sound_on_stdin_is_heard(
    earmark: Callable, street: Path, point: tuple, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples, rate = soundfile.read(street)
    data = io.BytesIO()
    soundfile.write(data, samples, rate, format=form.upper(), subtype="PCM_16")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data.getvalue())))
    ran = earmark("listen", "--source", "-", *(("--rate", rate) if form == "raw" else ()), *point)
    assert ran.code == 0, ran.err
    soundfile.write(street, samples, rate, subtype="PCM_16")
    assert ended(lines(ran.out)) == detected(earmark, street, *point)
    assert all("time" in each for each in lines(ran.out))


def test_tables_lines_and_clips_are_written_beside_one_another(
    earmark: Callable, street: Path, point: tuple, tmp_path: Path
) -> None:
    out, clips = tmp_path / "out", tmp_path / "clips"
    more = ("-o", out / "a.jsonl", "-o", out / "a.csv", "--save-clips", clips, "--updates")
    ran = earmark("listen", "--source", street, "--speed", "max", *more, *point)
    assert (ran.code, ran.out) == (0, "")
    news = lines((out / "a.jsonl").read_text())
    assert {each["type"] for each in news} == {"begin", "update", "end"}
    rows = list(csv.DictReader((out / "a.csv").open()))
    assert sorted((float(r["onset"]), float(r["offset"]), r["event_label"]) for r in rows) == ended(news)
    assert {row["filename"] for row in rows} == {"street.wav"}
    saved = [path.parent.name for path in clips.rglob("*.flac")]
    assert sorted(saved) == sorted(label for _, _, label in ended(news))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ("--source", "nosuch.wav"),
            "nosuch.wav: no such file; --source takes mic, - (stdin), a file, or a sound card",
        ),
        (("--source", ""), "--source is empty"),
        (("--speed", "fast"), "--speed fast: expected a number, or max"),
        (("--stride", "20"), "a window of 10.0 s has no room for a stride of 20.0 s"),
        (("--webhook", "http://127.0.0.1:9/"), "add --queue FOLDER"),
        (("--max-gb", "0"), "--max-gb 0 leaves no room for a clip"),
        (("-o", "events.parquet"), "events.parquet: events cannot be appended to such a file"),
    ],
)
def test_what_cannot_be_is_said_in_a_line(earmark: Callable, street: Path, words: tuple[str, ...], said: str) -> None:
    source = () if "--source" in words else ("--source", street)
    ran = earmark("listen", *source, *words, "-q")
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err
    assert ran.err.count("\n") == 1


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"hello there, this is text", "stdin is text, expected a wav"),
        (b"", "stdin is empty"),
        (b"\xf1\x03" * 90, "give --rate"),
    ],
)
def test_stdin_that_is_no_sound_is_refused(
    earmark: Callable, data: bytes, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    ran = earmark("listen", "--source", "-", "-q")
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err
    assert ran.err.count("\n") == 1


def test_boxes_and_fusions_are_refused(earmark: Callable, street: Path, tmp_path: Path) -> None:
    point = tmp_path / "boxes.json"
    stored = json.loads((box.directory() / "operating_point.json").read_text())
    point.write_text(json.dumps({**stored, "method": "boxes"}))
    ran = earmark("listen", "--source", street, "--operating-point", point, "-q")
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert "boxes, which are joined over the whole recording" in ran.err
    ran = earmark("listen", "--source", street, "-m", box.directory(), "-m", box.directory(), "-q")
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert "this one is a fusion of 2" in ran.err


def test_sigterm_ends_the_events_that_go_on(point: tuple) -> None:
    command = [sys.executable, "-m", "earmark", "listen", "--source", "-", "-q", *map(str, point)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=False) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        rate = 32_000
        loud = np.resize(box.check_clip(rate), 5 * rate)  # few enough lines for the pipe
        data = io.BytesIO()
        soundfile.write(data, loud, rate, format="WAV", subtype="PCM_16")
        process.stdin.write(data.getvalue())  # and no end
        process.stdin.flush()
        first = json.loads(process.stdout.readline())
        process.send_signal(signal.SIGTERM)
        rest = lines(process.stdout.read().decode())
        assert process.wait(120) == 0
    news = [first, *rest]
    begun = {each["id"] for each in news if each["type"] == "begin"}
    assert begun == {each["id"] for each in news if each["type"] == "end"}
