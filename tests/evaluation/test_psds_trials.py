"""Trials of settings give the figures of PSDS itself."""

import numpy as np
import pytest

from earmark.decisions import ClassPoint, OperatingPoint, score_curve
from earmark.evaluation.psds_trials import Trials
from earmark.evaluation.psds_tuning import settings_of
from earmark.labels import Labels
from earmark.metrics import PSDS1, PSDS2, psds

LABELS = Labels(["flicker", "steady", "never"])


@pytest.mark.parametrize("options", [PSDS1, PSDS2], ids=["psds1", "psds2"])
@pytest.mark.parametrize("method", ["threshold", "boxes"])
def test_trials_give_the_figures_of_psds_itself(method, options, made):
    """Of all recordings, of some, and of settings mixed by class and by fold."""
    scored = made(recordings=24, flicker=0.2)
    references, fold = scored.references(), np.arange(24) % 3
    settings = [settings_of(method)[place] for place in (1, 3, -3)]
    assert {setting["tag_weight"] for setting in settings} == {False, True}
    trials = Trials(references, scored.scores, options, [(method, each) for each in settings], fold)
    assert list(trials.truth.labels) == ["flicker", "steady"]

    def curves(choices):
        """`choices` (folds, columns): the settings of each fold's recordings."""
        points = []
        for row in choices:
            parts = [ClassPoint(**settings[s]) for s in row] + [ClassPoint()]
            points.append(OperatingPoint(method=method, classes=dict(zip(LABELS, parts, strict=True))))
        return [score_curve(scores, points[k]) for scores, k in zip(scored.scores, fold, strict=True)]

    def of(keep, number):
        chosen = [i for i in range(24) if keep[i]]
        whole = curves([[number] * 2] * 3)
        reference = {scored.clips[i].name: references[i] for i in chosen}
        return psds([whole[i] for i in chosen], reference, LABELS, options=options)

    for keep in (fold >= 0, fold != 1):
        expected = [[of(keep, s).per_class[label] for label in trials.truth.labels] for s in range(3)]
        np.testing.assert_allclose(trials.areas(keep), expected, atol=1e-12)
        assert trials.carriers(keep).tolist() == [
            sum(any(e.label == label for e in references[i]) for i in range(24) if keep[i])
            for label in trials.truth.labels
        ]
    mixture = np.array([[0, 2], [1, 0], [2, 1]])
    reference = {clip.name: clip.events for clip in scored.clips}
    expected = psds(curves(mixture), reference, LABELS, options=options).value
    assert trials.mixed(mixture) == pytest.approx(expected, abs=1e-12)
