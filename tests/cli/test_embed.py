"""`earmark embed`: what it prints and how it ends."""

from collections.abc import Callable
from pathlib import Path


def test_it_says_what_it_wrote(earmark: Callable, collection: Path, trained: Path, tmp_path: Path) -> None:
    ran = earmark("embed", collection / "dev" / "audio", "-o", tmp_path / "out", "-m", trained, "--per", "clip")
    assert (ran.code, ran.out) == (0, "")
    assert "wrote 16 vectors of 16 values for 16 recordings into" in ran.err
    again = earmark("embed", collection / "dev" / "audio", "-o", tmp_path / "out", "-m", trained, "--per", "clip")
    assert "nothing to do: 16 recordings done before" in again.err


def test_broken_recordings_are_listed(earmark: Callable, mixed: Path, trained: Path, tmp_path: Path) -> None:
    ran = earmark("embed", mixed, "-o", tmp_path / "out", "-m", trained, "-f", "parquet")
    assert ran.code == 1
    assert "text.wav: cannot be read as audio" in ran.err
    assert (tmp_path / "out" / "dev00.parquet").is_file()


def test_mistakes_are_one_line(earmark: Callable, collection: Path, trained: Path, tmp_path: Path) -> None:
    ran = earmark("embed", collection / "dev" / "audio", "-m", trained)
    assert (ran.code, ran.err) == (2, "earmark: embeddings are written into a folder: add -o FOLDER\n")
    ran = earmark("embed", collection / "dev" / "audio", "-o", tmp_path / "out", "--per", "frames")
    assert ran.code == 2
    (tmp_path / "empty").mkdir()
    ran = earmark("embed", tmp_path / "empty", "-o", tmp_path / "out", "-m", trained)
    assert ran.code == 2
    assert ran.err.count("\n") == 1
