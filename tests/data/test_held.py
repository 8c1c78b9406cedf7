"""Clips held on a device are batches of a pack, bit for bit. The CPU stands for the device."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from earmark.data.balance import BalancedStream
from earmark.data.batches import EvaluationBatches, TrainingBatches
from earmark.data.held import HeldClips, Integers
from earmark.data.records import Clip
from earmark.data.store import DirectClips, open_store
from earmark.errors import ConfigError
from earmark.training.loop import ClipSet, Machine, hold
from earmark.training.preparing import Joined, join, part_of

LENGTHS = (400, 1_000, 2_500, 70, 1_000, 1_800)
TARGETS = np.random.default_rng(0).random((len(LENGTHS), 3)) < 0.5


@pytest.fixture
def clips(tmp_path: Path) -> list[Clip]:
    rng, made = np.random.default_rng(0), []
    for number, length in enumerate(LENGTHS):
        path = tmp_path / f"{number}.wav"
        sound = np.zeros(length) if number == 4 else 0.1 * (number + 1) * rng.uniform(-1, 1, length)
        soundfile.write(path, sound, 1_000, subtype="FLOAT")
        made.append(Clip(path, path.name, ()))
    return made


@pytest.fixture
def pack(clips: list[Clip], tmp_path: Path) -> Integers:
    store = open_store(clips, 1_000, tmp_path / "cache")
    assert isinstance(store, Integers)
    return store


def test_batches_are_those_of_the_pack(pack: Integers) -> None:
    held = HeldClips(pack, "cpu")
    stream = BalancedStream(TARGETS, 5, 0)
    on_disk, in_memory = (
        TrainingBatches(clips, TARGETS, stream, batch_size=4, longest=900, seed=7) for clips in (pack, held)
    )
    for step in range(20):
        one, other = on_disk[step], in_memory[step]
        assert one.waveform.numpy().tobytes() == other.waveform.numpy().tobytes()
        assert torch.equal(one.lengths, other.lengths)
        assert torch.equal(one.targets, other.targets)
        assert (one.clips, one.whole) == (other.clips, other.whole)
    for one, other in zip(*(EvaluationBatches(each, TARGETS, 4, 5_000) for each in (pack, held)), strict=True):
        assert one.waveform.numpy().tobytes() == other.waveform.numpy().tobytes()


def test_a_batch_read_from_integers_is_what_reading_clip_by_clip_gives(pack: Integers) -> None:
    batch = EvaluationBatches(pack, TARGETS, 6, 5_000)[0]
    for row, length, clip in zip(batch.waveform, batch.lengths, batch.clips, strict=True):
        assert row[:length].numpy().tobytes() == pack.read(clip).tobytes()
        assert not row[length:].any()


def test_parts_and_joined_packs_stay_integers(pack: Integers, clips: list[Clip]) -> None:
    part = part_of(pack, np.array([5, 1]))
    both = join(part, pack)
    assert isinstance(both, Integers)
    held = HeldClips(both, "cpu")
    for index in range(len(both)):
        assert held.read(index).tobytes() == both.read(index).tobytes()
        assert held.read(index, 10, 50).tobytes() == both.read(index, 10, 50).tobytes()
    direct = DirectClips(clips, 1_000)
    assert not isinstance(part_of(direct, np.array([0])), Integers)
    assert type(join(pack, direct)) is Joined


def test_what_cannot_be_held_is_refused_in_one_line(pack: Integers, clips: list[Clip]) -> None:
    with pytest.raises(ConfigError, match="for one GPU"):
        hold(ClipSet(pack, TARGETS), Machine(processes=2, hold=True))
    with pytest.raises(ConfigError, match="holds decoded sound"):
        hold(ClipSet(DirectClips(clips, 1_000), TARGETS), Machine(hold=True))
