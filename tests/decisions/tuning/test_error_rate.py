"""The joint choice of classes for the overall error rate."""

import numpy as np
import pytest

from earmark.decisions import ClassPoint, OperatingPoint, decide
from earmark.decisions.tuning import BoxGrid, tune_detection
from earmark.decisions.tuning.aims import ErrorRate
from earmark.decisions.tuning.counting import SegmentCounter
from earmark.decisions.tuning.detection import encode_tags
from earmark.decisions.tuning.error_rate import OverallErrors
from earmark.decisions.tuning.shrinkage import assign_folds, choose_by_cross_validation
from earmark.decisions.tuning.sweep import method_of, sweep
from earmark.decisions.tuning.timeline import lay_out
from earmark.events import Event
from tests.decisions.tuning.made import PLAIN, SMALL


def overall_errors(references, scores, point):
    """Substitutions + deletions + insertions, and active reference segments, counted segment by segment."""
    wrong = there = 0
    for reference, each in zip(references, scores, strict=True):
        found = decide(each, point).events
        for k in range(int(np.ceil(each.duration))):
            one, two = ({e.label for e in events if e.onset < k + 1 and e.offset > k} for events in (reference, found))
            wrong, there = wrong + max(len(one), len(two)) - len(one & two), there + len(one)
    return wrong, there


@pytest.mark.parametrize("grid", [SMALL, BoxGrid(merge_absolute=(0.2,), min_duration_on=(0.0,))], ids=["runs", "boxes"])
def test_the_error_rate_is_the_overall_one_and_the_joint_choice_never_raises_it(made, grid):
    references, scores = made(recordings=60, classes=4, noise=1.0)
    for each in scores:
        each.frames[:, 1] = np.maximum(each.frames[:, 1], 0.8 * each.frames[:, 0])  # a class mistaken for another
    labels = scores[0].labels
    fold = assign_folds(encode_tags(references, labels), 3, 0)
    line = lay_out(scores, references, fold, 3)
    counter = SegmentCounter(line)
    swept = sweep(line, counter, grid)
    errors = OverallErrors(line, counter, swept, method_of(grid))
    chosen = choose_by_cross_validation(swept.counts, ErrorRate(), line.fold, swept.thresholds)
    joint = errors.improve(chosen.choice)
    rates = []
    for choice in (chosen.choice, joint):
        parts = {label: ClassPoint(**swept.fields(one)) for label, one in zip(labels, choice.tolist(), strict=True)}
        wrong, there = overall_errors(references, scores, OperatingPoint(method=method_of(grid), classes=parts))
        assert errors.rate(np.tile(choice, (3, 1))) == pytest.approx(wrong / there)
        rates.append(wrong / there)
    assert rates[1] <= rates[0]
    report = tune_detection(references, scores, "error-rate", grid=grid).report
    assert report.held_out["default 0.5"].objective > report.reached
    assert report.gain > 0


def test_classes_nobody_can_tell_apart_are_chosen_for_jointly(made):
    """Each of three is right in a third of what it would report: alone none is worth it, one of them together is."""
    references, scores = made(recordings=60, classes=3, noise=0.1, rates=(0, 0, 0))
    for number, (reference, each) in enumerate(zip(references, scores, strict=True)):
        each.frames[20:60] = 0.6
        reference.append(Event(2.0, 6.0, f"c{number % 3}"))
    report = tune_detection(references, scores, "error-rate", grid=PLAIN, shrinkages=(1.0,)).report
    assert report.held_out["per class, shrunk"].objective == pytest.approx(1.0)
    assert report.reached == pytest.approx(2 / 3, abs=0.01)
