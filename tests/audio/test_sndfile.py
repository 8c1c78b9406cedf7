"""Whatever libsndfile raises is an error of the recording."""

import numpy as np
import pytest

from earmark.audio import read_audio
from earmark.audio.blocks import AudioBlocks
from earmark.errors import AudioError, FaultError

NOISE = 0.1 * np.random.default_rng(0).standard_normal(200_000).astype(np.float32)


def test_whatever_a_decoder_raises_is_an_error_of_its_recording(write, monkeypatch):
    path = write("a.wav", NOISE, 16_000)

    def broken(self):
        yield NOISE[:, None]
        raise IndexError("two\nlines")

    monkeypatch.setattr("earmark.audio.sndfile.SndfileDecoder.blocks", broken)
    with pytest.raises(FaultError, match=r"a\.wav: a fault of earmark \(IndexError: two lines\)") as caught:
        read_audio(path)
    assert isinstance(caught.value.__cause__, IndexError)

    def unplugged(self):
        raise OSError(5, "Input/output error")
        yield

    monkeypatch.setattr("earmark.audio.sndfile.SndfileDecoder.blocks", unplugged)
    with pytest.raises(AudioError, match=r"a\.wav: cannot be read \(Input/output error\)"):
        read_audio(path)


def test_an_impossible_file_object_is_an_error_of_its_recording():
    class Broken:
        name = "b.wav"

        def seekable(self):
            return True

        def seek(self, *where):
            raise KeyError("nothing")

    with pytest.raises(FaultError, match=r"b\.wav: a fault of earmark \(KeyError"):
        AudioBlocks(Broken())
