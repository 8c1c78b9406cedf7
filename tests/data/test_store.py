import pickle
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from earmark.audio import read_audio
from earmark.data.balance import BalancedStream
from earmark.data.batches import EvaluationBatches, TrainingBatches
from earmark.data.records import Clip
from earmark.data.store import DirectClips, HeldClips, Integers, open_store
from earmark.errors import AudioError, ConfigError, DataError
from earmark.training.loop import ClipSet, Machine, hold
from earmark.training.preparing import Joined, join, part_of

RATE = 16_000


@pytest.mark.parametrize("packed", [True, False])
def test_a_store_gives_what_the_files_hold(clips, tmp_path, packed):
    store = open_store(clips, RATE, tmp_path / "cache" if packed else None)
    assert len(store) == len(clips)
    assert store.clips == tuple(clips)
    for index, clip in enumerate(clips):
        whole = read_audio(clip.path, RATE).samples
        step = np.abs(whole).max() / 32_767 if packed else 0
        assert store.length(index) == store.lengths[index] == len(whole)
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


LENGTHS = (400, 1_000, 2_500, 70, 1_000, 1_800)
TARGETS = np.random.default_rng(0).random((len(LENGTHS), 3)) < 0.5


@pytest.fixture
def noises(tmp_path: Path) -> list[Clip]:
    rng, made = np.random.default_rng(0), []
    for number, length in enumerate(LENGTHS):
        path = tmp_path / f"{number}.wav"
        sound = np.zeros(length) if number == 4 else 0.1 * (number + 1) * rng.uniform(-1, 1, length)
        soundfile.write(path, sound, 1_000, subtype="FLOAT")
        made.append(Clip(path, path.name, ()))
    return made


@pytest.fixture
def pack(noises: list[Clip], tmp_path: Path) -> Integers:
    store = open_store(noises, 1_000, tmp_path / "cache")
    assert isinstance(store, Integers)
    return store


def test_batches_are_those_of_the_pack(pack: Integers) -> None:
    held = HeldClips(pack, "cpu")
    stream = BalancedStream(TARGETS, 5, 0)
    on_disk, in_memory = (
        TrainingBatches(each, TARGETS, stream, batch_size=4, longest=900, seed=7) for each in (pack, held)
    )
    for step in range(20):
        one, other = on_disk[step], in_memory[step]
        assert one.inputs.numpy().tobytes() == other.inputs.numpy().tobytes()
        assert torch.equal(one.lengths, other.lengths)
        assert torch.equal(one.targets, other.targets)
        assert (one.clips, one.whole) == (other.clips, other.whole)
    for one, other in zip(*(EvaluationBatches(each, TARGETS, 4, 5_000) for each in (pack, held)), strict=True):
        assert one.inputs.numpy().tobytes() == other.inputs.numpy().tobytes()


def test_a_batch_read_from_integers_is_what_reading_clip_by_clip_gives(pack: Integers) -> None:
    batch = EvaluationBatches(pack, TARGETS, 6, 5_000)[0]
    for row, length, clip in zip(batch.inputs, batch.lengths, batch.clips, strict=True):
        assert row[:length].numpy().tobytes() == pack.read(clip).tobytes()
        assert not row[length:].any()


def test_parts_and_joined_packs_stay_integers(pack: Integers, noises: list[Clip]) -> None:
    part = part_of(pack, np.array([5, 1]))
    both = join(part, pack)
    assert isinstance(both, Integers)
    held = HeldClips(both, "cpu")
    for index in range(len(both)):
        assert held.read(index).tobytes() == both.read(index).tobytes()
        assert held.read(index, 10, 50).tobytes() == both.read(index, 10, 50).tobytes()
    direct = DirectClips(noises, 1_000)
    assert not isinstance(part_of(direct, np.array([0])), Integers)
    assert type(join(pack, direct)) is Joined


def test_what_cannot_be_held_is_refused_in_one_line(pack: Integers, noises: list[Clip]) -> None:
    with pytest.raises(ConfigError, match="for one GPU"):
        hold(ClipSet(pack, TARGETS), Machine(processes=2, hold=True))
    with pytest.raises(ConfigError, match="holds decoded sound"):
        hold(ClipSet(DirectClips(noises, 1_000), TARGETS), Machine(hold=True))
