"""`earmark merge`: parts of an archive put together."""

from collections.abc import Callable
from pathlib import Path


def test_shards_together_are_the_whole(earmark: Callable, trained: Path, collection: Path, tmp_path: Path) -> None:
    words = ("detect", collection / "dev" / "audio", "-m", trained)
    for number in (1, 2):
        assert earmark(*words, "--shard", f"{number}/2", "-o", tmp_path / f"part{number}").code == 0
    assert earmark(*words, "-o", tmp_path / "whole").code == 0
    ran = earmark("merge", tmp_path / "part1", tmp_path / "part2", "-o", tmp_path / "merged")
    assert ran.code == 0, ran.err
    assert "in 16 recordings" in ran.err
    assert (tmp_path / "merged" / "events.csv").read_bytes() == (tmp_path / "whole" / "events.csv").read_bytes()


def test_a_missing_part_is_refused(earmark: Callable, trained: Path, collection: Path, tmp_path: Path) -> None:
    words = ("tag", collection / "dev" / "audio" / "dev00.wav", "-m", trained)
    assert earmark(*words, "--shard", "1/2", "-o", tmp_path / "part1").code in (0, 2)
    ran = earmark("merge", tmp_path / "part1", "-o", tmp_path / "merged")
    assert ran.code == 2
    assert len(ran.err.splitlines()) == 1
