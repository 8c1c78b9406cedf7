import pytest
import torch

from earmark.augment import SpecAugmentOptions, spec_augment, step_generator


def holes(options: SpecAugmentOptions, frames: int = 50, bands: int = 30, step: int = 0) -> torch.Tensor:
    features = torch.ones(64, frames, bands)
    return spec_augment(features, options, step_generator(0, step, "test")) == 0


def runs(row: torch.Tensor) -> int:
    return int((torch.diff(row.int(), prepend=torch.zeros(1, dtype=torch.int32)) == 1).sum())


def test_stripes_are_as_many_and_as_wide_as_they_may_be() -> None:
    options = SpecAugmentOptions(time_stripes=2, time_width=7, band_stripes=1, band_width=4)
    seen_times, seen_bands = set(), set()
    for clip in holes(options):
        times, bands = clip.all(dim=1), clip.all(dim=0)
        torch.testing.assert_close(clip, times[:, None] | bands)  # whole rows and whole columns, nothing else
        assert runs(times) <= 2
        assert runs(bands) <= 1
        seen_times.add(int(times.sum()))
        seen_bands.add(int(bands.sum()))
    assert max(seen_bands) == 4
    assert 7 < max(seen_times) <= 14
    assert min(seen_bands) == 0


def test_clips_are_masked_each_on_its_own_and_all_over() -> None:
    options = SpecAugmentOptions(time_stripes=1, time_width=20, band_stripes=0, band_width=0)
    masked = torch.cat([holes(options, step=step) for step in range(12)]).all(dim=2)  # (clips, frames)
    assert len({tuple(row.tolist()) for row in masked}) > 200
    assert masked.any(dim=0).all()  # first and last frames too


def test_the_callers_tensor_is_left_alone() -> None:
    features = torch.randn(4, 50, 30)
    before = features.clone()
    out = spec_augment(features, SpecAugmentOptions(), step_generator(0, 0, "test"))
    torch.testing.assert_close(features, before, atol=0, rtol=0)
    kept = out != 0
    torch.testing.assert_close(out[kept], before[kept], atol=0, rtol=0)


@pytest.mark.parametrize("frames", [1, 2, 5])
def test_a_short_clip_keeps_something(frames: int) -> None:
    options = SpecAugmentOptions(time_stripes=1, time_width=100, band_stripes=1, band_width=100)
    assert not holes(options, frames=frames, bands=4).flatten(1).all(dim=1).any()


def test_no_stripes_change_nothing() -> None:
    assert not holes(SpecAugmentOptions(time_stripes=0, band_stripes=0)).any()
    assert not holes(SpecAugmentOptions(time_width=0, band_width=0)).any()
