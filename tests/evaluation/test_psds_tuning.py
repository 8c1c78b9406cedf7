"""Each class is smoothed as it needs, for PSDS."""

import numpy as np
import pytest

from earmark.decisions import ClassPoint, OperatingPoint, score_curve
from earmark.decisions.calibration import Platt
from earmark.evaluation.labelled import ScoredClips, evaluate_scored
from earmark.evaluation.psds_tuning import Trials, choose, settings_of
from earmark.evaluation.tuning import tune
from earmark.labels import Labels
from earmark.metrics import PSDS1, PSDS2, psds

LABELS = Labels(["flicker", "steady", "never"])


def psds_at(scored: ScoredClips, point: OperatingPoint, options=PSDS1):
    reference = {clip.name: clip.events for clip in scored.clips}
    return psds([score_curve(scores, point) for scores in scored.scores], reference, LABELS, options=options)


@pytest.mark.parametrize("objective", ["psds1", "psds2"])
def test_for_psds_each_class_is_smoothed_as_it_needs_and_unseen_recordings_gain(objective, made):
    scored, fresh = made(), made(seed=1)
    tuned = tune(scored, objective, method="threshold")
    medians = {label: part.median_seconds for label, part in tuned.point.classes.items()}
    assert medians["steady"] <= 0.5 < medians["flicker"]
    options = PSDS1 if objective == "psds1" else PSDS2
    plain = psds_at(fresh, OperatingPoint.plain(LABELS), options).value
    reached = psds_at(fresh, tuned.point, options).value
    assert reached > plain + 0.1
    held = tuned.report.held_out
    assert held["no smoothing"].objective == pytest.approx(plain, abs=0.15)
    assert tuned.report.reached == pytest.approx(reached, abs=0.15)
    assert tuned.report.gain > 0.1
    assert any(f"{objective} covers all thresholds" in note for note in tuned.report.notes)
    evaluation, _ = evaluate_scored(fresh, tuned.point)
    assert evaluation.segment is not None
    assert evaluation.segment.f1 > 0.6  # its thresholds are usable


def test_a_class_with_one_recording_follows_the_others():
    areas = np.array([[0.2, 0.2, 0.3, 0.9], [0.7, 0.6, 0.6, 0.1]])
    carriers = np.array([40.0, 30.0, 30.0, 1.0])
    assert choose(areas, carriers, 0.0).tolist() == [1, 1, 1, 0]
    assert choose(areas, carriers, 16.0).tolist() == [1, 1, 1, 1]
    assert choose(areas, np.array([40.0, 30.0, 30.0, 0.0]), 0.0).tolist() == [1, 1, 1, 1]
    assert choose(np.full((3, 2), 0.5), np.array([3.0, 4.0]), 4.0).tolist() == [0, 0]


def test_calibrations_come_before_smoothing_for_psds(made):
    scored = made()
    base = OperatingPoint.plain(LABELS)
    lowered = {
        label: part.model_copy(update={"frame_calibration": Platt(slope=1, intercept=-2)})
        for label, part in base.classes.items()
    }
    base = base.model_copy(update={"classes": lowered})
    tuned = tune(scored, "psds1", method="threshold", base=base)
    assert tuned.point.classes["flicker"].frame_calibration == Platt(slope=1, intercept=-2)
    assert tuned.point.classes["flicker"].onset < 0.4
    plain = tune(scored, "psds1", method="threshold").report.held_out["no smoothing"]
    assert tuned.report.held_out["no smoothing"] == plain  # a rising map moves no rank


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
