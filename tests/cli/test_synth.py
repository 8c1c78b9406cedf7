from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile


@pytest.fixture(scope="module")
def isolated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three labels of three recordings each and a table of them; `hiss` may lie under the others."""
    folder = tmp_path_factory.mktemp("isolated")
    rng = np.random.default_rng(0)
    rows = ["filename,label,fold,licence"]
    for label in ("bang", "buzz", "hiss"):
        for number in range(3):
            wave = 0.2 * rng.standard_normal(4_000)
            soundfile.write(folder / f"{label}{number}.wav", np.concatenate([np.zeros(1_000), wave]), 8_000)
            rows.append(f"{label}{number}.wav,{label},{number + 1},CC0-1.0")
    (folder / "clips.csv").write_text("\n".join(rows) + "\n")
    return folder


SMALL = ("--duration", 2, "--rate", 8_000)


def test_soundscapes_are_made_told_and_added_to(earmark: Callable, isolated: Path, tmp_path: Path) -> None:
    words = ("synth", isolated / "clips.csv", "-o", tmp_path / "set", "--background-label", "hiss", *SMALL)
    words = (*words, "--fold", "1-2", "--events", 1, 1, "--snr", -5, 20, "--polyphony", 1, "--long-tail", 3)
    ran = earmark(*words, "--clips", 6)
    assert ran.code == 0
    assert ran.err == f"4 recordings of 2 labels over 2 backgrounds\n6 soundscapes: {tmp_path / 'set'}\n"
    lines = [line.split() for line in ran.out.splitlines()]
    assert lines[0] == ["label", "soundscapes", "events", "seconds", "recordings"]
    assert [line[0] for line in lines[1:]] == ["bang", "buzz"]
    names = {path.name for path in (tmp_path / "set").iterdir()}
    tables = {"weak.tsv", "strong.tsv", "durations.tsv", "sources.tsv"}
    assert names == tables | {"audio", "parts", "synth.json"}
    told = (tmp_path / "set" / "sources.tsv").read_text()
    assert not any(f"{label}2.wav" in told for label in ("bang", "buzz", "hiss"))  # fold 3
    again = earmark(*words, "--clips", 8)
    assert again.err.splitlines()[-1] == f"8 soundscapes, 6 of them already there: {tmp_path / 'set'}"
    assert earmark(*words, "--clips", 8, "--quiet").err == ""
    healthy = earmark("doctor", tmp_path / "set")
    assert (healthy.code, healthy.out.splitlines()[-1]) == (0, "no problems found")


def test_without_backgrounds_noise_is_made_and_said(earmark: Callable, isolated: Path, tmp_path: Path) -> None:
    ran = earmark("synth", isolated / "clips.csv", "-o", tmp_path / "set", "-n", 2, "-f", "flac", *SMALL)
    assert (ran.code, ran.err.splitlines()[0]) == (
        0,
        "9 recordings of 3 labels over synthetic noise, because no backgrounds were given",
    )
    assert len(list((tmp_path / "set" / "audio").glob("*.flac"))) == 2


def test_sounds_for_which_there_is_no_room_are_counted(earmark: Callable, isolated: Path, tmp_path: Path) -> None:
    words = ("--events", 4, 4, "--polyphony", 1, "--duration", 1, "--rate", 8_000)
    ran = earmark("synth", isolated / "clips.csv", "-o", tmp_path / "set", "-n", 2, *words)
    assert ran.code == 0
    assert "did not fit and were left out" in ran.err


def test_broken_recordings_are_listed_and_the_rest_is_made(
    earmark: Callable, isolated: Path, mixed: Path, tmp_path: Path
) -> None:
    words = ("--backgrounds", mixed, *SMALL, "-q")
    ran = earmark("synth", isolated / "clips.csv", "-o", tmp_path / "set", "-n", 6, *words)
    assert ran.code == 1
    assert ran.err.startswith("recordings left out: 5\n")
    assert f"  {mixed.name}/text.wav: cannot be read as audio" in ran.err
    assert len((tmp_path / "set" / "weak.tsv").read_text().splitlines()) == 7


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--snr", "20", "0"], "soundscapes: snr: 20 to 0 is decreasing; are the two bounds swapped?"),
        (["--fold", "9"], "{data}: no recording is in fold 9; its folds are 1, 2, 3"),
        (["--where", "licence=MIT"], "{data}: no recording matches licence=MIT; there is CC0-1.0"),
        (["--background-label", "his"], "no recording is labelled 'his' (did you mean 'hiss'?)"),
        (["--backgrounds", "nowhere"], "nowhere: no such file or folder"),
        (["--background-fold", "1"], "--background-fold and --background-where need --backgrounds"),
        (["--longest", "0"], "soundscapes: longest: Input should be greater than 0"),
        (["--format", "mp3"], "Invalid value for '--format'"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_made(
    earmark: Callable, isolated: Path, tmp_path: Path, words: list[str], message: str
) -> None:
    table = isolated / "clips.csv"
    ran = earmark("synth", table, "-o", tmp_path / "set", *words)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(f"earmark: {message.format(data=table)}")
    assert ran.err.count("\n") == 1
    assert not (tmp_path / "set").exists()


def test_a_folder_without_recordings_or_of_other_soundscapes_is_refused(
    earmark: Callable, isolated: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    ran = earmark("synth", tmp_path / "empty", "-o", tmp_path / "set")
    assert (ran.code, ran.err.startswith(f"earmark: {tmp_path / 'empty'}: no recordings")) == (2, True)
    words = ("synth", isolated / "clips.csv", "-o", tmp_path / "set", "-n", 1, *SMALL)
    assert earmark(*words).code == 0
    ran = earmark(*words, "--seed", 1)
    assert ran.code == 2
    told = f"{tmp_path / 'set'} contains other soundscapes (seed 0 there, 1 here); choose another place or delete it"
    assert ran.err.splitlines()[-1] == f"earmark: {told}"
