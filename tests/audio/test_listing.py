"""Which recordings a run is about, found while it goes."""

import os
import sys
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.audio import find_recordings
from earmark.audio.listing import Listing, Shard
from earmark.errors import DataError
from tests.audio.folders import listed, touch


def expected(*inputs: Path) -> list[tuple[str, str]]:
    return [(each.name, str(each.path)) for each in find_recordings(inputs)]


NAMES = ("a/x.wav", "a.wav", "a/b/y.flac", "c/.h/z.wav", "b/q.mp3", "c/t.txt", "c/k.WAV", "a-b/1.wav", "a b/2.wav")


def test_the_order_and_the_names_are_those_of_find_recordings(tmp_path: Path) -> None:
    touch(tmp_path, *NAMES)
    os.symlink(tmp_path / "a", tmp_path / "zz")
    os.symlink(tmp_path / "c" / "k.WAV", tmp_path / "aa.wav")
    os.symlink(tmp_path / "a" / "x.wav", tmp_path / "z.wav")
    os.symlink(tmp_path, tmp_path / "b" / "up")
    for inputs in (
        [tmp_path],
        [tmp_path / "a", tmp_path / "b"],
        [tmp_path / "a", tmp_path / "a" / "x.wav"],
        [tmp_path / "c", tmp_path / "a", tmp_path / "a-b" / "1.wav"],
        [tmp_path / "a.wav"],
        [tmp_path / "a b", tmp_path],
    ):
        assert listed(*inputs) == expected(*inputs)
    assert [name for name, _ in listed(tmp_path)] == [
        *("a/b/y.flac", "a/x.wav", "a b/2.wav", "a-b/1.wav", "a.wav", "aa.wav", "b/q.mp3"),
    ]


@given(st.lists(st.from_regex(r"([ab.\-]{1,2}/){0,2}[ab\-]{1,3}\.(wav|txt)", fullmatch=True), min_size=1, max_size=12))
@settings(max_examples=30, deadline=None)
def test_any_tree_is_listed_as_find_recordings_does(tmp_path_factory: pytest.TempPathFactory, names: list[str]) -> None:
    folder = tmp_path_factory.mktemp("tree")
    for name in names:
        parts = name.split("/")
        if any(part in (".", "..", "-.") or part.endswith(".") for part in parts[:-1]):
            continue
        touch(folder, name)
    touch(folder, "one.wav")
    assert listed(folder) == expected(folder)


def test_the_first_is_known_before_the_last_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read_end, write_end = os.pipe()
    with os.fdopen(read_end) as theirs, os.fdopen(write_end, "w") as ours:
        monkeypatch.setattr(sys, "stdin", theirs)
        listing = Listing([], ["-"])
        ours.write("a.wav\n")
        ours.flush()
        entries = iter(listing)
        assert next(entries).name == "a.wav"
        assert listing.total is None
        ours.write("b.wav\n")
        ours.close()
        assert [entry.name for entry in entries] == ["b.wav"]
        assert listing.total == 2


def test_memory_is_at_most_100_bytes_for_each_pending_file(tmp_path: Path) -> None:
    names = [f"station-{number // 1000:05d}/2026-06-01T{number:06d}.wav" for number in range(50_000)]
    (tmp_path / "list.txt").write_text("\n".join(names))
    del names
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    listing = Listing([], [str(tmp_path / "list.txt")])
    listing.wait()
    assert (tracemalloc.get_traced_memory()[0] - before) / 50_000 < 100
    tracemalloc.stop()
    assert listing.total == 50_000


def test_shards_share_out_the_whole(tmp_path: Path) -> None:
    touch(tmp_path, *(f"{number % 7}/{number}.wav" for number in range(200)))
    parts = [list(Listing([tmp_path], shard=Shard(number, 4))) for number in (1, 2, 3, 4)]
    assert sorted(entry for part in parts for entry in part) == list(Listing([tmp_path]))
    assert min(map(len, parts)) > 25


def test_missing_and_empty_inputs(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="none: no such file or folder"):
        Listing([tmp_path / "none"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no recordings in this folder"):
        Listing([tmp_path / "empty"]).check()
