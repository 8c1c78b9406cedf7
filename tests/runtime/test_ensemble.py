from dataclasses import replace
from fractions import Fraction
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.clock import Clock
from earmark.errors import ConfigError
from earmark.labels import Labels
from earmark.runtime.ensemble import frames_on, mean_scores
from earmark.scores import Scores

FINE, COARSE = Clock(Fraction(83, 2000)), Clock(Fraction(8, 25))  # 41.5 ms, 320 ms
USUAL = Clock(Fraction(1, 25))


def scores(seed: int, clock: Clock = USUAL, frames: int = 5, labels: str = "abc") -> Scores:
    rng = np.random.default_rng(seed)
    clip, values = rng.random(len(labels), dtype=np.float32), rng.random((frames, len(labels)), dtype=np.float32)
    return Scores("a.wav", Labels(labels), clip, values, clock, float(frames * clock.step))


def same(one: Scores, other: Scores) -> bool:
    """Whether two scores agree to the last bit."""
    return (
        one.frames.tobytes() == other.frames.tobytes()
        and one.clip.tobytes() == other.clip.tobytes()
        and (one.labels, one.clock, one.duration) == (other.labels, other.clock, other.duration)
    )


def test_fusing_one_model_is_that_model():
    assert same(mean_scores([scores(0)]), scores(0))


def test_the_mean_of_probabilities():
    three = [scores(seed) for seed in range(3)]
    fused = mean_scores(three)
    np.testing.assert_allclose(fused.frames, sum(each.frames.astype(float) for each in three) / 3, atol=1e-7)
    np.testing.assert_allclose(fused.clip, sum(each.clip.astype(float) for each in three) / 3, atol=1e-7)


def test_order_makes_no_difference_to_the_last_bit():
    late = Clock(Fraction(1, 25), Fraction(1, 100))
    members = [scores(0), scores(1, labels="cab"), scores(2, COARSE, 1), scores(3, late), scores(4, frames=6)]
    fused = [mean_scores(order) for order in permutations(members)]
    assert all(same(fused[0], each) for each in fused)


def test_labels_keep_the_order_all_agree_on_and_are_sorted_where_they_do_not():
    assert mean_scores([scores(0, labels="cba"), scores(1, labels="cba")]).labels == Labels("cba")
    fused = mean_scores([scores(0, labels="cba"), scores(1, labels="bca")])
    assert fused.labels == Labels("abc")
    first, second = scores(0, labels="cba"), scores(1, labels="bca")
    np.testing.assert_allclose(fused.clip, (first.clip[[2, 1, 0]] + second.clip[[2, 0, 1]]) / 2, atol=1e-7)


@pytest.mark.parametrize(("labels", "message"), [("abd", "model 1 has 'c', model 2 does not"), ("abcd", "'d', mod")])
def test_models_of_other_labels_are_refused_with_the_difference(labels: str, message: str):
    with pytest.raises(ConfigError, match=f"models with different labels cannot be fused: .*{message}"):
        mean_scores([scores(0), scores(1, labels=labels)])


def test_nothing_to_fuse_is_refused():
    with pytest.raises(ValueError, match="no model to fuse"):
        mean_scores([])


def planted(clock: Clock, seconds: float, onset: float, offset: float) -> Scores:
    """Scores of 1 in proportion to how much of each frame lies within an event."""
    edges = clock.edges(round(seconds / clock.step))
    inside = np.clip(np.minimum(edges[1:], offset) - np.maximum(edges[:-1], onset), 0, None) / np.diff(edges)
    frames = inside.astype(np.float32)[:, None].clip(0, 1)
    return Scores("a.wav", Labels(["dog"]), frames.max(axis=0), frames, clock, seconds)


def test_an_event_stays_at_its_seconds_however_the_members_keep_time():
    fused = mean_scores([planted(FINE, 9.96, 3.2, 6.4), planted(COARSE, 9.92, 3.2, 6.4)])
    assert fused.clock == FINE
    active = np.flatnonzero(fused.frames[:, 0] >= 0.5)
    assert FINE.time(int(active[0])) == pytest.approx(3.2, abs=float(FINE.step))
    assert FINE.time(int(active[-1]) + 1) == pytest.approx(6.4, abs=float(FINE.step))
    assert len(active) == active[-1] - active[0] + 1
    seconds = fused.frames.sum() * float(FINE.step)
    assert seconds == pytest.approx(3.2, abs=1e-5)  # nothing is lost or made


def test_the_end_of_a_coarser_member_holds():
    coarse = replace(scores(0, COARSE, 3), duration=2.0)  # ends at 0.96 s
    found = frames_on(FINE, coarse, 0, 48)
    np.testing.assert_array_equal(found[24:], np.broadcast_to(coarse.frames[2], (24, 3)))


def slow(clock: Clock, member: Scores, frame: int) -> np.ndarray:
    """Mean of a member over one frame of a clock, overlap by overlap, with the ends held."""
    begin = clock.start + frame * clock.step
    end, last = begin + clock.step, len(member.frames) - 1
    total = np.zeros(len(member.labels))
    for index in range(-40, last + 60):
        low = member.clock.start + index * member.clock.step
        overlap = min(end, low + member.clock.step) - max(begin, low)
        if overlap > 0:
            total += float(overlap / clock.step) * member.frames[min(max(index, 0), last)]
    return total


fractions = st.builds(Fraction, st.integers(1, 40), st.integers(20, 60))


@settings(deadline=None, max_examples=60)
@given(fractions, fractions, fractions, fractions, st.integers(1, 9), st.integers(1, 9))
def test_a_frame_is_the_overlap_weighted_mean(
    step: Fraction, other: Fraction, start: Fraction, later: Fraction, frames: int, count: int
):
    clock = Clock(min(step, other), start)
    member = scores(1, Clock(max(step, other), later), frames)
    expected = np.stack([slow(clock, member, frame) for frame in range(count)])
    np.testing.assert_allclose(frames_on(clock, member, 0, count), expected, atol=1e-6)


@settings(deadline=None, max_examples=40)
@given(fractions, fractions, st.integers(1, 30), st.floats(0, 1, width=32))
def test_a_steady_score_stays_as_it_is(step: Fraction, other: Fraction, frames: int, value: float):
    steady = [
        replace(each, frames=np.full_like(each.frames, value))
        for each in (scores(0, Clock(step), frames), scores(1, Clock(other), 7))
    ]
    assert (mean_scores(steady).frames == np.float32(value)).all()


def test_a_long_recording_is_fused_in_pieces_as_in_one(monkeypatch: pytest.MonkeyPatch):
    members = [scores(0, FINE, 500), scores(1, COARSE, 60)]
    whole = mean_scores(members)
    monkeypatch.setattr("earmark.runtime.ensemble._PIECE", 7)
    assert same(mean_scores(members), whole)
