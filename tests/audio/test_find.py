import os
import socket
import sys
from pathlib import Path

import pytest

from earmark.audio import find_recordings, read_audio, scan_folder
from earmark.audio.find import read_list
from earmark.audio.listing import Listing
from earmark.errors import AudioError, ConfigError, DataError
from tests.audio.folders import listed, touch


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


def test_missing_paths_and_empty_folders_are_refused(tree):
    with pytest.raises(DataError, match=r"gone: no such file or folder"):
        find_recordings([tree / "gone"])
    (tree / "empty").mkdir()
    with pytest.raises(DataError, match=r"empty: no recordings .*looked for \.wav \.flac"):
        find_recordings([tree, tree / "empty"])


@pytest.mark.parametrize("name", ["a.WAVE", "a.bwf", "a.mp2", "a.avi", "a.wv", "a.m4b", "a.mka", "a.bw64"])
def test_readable_names_are_found(tmp_path, name):
    (tmp_path / name).touch()
    assert [recording.name for recording in find_recordings([tmp_path])] == [name]


def test_loops_and_pipes_given_by_name_are_left_to_the_reader(tmp_path):
    (tmp_path / "round.wav").symlink_to(tmp_path / "round.wav")
    os.mkfifo(tmp_path / "pipe.wav")
    found = find_recordings([tmp_path / "round.wav", tmp_path / "pipe.wav"])
    for recording, message in zip(found, ("cannot be read", "is a pipe, expected an audio file"), strict=True):
        with pytest.raises(AudioError, match=message):
            read_audio(recording.path)


def test_a_device_or_a_socket_is_refused_and_never_waited_for(tmp_path):
    with pytest.raises(AudioError, match=r"/dev/zero: is a device"):
        read_audio("/dev/zero")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.fspath(tmp_path / "s.wav"))
        with pytest.raises(AudioError, match=r"s\.wav: is a socket"):
            read_audio(tmp_path / "s.wav")


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


def test_a_list_is_read_as_lines_or_as_a_column(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "a.wav", "b, c.wav")
    monkeypatch.chdir(tmp_path)
    Path("list.txt").write_text("a.wav\r\nb, c.wav\n\na.wav\n")
    Path("list.csv").write_text('label,filename,sound\ndog,a.wav,x.wav\ncat,"b, c.wav",y.wav\n')
    assert listed(lists=["list.txt"]) == [("a.wav", "a.wav"), ("b, c.wav", "b, c.wav")]
    assert [name for name, _ in listed(lists=["list.csv"])] == ["a.wav", "b, c.wav"]
    assert list(read_list("list.csv:sound")) == ["x.wav", "y.wav"]
    with pytest.raises(DataError, match=r"list.csv: no column 'path' among label, filename, sound"):
        list(read_list("list.csv:path"))
    with pytest.raises(DataError, match=r"cannot read none.txt: No such file"):
        listed(lists=["none.txt"])
    Path("empty.txt").write_text("\n")
    with pytest.raises(DataError, match=r"empty.txt: lists no recordings"):
        listed(lists=["empty.txt"])
    with pytest.raises(ConfigError, match="nothing to read"):
        Listing([])


def test_standard_input_can_be_the_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    monkeypatch.setattr(sys, "stdin", io.StringIO("x/a.wav\ny/a.wav\n"))
    assert [name for name, _ in listed(lists=["-"])] == ["x/a.wav", "y/a.wav"]
