"""Which audio file a name in a table means."""

import pytest

from earmark.data.manifest import read_manifest
from earmark.errors import DataError


def tags(manifest):
    return {clip.name: clip.labels for clip in manifest.clips}


@pytest.mark.parametrize(
    "name", ["a", "a.wav", "deep/a.wav", "/elsewhere/deep/a.mp3", r"D:\sounds\deep\a.wav", r"deep\a.wav"]
)
@pytest.mark.parametrize("place", ["audio/a.wav", "a.wav", "audio/deep/a.wav"])
def test_audio_is_found_beside_and_below(recordings, table, name, place):
    root = recordings(place)
    manifest = read_manifest(table("t.csv", "filename,label", f"{name},dog"))
    assert [clip.path for clip in manifest.clips] == [root / place]


@pytest.mark.parametrize(
    "name", ["SITE1/a.wav", "/data/SITE1/a.wav", r"SITE1\a.wav", r"C:\data\SITE1\a.wav", "SITE1/a"]
)
def test_a_recording_of_another_folder_is_not_taken(recordings, table, name):
    recordings("audio/SITE2/a.wav", "audio/SITE2/b.wav")
    manifest = read_manifest(table("t.csv", "filename,label", f"{name},dog", "SITE2/b.wav,cat"))
    assert tags(manifest) == {"SITE2/b.wav": ("cat",)}
    (problem,) = manifest.problems
    assert (problem.kind, problem.where.rpartition("/")[2]) == ("missing", "t.csv, line 2")
    assert "SITE2/a.wav lies in another folder" in problem.message


def test_audio_in_a_folder_of_its_own(recordings, table):
    root = recordings("sounds/a.wav", "a.wav")
    path = table("t.csv", "filename,label", "a.wav,dog")
    assert read_manifest(path, audio=root / "sounds").clips[0].path == root / "sounds" / "a.wav"
    with pytest.raises(DataError, match="sound: no such folder of audio"):
        read_manifest(path, audio=root / "sound")
