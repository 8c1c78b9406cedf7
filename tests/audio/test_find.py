import pytest

from earmark.audio import find_recordings
from earmark.errors import DataError


@pytest.fixture
def tree(tmp_path):
    for name in ("b.wav", "a.FLAC", "sub/c.ogg", "sub/deep/d.m4a", "notes.txt", ".hidden.wav", ".git/e.wav"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


def test_a_folder_is_searched_to_the_bottom_and_sorted(tree):
    found = find_recordings([tree])
    assert [recording.name for recording in found] == ["a.FLAC", "b.wav", "sub/c.ogg", "sub/deep/d.m4a"]
    assert all(recording.path.is_file() for recording in found)


def test_a_file_named_by_hand_is_taken_whatever_it_is_called(tree):
    assert [recording.name for recording in find_recordings([tree / "notes.txt"])] == ["notes.txt"]


def test_a_file_reached_twice_is_listed_once(tree):
    assert len(find_recordings([tree / "b.wav", tree, tree / "sub"])) == 4


def test_equal_names_become_paths(tree, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    (other / "b.wav").touch()
    names = [recording.name for recording in find_recordings([tree, other])]
    assert names[1] == (tree / "b.wav").as_posix()
    assert names[-1] == (other / "b.wav").as_posix()
    assert names[0] == "a.FLAC"


def test_links_that_lead_back_end(tree):
    (tree / "sub" / "loop").symlink_to(tree, target_is_directory=True)
    assert len(find_recordings([tree])) == 4


def test_missing_paths_and_empty_folders_are_refused(tree):
    with pytest.raises(DataError, match=r"gone: no such file or folder"):
        find_recordings([tree / "gone"])
    (tree / "empty").mkdir()
    with pytest.raises(DataError, match=r"empty: no recordings .*looked for \.wav \.flac"):
        find_recordings([tree, tree / "empty"])
