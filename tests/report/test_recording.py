"""The picture of a recording: the right classes, events where they are, one time axis."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from earmark.clock import Clock
from earmark.events import Event
from earmark.labels import Labels
from earmark.report.canvas import BLUE, ORANGE, png
from earmark.report.recording import LEFT, RIGHT, recording_figure, relevant_labels, trajectories_figure
from earmark.scores import Scores


def draw(view, **changes):
    view = replace(view, **changes)
    return recording_figure(
        view.logmel,
        view.logmel_clock,
        view.scores,
        view.reference,
        view.detected,
        thresholds=view.thresholds,
        band_hz=view.band_hz,
    )


def spans(axes, colour):
    """Start and end of every bar of a colour, from the top of the picture down."""
    from matplotlib.colors import to_rgba

    bars = [c for c in axes.collections if c.get_paths() and tuple(c.get_facecolor()[0]) == to_rgba(colour)]
    return [[(p.get_extents().x0, p.get_extents().x1) for p in bar.get_paths()] for bar in bars]


def test_events_are_drawn_where_they_are(view):
    below = draw(view).axes[1]
    assert spans(below, BLUE) == [[(0.0, 0.5)], [(1.1, 3.2)], [(4.5, 5.0)]]
    assert spans(below, ORANGE) == [[(1.0, 3.0)], [(2.5, 4.0)]]


def test_log_mel_and_scores_share_the_time_axis_at_its_promised_place(view):
    figure = draw(view)
    for axes in figure.axes:
        assert axes.get_xlim() == (0, 5.0)
        assert (axes.get_position().x0, axes.get_position().x1) == pytest.approx((LEFT, RIGHT))
    assert figure.axes[0].images[0].get_extent() == [0.0, 5.0, 0, 40]
    assert figure.axes[0].images[0].get_array().shape == (40, 250)


@pytest.mark.parametrize(
    "changes",
    [
        {"reference": None},
        {"detected": [], "reference": []},
        {"thresholds": None},
        {"thresholds": 0.5},
        {"band_hz": None},
        {"logmel": np.zeros((250, 40))},
        {"reference": [Event(0, 1, "unheard of"), Event(2, 2, "siren")]},
    ],
)
def test_any_part_may_be_missing(view, changes):
    assert png(draw(view, **changes)).startswith(b"\x89PNG")


def test_labels_are_not_read_as_mathematics_and_long_ones_fit(scores, view):
    name = "Vehicle horn, car horn, honking, toot, beep and more"
    labels = Labels([name, "$\\frac{", "b", "c"])
    long = replace(scores, labels=labels)
    figure = draw(view, scores=long, detected=[Event(0, 1, name), Event(1, 2, "$\\frac{")], reference=None)
    texts = [label.get_text() for label in figure.axes[1].get_yticklabels()]
    assert texts == ["Vehicle horn, car\nhorn, honking, t…", "$\\frac{"]
    assert png(figure)


def test_relevant_labels_come_in_order_of_appearance():
    labels = Labels("abcdefgh")
    clip = np.array([0.1, 0.9, 0.3, 0.25, 0.0, 0.0, 0.05, 0.8], dtype=np.float32)
    scores = Scores("x", labels, clip, np.zeros((1, 8), dtype=np.float32), Clock.from_hop(1, 1), 1.0)
    assert relevant_labels(scores, [Event(2, 3, "a")], [Event(1, 2, "h")]) == ["h", "a", "b", "c", "d"]
    assert relevant_labels(scores, [Event(2, 3, "a")], [Event(1, 2, "h")], most=3) == ["h", "a", "b"]
    assert relevant_labels(scores, None, []) == ["b", "h", "c", "d"]
    silent = replace(scores, clip=np.zeros(8, dtype=np.float32))
    assert relevant_labels(silent, [], []) == ["a"]


matplotlib = pytest.importorskip("matplotlib")


def test_a_panel_for_each_pooling_and_a_line_for_each_head():
    rng = np.random.default_rng(0)
    heads = rng.dirichlet(np.ones(25), size=4).T
    plain = heads.mean(axis=1, keepdims=True)
    clock = Clock(Fraction(2, 5))
    figure = trajectories_figure(
        "dog $a$.wav",
        rng.random((400, 64)),
        Clock(Fraction(1, 40)),
        {"gmap": (clock, heads), "plain": (clock, plain)},
        10.0,
    )
    above, gmap, single = figure.axes
    assert above.get_title(loc="left") == "dog $a$.wav"
    assert [text.get_text() for text in gmap.get_legend().get_texts()] == ["head 1", "head 2", "head 3", "head 4"]
    assert single.get_legend() is None
    for axes, values in ((gmap, heads), (single, plain)):
        drawn = np.stack([patch.get_data().values for patch in axes.patches], axis=1)
        np.testing.assert_allclose(drawn, values)
        np.testing.assert_allclose(axes.patches[0].get_data().edges, np.arange(26) * 0.4)
    assert single.get_xlim() == (0, 10)
