from collections.abc import Callable
from pathlib import Path

import pytest

from earmark.data.manifest import read_manifest
from earmark.data.reading import Wanted, read_parts, read_unlabelled
from earmark.errors import DataError

Recordings = Callable[..., Path]
Tables = Callable[..., Path]
NAMES = [f"{n}.wav" for n in range(8)]


@pytest.fixture
def folder(recordings: Recordings) -> Path:
    return recordings(*NAMES)


def test_a_share_is_set_aside_and_follows_from_the_seed(folder: Path, table: Tables) -> None:
    data = table("weak.tsv", "filename|event_labels", *(f"{name}|{'ab'[n % 2]}" for n, name in enumerate(NAMES)))
    parts = [read_parts(data, None, Wanted(fraction=0.25), seed) for seed in (0, 0, 1)]
    names = [[clip.name for clip in valid.clips] for _, valid, _ in parts if valid]
    assert [len(name) for name in names] == [2, 2, 2]
    assert names[0] == names[1]
    assert any(
        names[0] != [c.name for c in read_parts(data, None, Wanted(fraction=0.25), s)[1].clips] for s in range(5)
    )
    train = parts[0][0]
    assert {clip.name for clip in train.clips} | set(names[0]) == set(NAMES)


def test_nothing_is_set_aside_where_nothing_is_wanted(folder: Path, table: Tables) -> None:
    data = table("weak.tsv", "filename|event_labels", *(f"{name}|a" for name in NAMES))
    train, valid, problems = read_parts(data, None, Wanted(fraction=0), 0)
    assert (len(train), valid, problems) == (8, None, ())


def test_a_table_of_its_own_validates_by_the_training_labels(folder: Path, table: Tables) -> None:
    data = table("weak.tsv", "filename|event_labels", *(f"{name}|a" for name in NAMES[:6]), "gone.wav|a")
    other = table("more.tsv", "filename|event_labels", "6.wav|a", "7.wav|b")
    train, valid, problems = read_parts(data, None, Wanted(other), 0)
    assert valid is not None
    assert (len(train), len(valid), valid.labels) == (
        6,
        1,
        train.labels,
    )  # a clip with unknown labels alone is left out
    assert [problem.where for problem in problems] == [f"{data}, line 8", "b", "7.wav"]


def test_the_audio_of_either_may_lie_elsewhere(folder: Path, table: Tables, tmp_path: Path) -> None:
    data = table("t/weak.tsv", "filename|event_labels", *(f"{name}|a" for name in NAMES[:6]))
    other = table("v/weak.tsv", "filename|event_labels", "6.wav|a", "7.wav|a")
    train, valid, _ = read_parts(data, folder, Wanted(other, folder), 0)
    assert (len(train), len(valid or ())) == (6, 2)


def test_the_split_column_decides_without_being_asked(folder: Path, table: Tables) -> None:
    rows = (f"{name}|a|{'valid' if n > 5 else 'train'}" for n, name in enumerate(NAMES))
    train, valid, problems = read_parts(table("weak.tsv", "filename|event_labels|split", *rows), None, Wanted(), 0)
    assert ([clip.name for clip in (valid or train).clips], problems) == (["6.wav", "7.wav"], ())


def test_labels_that_only_validate_are_left_out_and_told(folder: Path, table: Tables) -> None:
    rows = (f"{name}|{'b,a' if n > 5 else 'a'}|{n // 6}" for n, name in enumerate(NAMES))
    data = table("weak.tsv", "filename|event_labels|fold", *rows)
    train, valid, problems = read_parts(data, None, Wanted(fold="1"), 0)
    assert valid is not None
    assert train.labels.names == valid.labels.names == ("a",)
    assert [clip.labels for clip in valid.clips] == [("a",), ("a",)]
    assert [str(problem) for problem in problems] == ["b: no training clip has it; left out of 2 validation clips"]


def test_a_training_part_without_labels_is_refused(folder: Path, table: Tables) -> None:
    rows = (f"{name}|{'a' if n > 5 else ''}|{n // 6}" for n, name in enumerate(NAMES))
    data = table("weak.tsv", "filename|event_labels|fold", *rows)
    with pytest.raises(DataError, match=r"weak\.tsv: none of the 6 training clips has a label"):
        read_parts(data, None, Wanted(fold="1"), 0)


def test_two_ways_to_validate_exclude_each_other(folder: Path, table: Tables) -> None:
    data = table("weak.tsv", "filename|event_labels", *(f"{name}|a" for name in NAMES))
    with pytest.raises(DataError, match="exclude each other"):
        read_parts(data, None, Wanted(data, fold="1"), 0)


def test_labelled_clips_are_not_taken_a_second_time(collection: Path) -> None:
    train = read_manifest(collection / "train")
    found = read_unlabelled(collection, [train])
    assert sorted(clip.name for clip in found.clips) == [f"dev/audio/dev{n:02d}.wav" for n in range(16)]
    assert not any(clip.labels for clip in found.clips)
    with pytest.raises(DataError, match="all of its 32 recordings are among the labelled clips"):
        read_unlabelled(collection / "train", [train])


def test_a_list_names_a_path_a_line(collection: Path, tmp_path: Path) -> None:
    path = tmp_path / "more.txt"
    path.write_text(f"{collection}/dev/audio/dev03.wav\n\nnowhere.wav\n")
    found = read_unlabelled(path, [])
    assert [clip.name for clip in found.clips] == ["dev03.wav"]
    assert [str(problem) for problem in found.problems] == [
        f"{path}, line 3: nowhere.wav does not exist; it is left out"
    ]
    path.write_text("nowhere.wav")
    with pytest.raises(DataError, match=r"more.txt, line 1: nowhere.wav does not exist"):
        read_unlabelled(path, [])
    path.write_text("\n")
    with pytest.raises(DataError, match=r"names no recordings; expected one path per line"):
        read_unlabelled(path, [])
