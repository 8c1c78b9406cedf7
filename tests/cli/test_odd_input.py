"""Recordings as they really come: odd samples, names, kinds of files. A line each, and the others get their results."""

import csv
import io
import json
import os
import pty
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from safetensors import safe_open

from earmark.formats import read_events, read_tags

EARMARK = [sys.executable, "-m", "earmark"]
ODD = "caf\udce9"  # the byte E9, Latin-1's é: no UTF-8
RATE = 16_000


@pytest.fixture
def data(collection: Path, tmp_path: Path) -> Path:
    """The labelled dev set, to be changed."""
    return Path(shutil.copytree(collection / "dev", tmp_path / "data"))


def damage(path: Path, value: float) -> None:
    samples, rate = soundfile.read(path, dtype="float32")
    samples[len(samples) // 2] = value
    soundfile.write(path, samples, rate, subtype="FLOAT")


@pytest.mark.parametrize("value", [1e20, -3e38])
def test_a_huge_sample_costs_its_recording_alone(
    earmark: Callable, model: Path, data: Path, tmp_path: Path, value: float
) -> None:
    damage(data / "audio" / "dev03.wav", value)
    for verb in ("tag", "detect"):
        ran = earmark(verb, data / "audio", "-m", model, "-f", "json", "--quiet")
        assert ran.code == 1
        assert len(json.loads(ran.out)["recordings"]) == 15
        assert ran.err.splitlines()[0] == "recordings that could not be used: 1"
        assert "dev03.wav: sample 16000 (1.000 s) is" in ran.err
    for verb in ("tune", "evaluate"):
        ran = earmark(verb, model, data)
        assert (ran.code, ran.err.count("cannot be sound; this file is damaged")) == (1, 1)
    assert earmark("doctor", data).out.count("  level ") == 1


def test_training_leaves_a_huge_sample_out_and_stays_finite(train: Callable, collection: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(collection / "train", tmp_path / "data"))
    damage(folder / "audio" / "train00.wav", 3.9e37)
    for more in ((), ("--cache", "off")):
        output = tmp_path / f"m{len(more)}"
        ran = train(folder, output, "--valid-fraction", 0, *more)
        if not more:
            assert ran.code == 1
            assert "train00.wav: sample 16000" in ran.err
        if (output / "model.safetensors").is_file():
            with safe_open(output / "model.safetensors", "np") as weights:
                assert all(np.isfinite(weights.get_tensor(name)).all() for name in weights.keys())  # noqa: SIM118


def test_integers_saved_as_floats_are_named(earmark: Callable, trained: Path, data: Path) -> None:
    path = data / "audio" / "dev00.wav"
    samples, rate = soundfile.read(path)
    soundfile.write(path, np.rint(samples * 32_768), rate, subtype="FLOAT")
    for verb in ("tag", "detect"):
        ran = earmark(verb, data / "audio", "-m", trained, "--quiet")
        assert ran.code == 1
        assert "dev00.wav: sample" in ran.err
        assert "integers saved as floats? divide them by 32768" in ran.err
    assert "integers saved as floats" in earmark("doctor", data).out


def test_opposite_phase_is_heard_and_told(earmark: Callable, trained: Path, data: Path, tmp_path: Path) -> None:
    path = data / "audio" / "dev01.wav"
    samples, rate = soundfile.read(path)
    (tmp_path / "one").mkdir()
    soundfile.write(tmp_path / "one" / "a.wav", np.stack([samples, -samples], axis=1), rate, subtype="FLOAT")
    plain, wired = (earmark("detect", place, "-m", trained) for place in (path, tmp_path / "one" / "a.wav"))
    assert wired.code == 0
    assert wired.out.replace("a.wav", "dev01.wav") == plain.out
    assert "one of 2 channels used: they cancel each other out (opposite phase): 1 recording\n" in wired.err
    soundfile.write(path, np.stack([samples, -samples], axis=1), rate)
    out = earmark("doctor", data).out
    assert "digital silence" not in out
    assert "  phase       dev01.wav: its 2 channels cancel each other out; one of them is used\n" in out


@pytest.mark.parametrize("verb", ["tag", "detect"])
def test_a_name_that_is_no_utf8_goes_through_to_every_output(
    earmark: Callable, trained: Path, data: Path, tmp_path: Path, verb: str
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for number, extension in enumerate(("wav", "flac", "ogg", "mp3")):
        samples, rate = soundfile.read(data / "audio" / f"dev0{number}.wav")
        soundfile.write(tmp_path / "plain", samples, rate, format=extension.upper())
        (tmp_path / "plain").rename(folder / f"{ODD}.{extension}")
    names = {f"{ODD}.{extension}" for extension in ("wav", "flac", "ogg", "mp3")}
    forms = ["csv", "tsv", "json"] if verb == "tag" else ["csv", "tsv", "json", "audacity", "raven"]
    more = () if verb == "tag" else ("--scores", tmp_path / "scores")
    out = tmp_path / "out"
    ran = earmark(verb, folder, "-m", trained, "-o", out, *(word for form in forms for word in ("-f", form)), *more)
    assert ran.code == 0, ran.err
    for form in ("csv", "tsv", "json"):
        path = out / f"{'tags' if verb == 'tag' else 'events'}.{form}"
        assert set((read_tags if verb == "tag" else read_events)(path)) == names
    if verb == "detect":
        assert {path.stem for path in (tmp_path / "scores").iterdir()} == {f"{name}" for name in names}
        assert len(list(out.glob(f"{ODD}.wav*.txt"))) == 2


@pytest.mark.parametrize("form", ["csv", "tsv", "json"])
def test_a_name_that_is_no_utf8_on_stdout(twin: Path, data: Path, tmp_path: Path, form: str) -> None:
    shutil.copy(data / "audio" / "dev01.wav", tmp_path / f"{ODD}.wav")
    words = [*EARMARK, "detect", str(tmp_path / f"{ODD}.wav"), str(tmp_path / "gone\x1b[31m.wav"), "-m", str(twin)]
    ran = subprocess.run([*words[:5], *words[6:], "-f", form], capture_output=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert (b"caf\\udce9.wav" if form == "json" else b"caf\xe9.wav") in ran.stdout
    refused = subprocess.run(words, capture_output=True, check=False)
    assert refused.returncode == 2
    assert b"\x1b" not in refused.stderr
    assert b"gone\\x1b[31m.wav: no such file or folder" in refused.stderr


def test_names_that_are_no_utf8_through_tables(
    earmark: Callable, train: Callable, model: Path, data: Path, tmp_path: Path
) -> None:
    """Weak and strong tables with the byte as it is on disk: doctor, train, tune, evaluate, detect, score."""
    for name in ("weak.tsv", "strong.tsv"):
        table = (data / name).read_bytes().replace(b"dev01.wav", b"caf\xe9.wav")
        (data / name).write_bytes(table)
    (data / "audio" / "dev01.wav").rename(data / "audio" / f"{ODD}.wav")
    checked = earmark("doctor", data)
    assert (checked.code, "16 clips" in checked.out) == (0, True), checked.out
    assert train(data, tmp_path / "m", "--valid-fraction", 0.25).code == 0
    assert earmark("tune", model, data).code == 0
    judged = earmark("evaluate", model, data, "--json", tmp_path / "x.json")
    assert judged.code == 0, judged.err
    assert json.loads((tmp_path / "x.json").read_text(encoding="utf-8"))
    assert earmark("detect", data / "audio", "-m", model, "-o", tmp_path / "events.tsv", "-f", "tsv").code == 0
    scored = earmark("score", data / "strong.tsv", tmp_path / "events.tsv")
    assert scored.code == 0, scored.err


def test_labels_that_are_no_utf8_are_refused_with_their_row(earmark: Callable, data: Path) -> None:
    table = (data / "weak.tsv").read_bytes().replace(b"\tbeep", b"\tb\xe9ep", 1)
    (data / "weak.tsv").write_bytes(table)
    (data / "strong.tsv").unlink()
    ran = earmark("doctor", data)
    assert ran.code == 2
    assert "weak.tsv, line 2: not UTF-8 text; save the file as UTF-8" in ran.err


def test_pipes_devices_and_loops_never_hang(twin: Path, data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    shutil.copy(data / "audio" / "dev01.wav", folder / "good.wav")
    os.mkfifo(folder / "pipe.wav")
    (folder / "round.wav").symlink_to("round.wav")
    (folder / "up").symlink_to(folder)
    for verb in ("tag", "detect"):
        words = [*EARMARK, verb, str(folder), "-m", str(twin)]
        ran = subprocess.run(words, capture_output=True, text=True, timeout=300, check=False)
        assert ran.returncode == 0, ran.stderr
        assert len(list(csv.DictReader(io.StringIO(ran.stdout)))) >= 1
        assert f"{folder}: 2 files skipped (1 broken link, 1 pipe)\n" in ran.stderr
    odd = [str(folder / "pipe.wav"), str(folder / "round.wav"), "/dev/zero", str(folder / "good.wav")]
    words = [*EARMARK, "detect", *odd, "-m", str(twin)]
    ran = subprocess.run(words, capture_output=True, text=True, timeout=300, check=False)
    assert ran.returncode == 1
    assert ran.stderr.splitlines()[-4] == "recordings that could not be used: 3"
    for message in ("pipe.wav: is a pipe", "round.wav: cannot be read", "/dev/zero: is a device"):
        assert message in ran.stderr


def test_control_characters_reach_no_terminal(twin: Path, data: Path, tmp_path: Path) -> None:
    name = "red\x1b[31m\x07\x9b1m\u202egnp.wav"
    folder = tmp_path / "in"
    folder.mkdir()
    shutil.copy(data / "audio" / "dev01.wav", folder / name)
    (folder / "two\nlines.wav").write_bytes(b"")
    words = [*EARMARK, "detect", str(folder), "-m", str(twin)]
    ours, theirs = pty.openpty()
    with subprocess.Popen(words, stdout=theirs, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL) as run:
        assert run.stderr is not None
        err = run.stderr.read().decode()
        code = run.wait()
    os.close(theirs)
    shown = os.read(ours, 1 << 16).decode()
    os.close(ours)
    assert code == 1, err
    assert "red\\x1b[31m\\x07\\x9b1m\\u202egnp.wav,0." in shown
    assert not set(shown + err) & set("\x1b\x07\x9b\u202e")
    assert "two\\nlines.wav: is empty (0 bytes)\n" in err


def test_a_fault_of_ours_is_listed_with_its_type(
    earmark: Callable, trained: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from earmark.audio.sndfile import SndfileDecoder

    real = SndfileDecoder.blocks

    def blocks(self: SndfileDecoder) -> object:
        if "dev02" in self.info.name:
            raise RuntimeError("out of\nluck")
        return real(self)

    monkeypatch.setattr(SndfileDecoder, "blocks", blocks)
    ran = earmark("tag", data / "audio", "-m", trained, "-q", "-f", "json")
    assert ran.code == 1
    assert len(json.loads(ran.out)["recordings"]) == 15
    lines = ran.err.splitlines()
    assert lines[0] == "recordings that could not be used: 1"
    assert lines[1].endswith("dev02.wav: a fault of earmark (RuntimeError: out of luck); please report it")
    assert len(lines) == 2


def test_debug_shows_where_a_fault_of_ours_lies(twin: Path, data: Path) -> None:
    code = (
        "import sys\n"
        "from earmark.audio import sndfile\n"
        "def luckless(self): raise RuntimeError('out of luck')\n"
        "sndfile.SndfileDecoder.blocks = luckless\n"
        "from earmark.cli.app import run\n"
        "sys.exit(run(sys.argv[1:]))\n"
    )
    words = [sys.executable, "-c", code, "tag", str(data / "audio" / "dev01.wav"), "-m", str(twin)]
    plain = subprocess.run(words, capture_output=True, text=True, check=False)
    shown = subprocess.run([*words, "--debug"], capture_output=True, text=True, check=False)
    assert (plain.returncode, shown.returncode) == (2, 2)
    assert "Traceback" not in plain.stderr
    assert "in luckless" in shown.stderr


def test_a_damaged_background_is_left_out_of_soundscapes(earmark: Callable, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for place in ("sounds/bang", "beds"):
        (tmp_path / place).mkdir(parents=True)
    for number in range(3):
        soundfile.write(tmp_path / "sounds" / "bang" / f"{number}.wav", 0.2 * rng.standard_normal(4_000), 8_000)
        soundfile.write(tmp_path / "beds" / f"{number}.wav", 0.2 * rng.standard_normal(40_000), 8_000, subtype="FLOAT")
    damage(tmp_path / "beds" / "0.wav", 1e20)
    words = ("synth", tmp_path / "sounds", "-o", tmp_path / "set", "--backgrounds", tmp_path / "beds", "-n", 8)
    ran = earmark(*words, "--duration", 2, "--rate", 8_000)
    assert ran.code == 1, ran.err
    assert "0.wav: sample 20000" in ran.err
    assert "0.wav" not in {
        row["filename"]
        for row in csv.DictReader((tmp_path / "set" / "sources.tsv").open(), delimiter="\t")
        if row.get("event_label", "") == ""
    }
    for path in (tmp_path / "set" / "audio").iterdir():
        samples = soundfile.read(path)[0]
        assert np.abs(samples).max() < 60 * np.sqrt(np.mean(samples**2))
