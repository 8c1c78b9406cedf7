from fractions import Fraction

import numpy as np

from earmark.clock import Clock
from earmark.events import Event
from earmark.labels import Labels
from earmark.metrics.psd_curves import ScoreSource
from earmark.metrics.psd_steps import collect_steps, sum_equal
from earmark.metrics.threshold_steps import Steps
from earmark.metrics.truth import truth_of
from earmark.scores import Scores

LABELS = Labels(["dog"])


def scores_of(peaks):
    for number, peak in enumerate(peaks):
        frames = np.float32([[0.01], [peak], [0.01]])
        yield Scores(f"{number}", LABELS, frames.max(axis=0), frames, Clock(Fraction(1)), 3.0)


def collect(scores, recordings, most_false, **options):
    truth = truth_of({str(number): [Event(1, 2, "dog")] if not number else [] for number in range(recordings)}, LABELS)
    source = ScoreSource(scores, LABELS, {str(number): 3.0 for number in range(recordings)}, "error")
    return collect_steps(source, truth, dtc=0.5, gtc=0.5, cttc=None, most_false=most_false, **options)


def test_only_what_can_matter_is_kept():
    peaks = np.float32([0.35, *np.linspace(0.9, 0.1, 9)])
    all_of_it = collect(list(scores_of(peaks)), 10, np.inf)
    assert len(all_of_it.steps) == 10 + 2  # and at 0.01 the event is lost, its report false
    assert np.isneginf(all_of_it.floor).all()
    some = collect(list(scores_of(peaks)), 10, 3 / 30)  # three false positives in 30 s
    assert some.floor.tolist() == [peaks[4]]  # the best four recordings without a dog: at the fourth it is too many
    assert some.steps.score.tolist() == peaks[1:4].tolist()
    for scores in (scores_of(peaks), list(scores_of(peaks))):
        assert collect(scores, 10, 3 / 30).steps.score.tolist() == peaks[1:4].tolist()
    assert collect(list(scores_of(peaks)), 10, 3 / 30, by_recording=True).floor.tolist() == [peaks[7]]


def test_equal_steps_become_one():
    rows = np.array(
        [[0, 5, 1, 2], [0, 5, 1, -1], [0, 5, 0, 1], [1, 5, 1, 1], [0, 7, 1, 1], [0, 6, 1, 1], [0, 6, 1, -1]]
    )
    column, score, kind, amount = rows.T
    summed = sum_equal(Steps(column, score.astype(float), kind, amount, column * 0), np.array([-np.inf, 6.0]))
    found = np.stack([summed.column, summed.score, summed.kind, summed.amount], axis=1)
    assert found.tolist() == [[0, 7, 1, 1], [0, 5, 0, 1], [0, 5, 1, 1]]
