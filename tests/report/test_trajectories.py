from fractions import Fraction

import numpy as np
import pytest

from earmark.clock import Clock
from earmark.report.trajectories import trajectories_figure

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
