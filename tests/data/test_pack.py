"""Decoded clips in one file: whole, kept as long as they are true, and made again where not."""

import os

import numpy as np
import pytest
import soundfile

from earmark.data.decoding import quantise
from earmark.data.store import open_store

RATE = 16_000


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
    assert changed.length(0) == RATE
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
