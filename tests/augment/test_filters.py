import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from earmark.augment import AugmentOptions, FilterOptions, augment_features, random_filter, step_generator


def filtered(features: torch.Tensor, step: int = 0, **options: float) -> torch.Tensor:
    return random_filter(features, FilterOptions(**options), step_generator(0, step, "test"))


def test_a_filter_is_the_same_at_every_moment_of_a_clip_and_another_for_each_clip() -> None:
    gains = filtered(torch.zeros(8, 20, 64), shift=0)
    assert torch.equal(gains, gains[:, :1].expand_as(gains))
    assert len({tuple(row.tolist()) for row in gains[:, 0]}) == 8


@given(spread=st.floats(0, 3), knots=st.integers(2, 9), bands=st.integers(2, 64), step=st.integers(0, 99))
def test_no_band_is_changed_by_more_than_the_spread(spread: float, knots: int, bands: int, step: int) -> None:
    gains = filtered(torch.zeros(4, 3, bands), step, spread=spread, knots=knots, shift=0)
    assert float(gains.abs().max()) <= spread + 1e-5
    assert torch.isfinite(gains).all()


def test_between_two_knots_the_gain_is_a_straight_line() -> None:
    line = filtered(torch.zeros(6, 1, 64), spread=1, knots=2, shift=0)[:, 0]
    torch.testing.assert_close(line.diff(dim=1), (line[:, -1:] - line[:, :1]).expand(-1, 63) / 63, atol=1e-5, rtol=0)


def test_all_bands_move_together_and_the_outermost_fills_the_gap() -> None:
    features = torch.arange(16.0).expand(40, 5, 16)
    moved = filtered(features, spread=0, shift=3)
    shifts = (moved[:, 0, 8] - 8).tolist()
    assert set(shifts) == {-3, -2, -1, 0, 1, 2, 3}
    for clip, by in zip(moved, shifts, strict=True):
        assert torch.equal(clip, (features[0] + by).clamp(0, 15))


def test_a_spread_and_shift_of_zero_change_nothing() -> None:
    features = torch.randn(3, 7, 12)
    assert torch.equal(filtered(features, spread=0, shift=0), features)


def test_the_callers_tensor_is_left_alone_and_the_same_step_draws_the_same() -> None:
    features = torch.randn(3, 7, 12)
    before = features.clone()
    assert torch.equal(filtered(features, step=5), filtered(features, step=5))
    assert not torch.equal(filtered(features, step=5), filtered(features, step=6))
    assert torch.equal(features, before)


@pytest.mark.parametrize("filters", [None, FilterOptions()])
def test_a_recipe_turns_it_on(filters: FilterOptions | None) -> None:
    features, targets = torch.randn(2, 9, 16), torch.ones(2, 3)
    options = AugmentOptions(filter=filters)
    heard, wanted = augment_features(features, targets, options, step_generator(0, 0, "test"), whole=True)
    assert torch.equal(heard, features) == (filters is None)
    assert torch.equal(wanted, targets)
