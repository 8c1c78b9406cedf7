import io
import tracemalloc

import numpy as np
import pytest
import soundfile

from earmark.audio import from_array, probe, read_audio, read_blocks
from earmark.errors import AudioError


@pytest.mark.parametrize(("extension", "rate"), [("wav", 44_100), ("flac", 22_050), ("ogg", 32_000), ("mp3", 48_000)])
@pytest.mark.parametrize("block_seconds", [0.001, 0.37, 1.0, 100.0])
def test_blocks_of_any_size_are_the_whole_to_the_last_bit(write, extension, rate, block_seconds):
    noise = 0.1 * np.random.default_rng(0).standard_normal((rate * 3 + 17, 2)).astype(np.float32)
    path = write(f"a.{extension}", noise, rate)
    whole = read_audio(path, 32_000).samples
    blocks = list(read_blocks(path, 32_000, block_seconds))
    np.testing.assert_array_equal(np.concatenate(blocks), whole)
    assert {len(block) for block in blocks[:-1]} <= {round(block_seconds * 32_000)}


def test_a_cut_file_is_the_same_however_it_is_read(write):
    path = write("a.flac", 0.1 * np.random.default_rng(0).standard_normal(160_000), 32_000)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    blocks = read_blocks(path, 16_000, 0.1)
    assert blocks.problem is None
    np.testing.assert_array_equal(np.concatenate(list(blocks)), read_audio(path, 16_000).samples)
    assert blocks.truncated
    assert "damaged" in blocks.actions[-1]


def test_twenty_minutes_take_the_memory_of_a_block(tmp_path):
    path = tmp_path / "long.wav"
    rng = np.random.default_rng(0)
    with soundfile.SoundFile(path, "w", 8_000, 1) as file:
        for _ in range(20):
            file.write(0.1 * rng.standard_normal(60 * 8_000))
    tracemalloc.start()
    total = sum(len(block) for block in read_blocks(path, 32_000, 10.0))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert total == 20 * 60 * 32_000  # 154 MB as float32
    assert peak < 12e6


def test_a_bad_sample_late_in_a_file_is_found_after_the_good_blocks(write):
    wave = np.zeros(320_000, np.float32)
    wave[300_000] = np.nan
    blocks = read_blocks(write("a.wav", wave, 32_000, subtype="FLOAT"), block_seconds=1.0)
    assert sum(1 for _ in zip(range(8), blocks, strict=False)) == 8
    with pytest.raises(AudioError, match="sample 300000"):
        list(blocks)


def test_leaving_early_closes_the_file(write, tone):
    with read_blocks(write("a.wav", tone(32_000), 32_000), block_seconds=0.1) as blocks:
        next(blocks)
    assert blocks._decoder._file.closed


@pytest.mark.parametrize("extension", ["wav", "flac", "ogg", "mp3", "opus"])
def test_probe_reads_the_header(write, tone, extension):
    info = probe(write(f"a.{extension}", tone(48_000, channels=2), 48_000))
    assert (info.rate, info.channels, info.frames, info.duration) == (48_000, 2, 96_000, 2.0)


FORMATS = ["wav", "flac", "ogg", "mp3", "opus"]


def planted(samples, rate, frequency=1000.0):
    """Where the tone is heard (onset, offset in seconds, within 1 %), and its level there."""
    hop = rate // 100
    frames = samples[: len(samples) // hop * hop].reshape(-1, hop)
    level = np.sqrt((frames**2).mean(axis=1))
    heard = np.flatnonzero(level > 0.15)
    middle = samples[round(0.8 * rate) : round(1.2 * rate)]
    wave = np.exp(-2j * np.pi * frequency * np.arange(len(middle)) / rate)
    return heard[0] / 100, (heard[-1] + 1) / 100, 2 * abs((middle * wave).mean())


@pytest.mark.parametrize("extension", FORMATS)
@pytest.mark.parametrize(("rate", "channels"), [(48_000, 1), (48_000, 2), (16_000, 1)])
def test_a_planted_tone_is_found_where_it_was_put(write, tone, extension, rate, channels):
    path = write(f"a.{extension}", tone(rate, channels=channels), rate)
    audio = read_audio(path, 32_000)
    onset, offset, level = planted(audio.samples, 32_000)
    assert audio.samples.dtype == np.float32
    assert audio.samples.shape == (64_000,)
    assert (onset, offset) == (pytest.approx(0.5, abs=0.021), pytest.approx(1.5, abs=0.021))
    assert level == pytest.approx(0.5, abs=0.02)
    assert not audio.truncated


def test_what_was_done_is_told(write, tone):
    audio = read_audio(write("a.wav", tone(44_100, channels=2), 44_100), 32_000)
    assert audio.actions == ("2 channels averaged to mono", "resampled from 44100 to 32000 Hz")
    assert (audio.info.rate, audio.info.channels, audio.info.frames) == (44_100, 2, 88_200)
    assert audio.duration == 2.0


def test_without_a_rate_nothing_is_done(write, tone):
    wave = tone(11_025)
    audio = read_audio(write("a.wav", wave, 11_025, subtype="FLOAT"))
    assert audio.actions == ()
    assert audio.rate == 11_025
    np.testing.assert_array_equal(audio.samples, wave[:, 0])


def test_channels_are_averaged(write):
    wave = np.stack([np.full(100, 0.5), np.full(100, -0.25), np.zeros(100)], axis=1).astype(np.float32)
    audio = read_audio(write("a.wav", wave, 8_000, subtype="FLOAT"))
    np.testing.assert_allclose(audio.samples, 0.25 / 3, rtol=1e-6)


def test_a_file_object_reads_as_its_path_and_stays_open(write, tone):
    path = write("a.mp3", tone(44_100), 44_100)
    with open(path, "rb") as file:
        np.testing.assert_array_equal(read_audio(file, 32_000).samples, read_audio(path, 32_000).samples)
        assert not file.closed
    np.testing.assert_array_equal(read_audio(io.BytesIO(path.read_bytes()), 32_000).samples.shape, 64_000)


def test_the_content_counts_not_the_name(write, tone):
    path = write("a.flac", tone(16_000), 16_000)
    assert read_audio(path.rename(path.with_suffix(".wav"))).info.format == "FLAC PCM_16"


@pytest.mark.parametrize("extension", FORMATS)
def test_a_file_cut_in_half_gives_its_half_and_says_so(write, extension):
    rng = np.random.default_rng(0)
    path = write(f"a.{extension}", 0.1 * rng.standard_normal(48_000 * 5).astype(np.float32), 48_000)
    whole = read_audio(path).samples
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    audio = read_audio(path)
    assert audio.truncated
    assert f"{audio.duration:.2f} s" in audio.problem
    assert 0.2 < audio.duration / 5 < 0.6
    part = len(audio.samples) - 2_000  # the last frames of a lossy codec overlap with lost ones
    np.testing.assert_allclose(audio.samples[:part], whole[:part], atol=1e-4)


@pytest.mark.parametrize("extension", ["flac", "mp3", "ogg", "opus"])
def test_damage_in_the_middle_is_told(write, extension):
    rng = np.random.default_rng(0)
    path = write(f"a.{extension}", 0.1 * rng.standard_normal(48_000 * 5).astype(np.float32), 48_000)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 3_000] = rng.integers(0, 256, 3_000, dtype=np.uint8).tobytes()
    path.write_bytes(data)
    audio = read_audio(path)
    assert audio.truncated
    assert audio.duration > 1.5


def test_an_mp3_that_does_not_state_its_length_is_not_shortened_in_silence(write):
    rng = np.random.default_rng(0)
    loud_first = rng.standard_normal(32_000 * 10) * np.linspace(0.3, 0.0, 32_000 * 10) ** 2
    path = write("a.mp3", loud_first.astype(np.float32), 32_000)
    data = path.read_bytes()
    second = data.index(data[:2], 4)  # the first frame holds the length and no sound
    path.write_bytes(data[second:])
    assert b"Xing" in data[:second]
    audio = read_audio(path)
    assert audio.info.frames is None
    assert audio.duration > 9.9 or "does not state its length" in audio.problem


def test_a_streamed_wav_without_a_length_is_whole(write, tone):
    path = write("a.wav", tone(16_000), 16_000)
    data = bytearray(path.read_bytes())
    place = data.index(b"data") + 4
    data[place : place + 4] = b"\xff\xff\xff\xff"
    path.write_bytes(data)
    audio = read_audio(path)
    assert (audio.duration, audio.truncated) == (2.0, False)


def test_no_samples_is_an_error(write):
    with pytest.raises(AudioError, match=r"a\.wav: contains no samples"):
        read_audio(write("a.wav", np.zeros((0, 1), np.float32), 16_000))


def test_ten_milliseconds_are_read(write):
    assert read_audio(write("a.wav", np.zeros(480, np.float32), 48_000), 32_000).samples.shape == (320,)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_sample_that_is_no_number_is_named(write, value):
    wave = np.zeros((100_000, 2), np.float32)
    wave[80_000:, 1] = value
    with pytest.raises(AudioError, match=r"a\.wav: sample 80000 \(5\.000 s\) is not a number"):
        read_audio(write("a.wav", wave, 16_000, subtype="FLOAT"), 32_000)


def test_an_impossible_rate_is_refused(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros(100), 10)
    with pytest.raises(AudioError, match="its header states 10 Hz"):
        read_audio(tmp_path / "a.wav", 32_000)


def test_arrays_are_taken_as_files_are(write, tone):
    wave = tone(44_100, channels=2)
    path = write("a.wav", wave, 44_100, subtype="FLOAT")
    np.testing.assert_allclose(from_array(wave, 44_100, 32_000).samples, read_audio(path, 32_000).samples, atol=1e-7)
    integers = (wave * 32_768).astype(np.int16)
    np.testing.assert_allclose(from_array(integers, 44_100).samples, wave[:, 0], atol=1e-4)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((2, 100)), "transpose"),
        (np.zeros(0), "got shape"),
        (np.zeros((2, 2, 2)), "got shape"),
        (np.full(10, np.nan), "sample 0"),
        (np.zeros(10, np.complex64), "complex64"),
        (np.zeros(10, np.uint8), "uint8"),
    ],
)
def test_arrays_that_are_no_waveform_are_refused(array, message):
    with pytest.raises(AudioError, match=message):
        from_array(array, 16_000)


@pytest.mark.parametrize("extension", FORMATS)
def test_reading_on_equals_reading_at_one_go(write, tone, extension):
    rate = 16_000 if extension == "mp3" else 48_000  # at 16 kHz an mp3's frames borrow bits from those before them
    path = write(f"a.{extension}", tone(rate, seconds=9.0), rate)
    np.testing.assert_allclose(read_audio(path).samples, soundfile.read(path, dtype="float32")[0], atol=1e-6)
