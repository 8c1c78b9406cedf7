"""The plan of windows lies on the grid of the frames."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.clock import Clock
from earmark.engine import WindowPlan


@given(
    st.sampled_from([8_000, 16_000, 32_000]),
    st.integers(1, 100),
    st.floats(0.5, 60),
    st.floats(0, 30),
)
def test_windows_are_whole_frames_and_the_next_begins_where_the_overlap_does(
    rate: int, hundredths: int, window: float, overlap: float
) -> None:
    step = Fraction(hundredths, 100)
    plan = WindowPlan.of(window, overlap, rate, Clock(step))
    samples = step * rate
    assert plan.size % samples == plan.stride % samples == 0
    assert plan.stride == plan.stride_steps * samples > 0
    assert plan.size == plan.stride + plan.overlap_steps * samples
    assert plan.overlap_steps <= plan.stride_steps  # at most half a window is scored twice


@given(st.integers(0, 10**7))
def test_the_bound_of_frames_is_at_most_two_too_many(samples: int) -> None:
    plan = WindowPlan.of(10.0, 2.0, 8_000, Clock(Fraction(1, 10)))
    true = -(-samples // 800)
    assert true <= plan.steps(samples) <= true + 2


def test_a_frame_of_part_of_a_sample_is_refused() -> None:
    with pytest.raises(ValueError, match="not a whole number of samples"):
        WindowPlan.of(10.0, 2.0, 8_000, Clock(Fraction(1, 3)))
