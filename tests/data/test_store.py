import pickle

import numpy as np
import pytest

from earmark.audio import read_audio
from earmark.data.store import open_store
from earmark.errors import AudioError, DataError

RATE = 16_000


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
