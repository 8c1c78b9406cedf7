import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile


def test_a_clean_collection_is_healthy(earmark: Callable, collection: Path) -> None:
    ran = earmark("doctor", collection / "train")
    assert (ran.code, ran.err) == (0, "")
    lines = ran.out.splitlines()
    assert lines[0].startswith("32 clips, 64 s of sound, 4 labels, ")
    assert lines[1] == "      32  WAV PCM_16, 16000 Hz, 1 channel"
    assert lines[2].split() == ["label", "clips", "seconds", "seconds", "of", "events"]
    assert lines[-1] == "no problems found"


def test_every_planted_fault_is_named(earmark: Callable, collection: Path, mixed: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(collection / "train", data)
    for path in mixed.iterdir():
        shutil.copy(path, data / "audio")
    shutil.copy(data / "audio" / "train00.wav", data / "audio" / "twin.wav")
    soundfile.write(data / "audio" / "silent.wav", np.zeros(16_000), 16_000)
    table = data / "weak.tsv"
    rows = [line + "\tx" for line in table.read_text().splitlines()[1:]]
    faulty = ("nought.wav", "none.wav", "short.wav", "nan.wav", "half.mp3", "text.wav", "twin.wav", "silent.wav")
    rows += [f"{name}\tbeep\tx" for name in (*faulty, "gone.wav")] + ["dev00.wav\tBeep \tx"]
    table.write_text("filename\tevent_labels\tonsett\n" + "\n".join(rows) + "\n")
    ran = earmark("doctor", data)
    assert (ran.code, ran.err) == (1, "")
    told = [line.strip() for line in ran.out.splitlines()]
    for kind, words in (
        ("missing", "gone.wav does not exist"),
        ("unreadable", "nought.wav: is empty (0 bytes)"),
        ("unreadable", "none.wav: contains no samples"),
        ("unreadable", "nan.wav: sample 500"),
        ("unreadable", "it is a text file, not audio"),
        ("short", "short.wav: lasts 10 ms"),
        ("truncated", "half.mp3: cut short"),
        ("duplicate", "twin.wav: sounds exactly like train00.wav"),
        ("silent", "silent.wav: contains digital silence, but is labelled beep"),
        ("label", "is this one label in several spellings? 'Beep ' (1 clip) and 'beep'"),
        ("column", "column 'onsett' is not used; did you mean 'onset'?"),
    ):
        assert [line for line in told if line.startswith(kind) and words in line], (kind, words, ran.out)
    assert "to be mended: 11" in told


def test_names_in_brackets_are_shown_as_they_are(earmark: Callable, tmp_path: Path) -> None:
    for label in ("[bold]", "b"):
        (tmp_path / label).mkdir()
        noise = np.random.default_rng(len(label)).uniform(-0.1, 0.1, 16_000)
        soundfile.write(tmp_path / label / "x.wav", noise, 16_000)
    assert "\n[bold]" in earmark("doctor", tmp_path).out


def test_the_training_engine_is_not_needed(earmark: Callable, collection: Path, monkeypatch: object) -> None:
    import subprocess
    import sys

    code = (
        "import sys; sys.modules['lightning'] = None; from earmark.cli.app import run;"
        f"sys.exit(run(['doctor', {str(collection / 'dev')!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
