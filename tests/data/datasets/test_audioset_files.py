"""Which file holds a segment of AudioSet."""

import shutil

import pytest

from earmark.data.manifest import read_manifest
from earmark.errors import DataError
from tests.data.datasets.segments import HEADER, ROWS, messages, tags


@pytest.mark.parametrize(
    "name",
    ["{}.wav", "Y{}.wav", "{}_30_40.wav", "{}_30.500_40.500.mp3", "Y{}_31.wav", "{}_30500_40500.wav", "{}_30500.flac"],
)
@pytest.mark.parametrize("place", ["", "audio/", "eval_segments/deep/"])
def test_audio_may_be_named_in_many_ways_and_lie_anywhere(recordings, table, tmp_path, name, place):
    table("eval_segments.csv", *HEADER, *ROWS)
    recordings("a.wav")
    path = tmp_path / (place + name.format("-0BIyqJj9ZU"))
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(tmp_path / "a.wav", path)
    manifest = read_manifest(tmp_path)
    assert [clip.path for clip in manifest.clips] == [path]


@pytest.mark.parametrize(
    "name", ["-0BIyqJj9ZU_90_100.wav", "0BIyqJj9ZU.wav", "-0BIyqJj9ZU-part.wav", "Y-0BIyqJj9ZUx.wav"]
)
def test_another_piece_or_another_video_is_not_taken_for_it(recordings, table, name):
    table("eval_segments.csv", *HEADER, *ROWS)
    with pytest.raises(DataError, match=r"none of its 4 clips is there \(looked in .* for Y--4gqARaEJE\.wav .*--audio"):
        read_manifest(recordings(name))


def test_two_files_for_a_clip_are_a_doubt_unless_a_folder_says_which(recordings, folder):
    recordings("other/-0BIyqJj9ZU.wav")
    manifest = read_manifest(folder)
    assert "-0BIyqJj9ZU" not in tags(manifest)
    assert "line 5: -0BIyqJj9ZU_30.500 fits several files" in messages(manifest)[0]
    recordings("eval/-0BIyqJj9ZU_30.5.wav")
    assert read_manifest(folder).clips[1].path == folder / "eval" / "-0BIyqJj9ZU_30.5.wav"


def test_one_file_for_two_pieces_of_a_video_is_used_once(folder, table):
    table("eval_segments.csv", *ROWS, '--4gqARaEJE, 60.000, 70.000, "/m/03l9g"')
    manifest = read_manifest(folder)
    assert len(manifest) == 4
    assert "--4gqARaEJE_60.000 is the file Y--4gqARaEJE.wav, as is" in messages(manifest)[0]
