"""Folders are searched to the bottom, without going in circles."""

import os

import pytest

from earmark.audio import find_recordings, scan_folder
from earmark.errors import DataError


def test_a_folder_is_searched_to_the_bottom_and_sorted(tree):
    found = find_recordings([tree])
    assert [recording.name for recording in found] == ["a.FLAC", "b.wav", "sub/c.ogg", "sub/deep/d.m4a"]
    assert all(recording.path.is_file() for recording in found)


def test_links_that_lead_back_end(tree):
    (tree / "sub" / "loop").symlink_to(tree, target_is_directory=True)
    assert len(find_recordings([tree])) == 4


def test_only_regular_files_are_taken_from_a_folder(tree):
    os.mkfifo(tree / "pipe.wav")
    (tree / "gone.wav").symlink_to(tree / "nowhere.wav")
    (tree / "round.wav").symlink_to(tree / "round.wav")
    (tree / "folder.wav").mkdir()
    (tree / "linked.wav").symlink_to(tree / "b.wav")
    found = scan_folder(tree)
    assert [path.name for path in found.files] == ["a.FLAC", "b.wav", "linked.wav", "c.ogg", "d.m4a"]
    assert found.passed == {"pipe": 1, "broken link": 2, ".txt": 1}


def test_what_is_passed_over_in_a_folder_is_counted(tree):
    for name in ("x.jpg", "y.jpg", "README"):
        (tree / "sub" / name).touch()
    notices = []
    find_recordings([tree, tree / "b.wav"], notices.append)
    assert notices == [f"{tree}: 4 files skipped (2 .jpg, 1 .txt, 1 without an extension)"]
    (tree / "only").mkdir()
    (tree / "only" / "a.doc").touch()
    with pytest.raises(DataError, match=r"only: no recordings .*; 1 file skipped \(1 \.doc\)$"):
        find_recordings([tree / "only"])
