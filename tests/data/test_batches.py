from fractions import Fraction

import numpy as np
import pytest
import torch

from earmark.data.balance import BalancedStream
from earmark.data.batches import EvaluationBatches, TrainingBatches, fill
from earmark.data.targets import FrameTargets

LENGTHS = [40, 100, 250, 7, 100, 180, 100, 33, 100, 61]


class Ramps:
    """Clip i holds i * 1000 + 1, i * 1000 + 2, ...: each sample tells where it comes from."""

    def __len__(self) -> int:
        return len(LENGTHS)

    def length(self, index: int) -> int:
        return LENGTHS[index]

    def read(self, index: int, start: int = 0, length: int | None = None) -> np.ndarray:
        whole = index * 1000 + 1 + np.arange(LENGTHS[index], dtype=np.float32)
        return whole[start : None if length is None else start + length]


TARGETS = np.random.default_rng(0).random((10, 3)) < 0.4


def batches(seed: int = 0, rank: int = 0, world: int = 1, longest: int = 100) -> TrainingBatches:
    stream = BalancedStream(TARGETS, 5, seed)
    return TrainingBatches(Ramps(), TARGETS, stream, batch_size=8, longest=longest, seed=seed, rank=rank, world=world)


@pytest.mark.parametrize("step", [0, 1, 50])
def test_a_batch_holds_what_its_clips_hold_and_zeros_beyond(step: int) -> None:
    batch = batches()[step]
    assert batch.inputs.shape == (8, max(batch.lengths))
    for row, length, target, clip in zip(*batch[:4], strict=True):
        assert length == min(LENGTHS[clip], 100)
        assert torch.equal(torch.diff(row[:length]), torch.ones(length - 1))  # one piece, nothing left out
        assert clip * 1000 + 1 <= row[0] <= row[length - 1] <= clip * 1000 + LENGTHS[clip]
        assert not row[length:].any()
        np.testing.assert_array_equal(target.numpy(), TARGETS[clip])


def test_a_cut_of_a_long_clip_may_lie_anywhere_within() -> None:
    firsts = {
        int(row[0]) - 2001
        for k in range(600)
        for row, clip in zip(batches()[k][0], batches()[k].clips, strict=True)
        if clip == 2
    }
    assert min(firsts) <= 3
    assert max(firsts) >= 147
    assert firsts <= set(range(151))
    assert len(firsts) > 100


def test_a_batch_follows_from_seed_and_step() -> None:
    first = batches(seed=4)
    fourth = first[3]
    for step in (9, 0, 2):
        first[step]
    again = batches(seed=4)[3]
    assert again.clips == fourth.clips
    assert torch.equal(again.inputs, fourth.inputs)
    assert not torch.equal(batches(seed=5)[3].inputs[:, :7], fourth.inputs[:, :7])


def test_processes_share_out_the_very_same_batch() -> None:
    for world in (2, 3):
        whole = batches()[5]
        shares = [batches(rank=rank, world=world)[5] for rank in range(world)]
        rows = {
            (clip, tuple(row[:length].tolist())) for s in shares for row, length, _, clip in zip(*s[:4], strict=True)
        }
        assert rows == {(clip, tuple(row[:length].tolist())) for row, length, _, clip in zip(*whole[:4], strict=True)}
        assert sum(len(share.clips) for share in shares) == 8
        assert [share.clips for share in shares] == [whole.clips[rank::world] for rank in range(world)]


def test_one_after_another_batches_follow_the_stream() -> None:
    drawn = [clip for step in range(6) for clip in batches()[step].clips]
    assert drawn == BalancedStream(TARGETS, 5, 0).take(0, 48).tolist()


def test_evaluation_shows_every_clip_once_and_whole() -> None:
    found = list(EvaluationBatches(Ramps(), TARGETS, batch_size=4, longest=1000))
    assert [len(batch.clips) for batch in found] == [4, 4, 2]
    assert sorted(clip for batch in found for clip in batch.clips) == list(range(10))
    for batch in found:
        for row, length, target, clip in zip(*batch[:4], strict=True):
            np.testing.assert_array_equal(row[:length].numpy(), Ramps().read(clip))
            np.testing.assert_array_equal(target.numpy(), TARGETS[clip])
    padding = sum(batch.inputs.numel() - int(batch.lengths.sum()) for batch in found)
    assert padding < 0.35 * sum(LENGTHS)  # clips of like length stand together


def test_evaluation_cuts_a_clip_that_is_far_too_long() -> None:
    batch = EvaluationBatches(Ramps(), TARGETS, batch_size=10, longest=120)[0]
    assert batch.inputs.shape == (10, 120)
    assert batch.lengths.max() == 120


def test_evaluation_ends() -> None:
    with pytest.raises(IndexError, match="3"):
        EvaluationBatches(Ramps(), TARGETS, 4, 100)[3]


def test_fill_takes_the_cuts_it_is_given() -> None:
    batch = fill(Ramps(), TARGETS, [(2, 200, 50), (3, 0, 7)])
    assert batch.inputs[0].tolist() == [2201 + i for i in range(50)]
    assert batch.inputs[1].tolist() == [3001 + i for i in range(7)] + [0] * 43
    assert batch.targets.dtype == torch.float32


def test_frame_targets_are_cut_with_their_sound() -> None:
    """Step i of every clip has the bits of i as its labels: a step of ten samples tells where it comes from."""
    counted = [(np.arange(-(-length // 10)) >> np.arange(5)[:, None] & 1).astype(bool) for length in LENGTHS]
    frames = FrameTargets.of([(range(5), heard) for heard in counted], classes=5, step=Fraction(10))
    stream = BalancedStream(frames.labels, None, 0)
    starts = set()
    batches = TrainingBatches(Ramps(), frames.labels, stream, batch_size=8, longest=100, seed=0, frames=frames)
    for batch in map(batches.__getitem__, range(20)):
        assert batch.targets.shape == (8, 1 + 11, 5)
        assert batch.targets[:, 0].all()  # of the clip
        for row, length, target, clip in zip(*batch[:4], strict=True):
            first = int(row[0]) - clip * 1000 - 1
            found = (target[1:] @ 2.0 ** torch.arange(5)).tolist()
            whole = int(length) // 10
            assert found[:whole] == [first / 10 + step for step in range(whole)]
            starts.add(first)
    assert len(starts) > 8


def test_a_batch_knows_whether_any_clip_is_padded() -> None:
    made = [batches()[step] for step in range(20)] + [batches(longest=1)[step] for step in range(3)]
    assert {batch.whole for batch in made} == {True, False}
    for batch in made:
        assert batch.whole == (batch.lengths == batch.inputs.shape[1]).all()


class Vectors(Ramps):
    """The same numbers, two to a vector: embeddings."""

    def read(self, index: int, start: int = 0, length: int | None = None) -> np.ndarray:
        return np.stack([super().read(index, start, length)] * 2, axis=1)


def test_vectors_go_where_samples_go() -> None:
    sound, embedded = (
        TrainingBatches(each, TARGETS, BalancedStream(TARGETS, 5, 3), batch_size=8, longest=100, seed=3)[5]
        for each in (Ramps(), Vectors())
    )
    assert embedded.inputs.shape == (*sound.inputs.shape, 2)
    assert all(torch.equal(embedded.inputs[:, :, place], sound.inputs) for place in (0, 1))
    assert torch.equal(embedded.lengths, sound.lengths)


class Integral(Ramps):
    """The same as 16-bit integers and a step of each clip."""

    def integers(self, index: int) -> tuple[np.ndarray, np.float32]:
        return (np.arange(LENGTHS[index]) - 40).astype(np.int16), np.float32(1 / (3 + index))

    def read(self, index: int, start: int = 0, length: int | None = None) -> np.ndarray:
        integers, step = self.integers(index)
        return (integers * step)[start : None if length is None else start + length]


def test_a_narrow_batch_is_the_same_once_it_is_on_the_device() -> None:
    stream = BalancedStream(TARGETS, 5, 0)
    made = [
        TrainingBatches(Integral(), TARGETS, stream, batch_size=8, longest=100, seed=0, narrow=narrow)
        for narrow in (False, True)
    ]
    for step in range(5):
        plain, narrow = (batches[step] for batches in made)
        assert (plain.inputs.dtype, narrow.inputs.dtype) == (torch.float32, torch.int16)
        assert torch.equal(narrow.on("cpu").inputs, plain.inputs)
        assert torch.equal(narrow.on("cpu").targets, plain.targets)
        assert narrow.on("cpu").steps is None
    whole, small = (EvaluationBatches(Integral(), TARGETS, 4, 1000, narrow=narrow) for narrow in (False, True))
    for plain, narrow in zip(whole, small, strict=True):
        assert torch.equal(narrow.on("cpu").inputs, plain.inputs)
    assert next(iter(EvaluationBatches(Ramps(), TARGETS, 4, 1000, narrow=True))).steps is None  # no integers are known
