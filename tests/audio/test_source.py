"""What is not a recording is refused, with a guess."""

import io

import pytest

from earmark.audio import read_audio
from earmark.errors import AudioError


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"bad\.wav: is empty"),
        (b"filename\tlabel\n" * 9, r"bad\.wav: .* it is a text file"),
        (b"<!DOCTYPE html><html>404</html>", "it is a web page; did a download fail"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "git lfs pull"),
        (bytes(2_000), "holds only zero bytes"),
        (bytes(range(256)) * 9, "its content is not wav"),
    ],
)
def test_what_is_no_audio_is_refused_with_a_guess(tmp_path, content, message):
    path = tmp_path / "bad.wav"
    path.write_bytes(content)
    with pytest.raises(AudioError, match=message) as caught:
        read_audio(path)
    assert "\n" not in str(caught.value)


def test_missing_files_folders_and_text_handles_are_refused(tmp_path):
    with pytest.raises(AudioError, match=r"gone\.wav: no such file"):
        read_audio(tmp_path / "gone.wav")
    with pytest.raises(AudioError, match="is a folder"):
        read_audio(tmp_path)
    with pytest.raises(AudioError, match="open in text mode"):
        read_audio(io.StringIO("abc"))
