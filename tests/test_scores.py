from fractions import Fraction

import numpy as np
import pytest

from earmark.clock import Clock
from earmark.labels import Labels
from earmark.scores import Scores

LABELS = Labels(["dog", "siren"])


def scores(clip: object, frames: object, duration: float = 1.0) -> Scores:
    clock = Clock(Fraction(1, 10))
    return Scores("a.wav", LABELS, np.asarray(clip, np.float32), np.asarray(frames, np.float32), clock, duration)


def test_edges_end_with_the_recording() -> None:
    made = scores([0.1, 0.2], np.zeros((4, 2)), duration=0.35)
    np.testing.assert_array_equal(made.edges, [0.0, 0.1, 0.2, 0.3, 0.35])


def test_edges_begin_with_the_recording() -> None:
    """Frames centred on multiples of the hop: half of the first lies before the recording."""
    clock = Clock(Fraction(1, 10), Fraction(-1, 20))
    made = Scores("a.wav", LABELS, np.zeros(2, np.float32), np.zeros((4, 2), np.float32), clock, 0.3)
    np.testing.assert_array_equal(made.edges, [0.0, 0.05, 0.15, 0.25, 0.3])


@pytest.mark.parametrize("value", [-0.1, 1.0001, float("nan"), 7.0])
def test_what_is_no_probability_is_refused_and_named(value: float) -> None:
    with pytest.raises(ValueError, match=r"a\.wav: clip scores outside \[0, 1\].*logits"):
        scores([0.5, value], np.zeros((3, 2)))
    with pytest.raises(ValueError, match=r"a\.wav: frame scores outside"):
        scores([0.5, 0.5], [[0.0, value]])


@pytest.mark.parametrize(("clip", "frames"), [((3,), (4, 2)), ((2,), (4, 3)), ((2,), (4,)), ((1, 2), (4, 2))])
def test_shapes_that_disagree_are_refused(clip: tuple[int, ...], frames: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="2 labels, but clip"):
        scores(np.zeros(clip), np.zeros(frames))
