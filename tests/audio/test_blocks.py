import tracemalloc

import numpy as np
import pytest
import soundfile

from earmark.audio import probe, read_audio, read_blocks
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
