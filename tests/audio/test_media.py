import builtins
import io
import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest
import soundfile

from earmark.audio import probe, read_audio, read_blocks
from earmark.errors import AudioError, MissingExtraError

av = pytest.importorskip("av", reason="PyAV (extra media) is not installed")


def encode(path, codec, wave, rate):
    """Write (samples, channels) by an FFmpeg encoder; skip where this build has none."""
    try:
        container = av.open(str(path), "w")
        stream = container.add_stream(codec, rate=rate)
    except (av.error.FFmpegError, ValueError) as error:
        pytest.skip(f"this PyAV has no encoder {codec}: {error}")
    layout = "stereo" if wave.shape[1] == 2 else "mono"
    stream.layout = layout
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(wave.T), format="fltp", layout=layout)
    frame.sample_rate = rate
    frame.pts = 0
    with container:
        plain = av.AudioResampler(format=stream.codec_context.format or "fltp", layout=layout, rate=rate)
        fifo = av.AudioFifo()
        for part in plain.resample(frame):
            fifo.write(part)
        size = stream.codec_context.frame_size or 1_024
        given = 0
        while (part := fifo.read(size, partial=True)) is not None:
            part.pts, part.time_base = given, Fraction(1, rate)
            given += part.samples
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    return path


CASES = [("m4a", "aac", 44_100), ("aac", "aac", 44_100), ("mp4", "aac", 32_000), ("webm", "libopus", 48_000)]


@pytest.mark.parametrize(("extension", "codec", "rate"), CASES)
@pytest.mark.parametrize("channels", [1, 2])
def test_a_planted_tone_is_found_where_it_was_put(tmp_path, tone, extension, codec, rate, channels):
    path = encode(tmp_path / f"a.{extension}", codec, tone(rate, channels=channels), rate)
    audio = read_audio(path, 32_000)
    assert (audio.info.rate, audio.info.channels) == (rate, channels)
    assert audio.duration == pytest.approx(2.0, abs=0.07)
    assert not audio.truncated
    level = np.abs(audio.samples)
    heard = np.flatnonzero(level > 0.2) / 32_000
    late = 1_024 / rate if extension == "aac" else 0.0  # a bare stream cannot tell of the encoder's run-in
    assert heard[0] - late == pytest.approx(0.5, abs=0.03)
    assert heard[-1] - late == pytest.approx(1.5, abs=0.03)
    assert level[24_000:40_000].max() == pytest.approx(0.5, abs=0.05)


def test_blocks_file_objects_and_wrong_names_give_the_same(tmp_path, tone):
    path = encode(tmp_path / "a.m4a", "aac", tone(44_100), 44_100)
    whole = read_audio(path, 32_000).samples
    np.testing.assert_array_equal(np.concatenate(list(read_blocks(path, 32_000, 0.013))), whole)
    np.testing.assert_array_equal(read_audio(io.BytesIO(path.read_bytes()), 32_000).samples, whole)
    assert read_audio(path.rename(tmp_path / "b.wav")).info.format == "mov aac"


def test_probe_tells_the_duration(tmp_path, tone):
    info = probe(encode(tmp_path / "a.webm", "libopus", tone(48_000), 48_000))
    assert info.duration == pytest.approx(2.0, abs=0.05)


def test_a_webm_cut_short_says_so(tmp_path):
    noise = 0.1 * np.random.default_rng(0).standard_normal((48_000 * 4, 1)).astype(np.float32)
    path = encode(tmp_path / "a.webm", "libopus", noise, 48_000)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    audio = read_audio(path)
    assert 1.0 < audio.duration < 3.5
    assert "cut short" in audio.problem


def test_an_m4a_cut_short_is_refused(tmp_path, tone):
    path = encode(tmp_path / "a.m4a", "aac", tone(44_100), 44_100)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(AudioError, match=r"a\.m4a: .*cut short"):
        read_audio(path)


def test_damage_in_the_middle_is_told(tmp_path):
    noise = 0.1 * np.random.default_rng(0).standard_normal((44_100 * 4, 1)).astype(np.float32)
    path = encode(tmp_path / "a.aac", "aac", noise, 44_100)
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 2_000] = bytes(2_000)
    path.write_bytes(data)
    audio = read_audio(path)
    assert "damaged" in audio.problem
    assert "only the first" in audio.problem


def test_a_missing_extra_is_named(tmp_path, tone, monkeypatch):
    path = encode(tmp_path / "a.m4a", "aac", tone(44_100), 44_100)
    real = builtins.__import__

    def without_av(name, *rest):
        if name == "av":
            raise ModuleNotFoundError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without_av)
    with pytest.raises(MissingExtraError, match=r'a\.m4a.*needs PyAV: pip install "earmark\[media\]"'):
        read_audio(path)


def test_more_than_eight_channels_are_read_from_memory_of_their_own(tmp_path):
    """A flipped bit makes one channel seventeen, which libsndfile refuses and PyAV reads; in a process of its own."""
    wave = np.zeros(3 * 16_000, np.float32)
    soundfile.write(tmp_path / "a.caf", wave, 16_000, subtype="PCM_16")
    data = bytearray((tmp_path / "a.caf").read_bytes())
    place = data.index(b"lpcm") + 12  # bytes a packet, frames a packet, then channels
    assert data[place : place + 8] == b"\x00\x00\x00\x01\x00\x00\x00\x01"
    data[place + 7] = 17
    (tmp_path / "a.caf").write_bytes(data)
    code = "import sys; from earmark.audio import read_audio; print(read_audio(sys.argv[1]).info.channels)"
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "a.caf")], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "17\n"), done.stderr
