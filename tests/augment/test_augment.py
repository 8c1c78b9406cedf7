import pytest
import torch

from earmark.augment import AugmentOptions, augment_clips, augment_features, step_generator

EVERYTHING = AugmentOptions(overlay=0.5, gain_db=6, time_shift=True, mixup=0.5, spec_augment={})


def sounds() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    waveform = torch.randn(8, 100, generator=generator)
    return waveform, torch.full((8,), 100), (torch.rand(8, 3, generator=generator) < 0.5).float()


def features() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(8, 40, 20, generator=generator), torch.eye(8)


def everything(step: int) -> tuple[torch.Tensor, ...]:
    generator = step_generator(5, step, "augment/0")
    waveform, lengths, targets = augment_clips(*sounds(), EVERYTHING, generator)
    return waveform, lengths, targets, *augment_features(*features(), EVERYTHING, generator, whole=True)


def test_all_that_is_drawn_follows_from_seed_and_step() -> None:
    first = everything(3)
    torch.rand(100), everything(4)
    torch.testing.assert_close(everything(3), first, atol=0, rtol=0)
    assert not torch.equal(everything(4)[0], first[0])
    assert not torch.equal(everything(4)[3], first[3])


def test_the_arguments_are_left_as_they_are() -> None:
    waveform, lengths, targets = sounds()
    frames, tags = features()
    generator = step_generator(0, 0, "test")
    augment_clips(waveform, lengths, targets, EVERYTHING, generator)
    augment_features(frames, tags, EVERYTHING, generator, whole=True)
    torch.testing.assert_close((waveform, lengths, targets), sounds(), atol=0, rtol=0)
    torch.testing.assert_close((frames, tags), features(), atol=0, rtol=0)


def test_nothing_is_done_by_default() -> None:
    generator = step_generator(0, 0, "test")
    torch.testing.assert_close(augment_clips(*sounds(), AugmentOptions(), generator), sounds(), atol=0, rtol=0)
    out = augment_features(*features(), AugmentOptions(), generator, whole=True)
    torch.testing.assert_close(out, features(), atol=0, rtol=0)


def test_a_time_shift_is_a_rotation_of_each_clip() -> None:
    frames, tags = features()
    shifted, _ = augment_features(frames, tags, AugmentOptions(time_shift=True), step_generator(0, 0, "t"), whole=True)
    found = []
    for before, after in zip(frames, shifted, strict=True):
        turns = [turn for turn in range(40) if torch.equal(before.roll(turn, dims=0), after)]
        assert len(turns) == 1
        found += turns
    assert len(set(found)) > 4


def test_padded_clips_are_not_rotated() -> None:
    frames, tags = features()
    out, _ = augment_features(frames, tags, AugmentOptions(time_shift=True), step_generator(0, 0, "t"), whole=False)
    torch.testing.assert_close(out, frames, atol=0, rtol=0)


def test_a_gain_is_one_factor_a_clip_within_its_bounds() -> None:
    waveform, lengths, targets = sounds()
    louder, _, same = augment_clips(waveform, lengths, targets, AugmentOptions(gain_db=6), step_generator(0, 0, "t"))
    factor = louder / waveform
    torch.testing.assert_close(factor, factor[:, :1].expand_as(factor), atol=1e-4, rtol=1e-4)
    decibels = 20 * factor[:, 0].log10()
    assert decibels.abs().max() <= 6.001
    assert decibels.std().item() == pytest.approx(6 / 3**0.5, rel=0.6)
    torch.testing.assert_close(same, targets)


@pytest.mark.parametrize("reduction", [1, 4])
def test_targets_of_steps_are_rotated_with_the_sound(reduction: int) -> None:
    """A step's target is the loudest of its frames; it still is after the shift, but for the rounding to a step."""
    marks = torch.zeros(8, 40, 20)
    for clip in range(8):
        marks[clip, 4 * clip : 4 * clip + 8] = 1.0  # two steps of four frames
    steps = marks.reshape(8, 40 // reduction, reduction, 20).amax(2)[:, :, :3]
    targets = torch.cat([torch.eye(8)[:, None, :3], steps], dim=1)
    shift = AugmentOptions(time_shift=True)
    moved, after = augment_features(marks, targets, shift, step_generator(0, 0, "t"), whole=True)
    assert not torch.equal(moved, marks)
    torch.testing.assert_close(after[:, 0], targets[:, 0])
    shares = moved.reshape(8, 40 // reduction, reduction, 20).mean(2)[:, :, :3]
    assert (shares - after[:, 1:]).abs().max() <= 0.5
    alone, _ = augment_features(marks, targets[:, 0], shift, step_generator(0, 0, "t"), whole=True)
    torch.testing.assert_close(alone, moved, atol=0, rtol=0)  # the same draws with and without
