"""Whatever libsndfile raises is an error of the recording."""

import numpy as np
import pytest

from earmark.audio import read_audio, sndfile
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


@pytest.mark.parametrize("kind", ["flac", "mp3", "ogg", "wav"])
def test_damage_costs_what_it_costs_in_small_steps(write, monkeypatch, kind):
    """Files are read in large steps; where one raises, in small ones from there."""
    path = write(f"a.{kind}", NOISE, 16_000)
    whole = path.read_bytes()
    random = np.random.default_rng(0)
    raised = 0
    for _ in range(25):
        spoilt = bytearray(whole)
        for at in random.integers(200, len(whole), random.integers(1, 3)):
            spoilt[at : at + 60] = random.bytes(len(spoilt[at : at + 60]))
        path.write_bytes(spoilt)
        found = []
        for block in (65_536, sndfile.STEP):  # blocks as small as steps: never more is asked for
            with monkeypatch.context() as patch:
                patch.setattr(sndfile, "BLOCK", block)
                try:
                    audio = read_audio(path)
                except AudioError as error:
                    found.append((str(error), None))
                else:
                    found.append((audio.problem, audio.samples.tolist()))
        assert found[0] == found[1]
        raised += found[0][0] is not None
    assert raised >= {"flac": 10, "mp3": 1}.get(kind, 0)
