import os
import socket

import pytest

from earmark.audio import find_recordings, read_audio
from earmark.errors import AudioError, DataError


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
