import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.clock import Clock

rates = st.sampled_from([8_000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000])
clocks = st.builds(
    lambda rate, hop, late: Clock(Fraction(hop, rate), Fraction(late, 2 * rate)),
    rates,
    st.integers(16, 4096),
    st.sampled_from([0, 180, 512, 1023]),
)


@given(clocks, st.integers(0, 3_000_000))
def test_a_frame_begins_where_its_time_says(clock: Clock, frame: int) -> None:
    assert clock.frame_at(clock.time(frame)) == frame


@given(clocks, st.integers(1, 3_000_000))
def test_a_duration_of_whole_frames_holds_just_these(clock: Clock, frames: int) -> None:
    assert clock.frames_in(clock.time(frames)) == frames


@given(rates, st.integers(1, 2048), st.integers(1, 48_000 * 3600 * 3))
def test_frames_of_a_number_of_samples_are_counted_as_with_whole_numbers(rate: int, hop: int, samples: int) -> None:
    assert Clock.from_hop(hop, rate).frames_in(samples / rate) == math.ceil(samples / hop)


@given(clocks)
def test_edges_are_the_times_of_the_frames_to_the_last_bit(clock: Clock) -> None:
    edges = clock.edges(500)
    assert len(edges) == 501
    np.testing.assert_array_equal(edges, [clock.time(frame) for frame in range(501)])


def test_no_rounding_adds_up_over_a_day() -> None:
    clock = Clock.from_hop(640, 16_000)
    assert clock.time(25 * 86_400) == 86_400.0
    assert clock.edges(25 * 86_400)[-1] == 86_400.0


def test_the_last_frame_may_reach_beyond_the_end() -> None:
    clock = Clock(Fraction(1, 25))
    assert clock.frames_in(1.0) == 25
    assert clock.frames_in(1.001) == 26
    assert clock.frames_in(0.0) == 0


@pytest.mark.parametrize(("seconds", "frame"), [(0.1 + 0.2, 3), (0.3, 3), (0.299, 2), (-0.05, -1), (0.0, 0)])
def test_a_sum_of_decimals_means_the_edge_it_is_written_as(seconds: float, frame: int) -> None:
    assert Clock(Fraction(1, 10)).frame_at(seconds) == frame


def test_a_late_clock_begins_late() -> None:
    clock = Clock(Fraction(664, 16_000), Fraction(180, 16_000))
    assert clock.time(0) == 0.01125
    assert clock.frame_at(0.0) == -1
    assert clock.frame_at(0.02) == 0


def test_an_encoder_that_halves_the_steps_doubles_their_length() -> None:
    assert Clock.from_hop(320, 16_000, reduction=2) == Clock.from_hop(640, 16_000)
    assert Clock.from_hop(320, 16_000, reduction=Fraction(3, 2)).step == Fraction(3, 100)


@pytest.mark.parametrize("step", [0, Fraction(-1, 10)])
def test_a_frame_must_last(step: Fraction) -> None:
    with pytest.raises(ValueError, match="longer than 0 s"):
        Clock(Fraction(step))
