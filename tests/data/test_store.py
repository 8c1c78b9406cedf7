import os
import pickle

import numpy as np
import pytest
import soundfile

from earmark.audio import read_audio
from earmark.data.manifest import read_manifest
from earmark.data.pack import quantise
from earmark.data.store import open_store
from earmark.errors import AudioError, DataError

RATE = 16_000


@pytest.fixture
def clips(recordings):
    root = recordings(*(f"dog/{i}.wav" for i in range(4)), *(f"cat/{i}.flac" for i in range(3)), rate=22_050)
    soundfile.write(
        root / "dog" / "quiet.wav", 1e-4 * soundfile.read(root / "dog" / "0.wav")[0], 22_050, subtype="FLOAT"
    )
    return read_manifest(root).clips


@pytest.mark.parametrize("packed", [True, False])
def test_a_store_gives_what_the_files_hold(clips, tmp_path, packed):
    store = open_store(clips, RATE, tmp_path / "cache" if packed else None)
    assert len(store) == len(clips)
    assert store.clips == tuple(clips)
    for index, clip in enumerate(clips):
        whole = read_audio(clip.path, RATE).samples
        step = np.abs(whole).max() / 32_767 if packed else 0
        assert store.samples(index) == store.lengths[index] == len(whole)
        for start, length in [(0, None), (100, 1_000), (len(whole) - 10, 100), (len(whole) + 5, 7), (0, 0)]:
            part = store.read(index, start, length)
            expected = whole[start : None if length is None else start + length]
            assert part.dtype == np.float32
            assert part.shape == expected.shape
            np.testing.assert_allclose(part, expected, rtol=0, atol=0.51 * step)


def test_a_quiet_clip_keeps_its_precision():
    wave = 1e-6 * np.random.default_rng(0).standard_normal(10_000).astype(np.float32)
    integers, step = quantise(wave)
    error = integers * np.float32(step) - wave
    assert 20 * np.log10(np.abs(wave).max() / np.abs(error).max()) > 96
    assert np.abs(integers).max() == 32_767


@pytest.mark.parametrize("wave", [[0.0, 0.0], [1e-44, 0.0], [-3.0, 2.0], []])
def test_odd_levels_survive(wave):
    integers, step = quantise(np.array(wave, dtype=np.float32))
    np.testing.assert_allclose(integers * np.float32(step), wave, atol=1e-4)


def test_a_second_run_decodes_nothing(clips, tmp_path):
    calls = []
    first = open_store(clips, RATE, tmp_path / "cache", progress=lambda done, total: calls.append((done, total)))
    assert calls == [(i, len(clips)) for i in range(1, len(clips) + 1)]
    again = open_store(clips, RATE, tmp_path / "cache", progress=lambda *_: pytest.fail("decoded again"))
    np.testing.assert_array_equal(again.read(2), first.read(2))
    assert first.bytes == sum(2 * length for length in first.lengths) == first.path.stat().st_size
    assert len(list((tmp_path / "cache").iterdir())) == 2  # one pack, its index, nothing left aside


def test_another_rate_or_a_changed_file_makes_a_new_pack(clips, tmp_path):
    paths = {open_store(clips, rate, tmp_path / "cache").path for rate in (RATE, 8_000)}
    soundfile.write(clips[0].path, np.zeros(22_050), 22_050)
    os.utime(clips[0].path, ns=(1, 1))
    changed = open_store(clips, RATE, tmp_path / "cache")
    assert changed.path not in paths
    assert changed.samples(0) == RATE
    assert len(paths) == 2


def test_a_damaged_pack_is_made_again(clips, tmp_path):
    store = open_store(clips, RATE, tmp_path / "cache")
    whole = store.read(1)
    store.path.write_bytes(store.path.read_bytes()[:100])
    np.testing.assert_array_equal(open_store(clips, RATE, tmp_path / "cache").read(1), whole)
    store.path.with_suffix(".json").write_text("{")
    np.testing.assert_array_equal(open_store(clips, RATE, tmp_path / "cache").read(1), whole)


def test_a_stopped_run_leaves_no_pack(clips, tmp_path):
    def stop(done, total):
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        open_store(clips, RATE, tmp_path / "cache", progress=stop)
    assert list((tmp_path / "cache").iterdir()) == []


@pytest.mark.parametrize("packed", [True, False])
def test_broken_clips_are_left_out_and_reported(clips, tmp_path, packed):
    clips[1].path.write_text("no sound")
    data = clips[3].path.read_bytes()
    clips[3].path.write_bytes(data[: len(data) // 2])
    cache = tmp_path / "cache" if packed else None
    store = open_store(clips, RATE, cache)
    names = [problem.where for problem in store.problems]
    if packed:
        assert names == [clips[1].name, clips[3].name]
        assert "cut short" in store.problems[1].message
        assert store.clips == tuple(clip for i, clip in enumerate(clips) if i not in (1, 3))
        assert open_store(clips, RATE, cache, keep_truncated=True).clips[2] == clips[3]
    else:
        assert names == [clips[1].name]
        with pytest.raises(AudioError, match="cut short"):
            store.read(2)
    assert store.read(1, 0, 10).shape == (10,)


def test_nothing_but_broken_clips_is_an_error(clips, tmp_path):
    for clip in clips:
        clip.path.write_text("no sound")
    with pytest.raises(DataError, match="none of the 8 clips can be read; the first"):
        open_store(clips, RATE, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


@pytest.mark.parametrize("packed", [True, False])
def test_a_store_travels_to_a_worker_without_its_samples(clips, tmp_path, packed):
    store = open_store(clips, RATE, tmp_path / "cache" if packed else None)
    whole = store.read(0)
    copy = pickle.dumps(store)
    assert len(copy) < 20_000
    np.testing.assert_array_equal(pickle.loads(copy).read(0), whole)
