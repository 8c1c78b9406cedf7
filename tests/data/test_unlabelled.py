from pathlib import Path

import pytest

from earmark.data.manifest import read_manifest
from earmark.data.unlabelled import read_unlabelled
from earmark.errors import DataError


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
