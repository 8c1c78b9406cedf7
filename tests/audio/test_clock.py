"""Sound on the clock of its file: late starts, gaps, pictures that last longer; names and tags that mislead."""

import http.server
import io
import os
import threading
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import soundfile

from earmark.audio import probe, read_audio
from earmark.errors import AudioError

av = pytest.importorskip("av", reason="PyAV (extra media) is not installed")

RATE = 48_000
SIZE = 960
CODECS = {"mkv": "pcm_s16le", "mov": "pcm_s16le", "webm": "libopus", "mp4": "aac", "avi": "pcm_s16le", "ts": "mp2"}


def tone(seconds: float) -> np.ndarray:
    return (0.4 * np.sin(2 * np.pi * 1_000 * np.arange(round(seconds * RATE)) / RATE)).astype(np.float32)


def record(
    path: Path,
    pieces: Sequence[tuple[float, np.ndarray]],
    picture: float = 0.0,
    metadata: dict[str, str] | None = None,
    codec: str | None = None,
) -> Path:
    """Write waves, each from its second on, and a grey picture of so many seconds."""
    forms = {".ts": "mpegts"}
    with av.open(str(path), "w", format=forms.get(path.suffix)) as container:
        container.metadata.update(metadata or {})
        video = container.add_stream("mpeg4", rate=25) if picture else None
        if video is not None:
            video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        stream = container.add_stream(codec or CODECS[path.suffix[1:]], rate=RATE)
        stream.layout = "mono"
        plain = av.AudioResampler(format=stream.codec_context.format.name, layout="mono", rate=RATE)
        size = stream.codec_context.frame_size or SIZE
        packets = []
        for number in range(round(picture * 25)):
            frame = av.VideoFrame.from_ndarray(np.full((72, 64), 128, np.uint8), format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            packets += video.encode(frame)
        packets += video.encode(None) if video is not None else []
        for begins, wave in pieces:
            for first in range(0, len(wave), size):
                part = wave[first : first + size]
                frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(part[None]), format="fltp", layout="mono")
                frame.sample_rate = RATE
                frame.pts, frame.time_base = round(begins * RATE) + first, Fraction(1, RATE)
                for same in plain.resample(frame):
                    same.pts, same.time_base = frame.pts, Fraction(1, RATE)
                    packets += stream.encode(same)
        packets += stream.encode(None)
        for packet in sorted(packets, key=lambda p: float((p.dts or 0) * p.time_base)):
            container.mux(packet)
    return path


def spans(samples: np.ndarray) -> list[tuple[float, float]]:
    """Where sound is, in seconds, to 10 ms."""
    hop = RATE // 100
    loud = (np.abs(samples[: len(samples) // hop * hop]).reshape(-1, hop).max(axis=1) > 0.2).astype(int)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], loud, [0]])))
    return [(float(a) / 100, float(b) / 100) for a, b in edges.reshape(-1, 2)]


def near(found: list[tuple[float, float]], expected: list[tuple[float, float]]) -> None:
    assert len(found) == len(expected), found
    for one, other in zip(found, expected, strict=True):
        assert one == pytest.approx(other, abs=0.06)


@pytest.mark.parametrize("extension", ["mkv", "mov", "webm", "mp4"])
def test_sound_that_starts_late_lies_where_the_file_says(tmp_path: Path, extension: str) -> None:
    audio = read_audio(record(tmp_path / f"late.{extension}", [(1.5, tone(2.0))]))
    near(spans(audio.samples), [(1.5, 3.5)])
    assert not audio.samples[: round(1.4 * RATE)].any()
    assert audio.problem is None


@pytest.mark.parametrize("extension", ["mkv", "mp4", "webm"])
@pytest.mark.parametrize("picture", [0.0, 6.0])
def test_a_gap_in_the_sound_is_kept(tmp_path: Path, extension: str, picture: float) -> None:
    if extension == "webm" and picture:
        pytest.skip("no picture of ours fits into webm")
    audio = read_audio(record(tmp_path / f"gap.{extension}", [(0.0, tone(1.0)), (3.0, tone(1.0))], picture))
    near(spans(audio.samples), [(0.0, 1.0), (3.0, 4.0)])
    assert audio.problem is None


def test_a_broadcast_clock_begins_with_the_recording(tmp_path: Path) -> None:
    """MPEG-TS counts from any number: what counts is when the first track begins."""
    audio = read_audio(record(tmp_path / "a.ts", [(1.0, tone(2.0))], picture=4.0))
    near(spans(audio.samples), [(1.0, 3.0)])
    alone = read_audio(record(tmp_path / "b.ts", [(500.0, tone(2.0))]))
    near(spans(alone.samples), [(0.0, 2.0)])


@pytest.mark.parametrize("extension", ["mkv", "mp4", "mov", "avi"])
def test_the_length_of_the_sound_counts_and_not_that_of_the_picture(tmp_path: Path, extension: str) -> None:
    audio = read_audio(record(tmp_path / f"a.{extension}", [(0.0, tone(2.0))], picture=4.0))
    assert audio.problem is None
    assert audio.duration == pytest.approx(2.0, abs=0.06)
    assert probe(tmp_path / f"a.{extension}").channels == 1


def test_a_video_that_is_cut_short_is_told(tmp_path: Path) -> None:
    path = record(tmp_path / "a.mkv", [(0.0, tone(6.0))], picture=6.0)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    audio = read_audio(path)
    assert audio.problem is not None
    assert "cut short" in audio.problem
    assert 1.5 < audio.duration < 4.5


def test_a_leap_of_many_hours_is_told_and_not_filled(tmp_path: Path) -> None:
    audio = read_audio(record(tmp_path / "a.mkv", [(0.0, tone(1.0)), (90_000.0, tone(1.0))]))
    assert audio.duration == pytest.approx(2.0, abs=0.05)
    assert audio.problem is not None
    assert "the time stamps jump by 89999 s at 1.00 s" in audio.problem


def test_tags_that_are_not_utf8(tmp_path: Path) -> None:
    path = record(tmp_path / "a.m4a", [(0.0, tone(1.0))], metadata={"title": "Qxxxxxxn"}, codec="aac")
    data = path.read_bytes()
    assert data.count(b"Qxxxxxxn") == 1
    path.write_bytes(data.replace(b"Qxxxxxxn", b"Q\xe9\xff\xfe\x80\xe9\xe9n"))
    assert read_audio(path).duration == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("name", ["12:30.m4a", "http:x.m4a", "-", "concat:a.m4a", "pipe:0", "caf\udce9.m4a", "%d.m4a"])
def test_a_name_is_no_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    record(tmp_path / "a.m4a", [(0.0, tone(1.0))], codec="aac").rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    assert read_audio(name).duration == pytest.approx(1.0, abs=0.05)
    assert read_audio(Path(name)).duration == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("extension", ["wav", "flac", "ogg", "mp3", "raw"])
@pytest.mark.parametrize("name", ["caf\udce9", "a\nb", "-", "\x1b[31m"])
def test_every_name_that_a_disk_allows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, extension: str, name: str
) -> None:
    wave = tone(1.0)
    soundfile.write(tmp_path / "plain", wave, RATE, format="WAV" if extension == "raw" else extension.upper())
    monkeypatch.chdir(tmp_path)
    for wanted in (f"{name}.{extension}", name):
        os.link("plain", wanted)
        assert read_audio(wanted).duration == 1.0


@pytest.fixture
def asked() -> Iterator[tuple[str, list[str]]]:
    """The address of a server, and the paths that it is asked for."""
    paths: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(self.path)
            self.send_error(404)

        def log_message(self, *words: object) -> None:
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", paths
    server.shutdown()
    server.server_close()


def test_no_file_makes_us_ask_the_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: tuple[str, list[str]]
) -> None:
    address, paths = asked
    monkeypatch.chdir(tmp_path)
    playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{address}/a.ts\n#EXT-X-ENDLIST\n"
    for name in ("list.m3u8", "list.m4a", "list.mp3"):
        Path(name).write_text(playlist)
        with pytest.raises(AudioError):
            read_audio(name)
    place = Path(address)  # "http:/127.0.0.1..." as pathlib writes it, and as a folder may be called
    place.mkdir(parents=True)
    record(tmp_path / "b.m4a", [(0.0, tone(1.0))], codec="aac").rename(place / "b.m4a")
    assert read_audio(f"{place}/b.m4a").duration == pytest.approx(1.0, abs=0.05)
    with pytest.raises(AudioError, match="no such file"):
        read_audio(f"{address}/c.m4a")
    assert paths == []


@pytest.mark.parametrize(("extension", "codec"), [("ogg", "flac"), ("caf", "alac"), ("wv", "wavpack"), ("oga", "flac")])
def test_what_libsndfile_cannot_read_pyav_is_asked_for(tmp_path: Path, extension: str, codec: str) -> None:
    path = record(tmp_path / f"a.{extension}", [(0.0, tone(2.0))], codec=codec)
    audio = read_audio(path)
    assert audio.problem is None
    assert audio.duration == pytest.approx(2.0, abs=0.001)
    np.testing.assert_allclose(audio.samples, tone(2.0)[: len(audio.samples)], atol=1 / 128)  # 8 bits at least


def test_ogg_flac_one_behind_the_other(tmp_path: Path) -> None:
    one = record(tmp_path / "a.ogg", [(0.0, tone(1.0))], codec="flac").read_bytes()
    audio = read_audio(io.BytesIO(one + one))
    assert audio.duration == pytest.approx(2.0, abs=0.01) or audio.problem is not None


def test_a_rare_coding_in_a_wav_is_read(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "a.wav"), "w") as container:
        stream = container.add_stream("adpcm_swf", rate=22_050)
        stream.layout = "mono"
        frame_size = stream.codec_context.frame_size or 4_096
        wave = (tone(1.0)[: frame_size * 8] * 32_767).astype(np.int16)
        for first in range(0, len(wave) - frame_size + 1, frame_size):
            frame = av.AudioFrame.from_ndarray(wave[None, first : first + frame_size], format="s16", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = 22_050, first, Fraction(1, 22_050)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert read_audio(tmp_path / "a.wav").duration > 0.5


def test_what_no_decoder_reads_keeps_the_first_reason(tmp_path: Path) -> None:
    path = tmp_path / "a.ogg"
    path.write_bytes(b"OggS" + bytes(5_000))
    with pytest.raises(AudioError, match=r"a\.ogg: cannot be read as audio .*is it damaged"):
        read_audio(path)
