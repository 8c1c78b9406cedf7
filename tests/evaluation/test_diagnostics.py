from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, precision_recall_curve

from earmark.clock import Clock
from earmark.data.records import Clip
from earmark.decisions import ClassPoint, OperatingPoint
from earmark.decisions.calibration import Platt
from earmark.evaluation.diagnostics import curves, hardest, precision_recall
from earmark.evaluation.labelled import Measuring, ScoredClips, evaluate_scored
from earmark.events import Event
from earmark.labels import Labels
from earmark.scores import Scores

LABELS = Labels(["dog", "cat"])
POINT = OperatingPoint.plain(LABELS)


def scored(*clips: tuple[list[Event] | None, list[Event]], duration: float = 10.0) -> ScoredClips:
    """Clips with events (None: tags alone, `dog`), and scores of 0.9 where the second list says so, else 0.1."""
    found, scores = [], []
    for number, (events, claimed) in enumerate(clips):
        frames = np.full((round(duration * 10), 2), 0.1, dtype=np.float32)
        for event in claimed:
            frames[round(event.onset * 10) : round(event.offset * 10), LABELS.index(event.label)] = 0.9
        labels = ("dog",) if events is None else tuple(dict.fromkeys(event.label for event in events))
        name = f"{number}.wav"
        found.append(Clip(Path(name), name, labels, None if events is None else tuple(events)))
        scores.append(Scores(name, LABELS, frames.max(axis=0), frames, Clock.from_hop(1, 10), duration))
    return ScoredClips(LABELS, tuple(found), tuple(scores), ())


def hard(clips: ScoredClips, count: int, **options: float) -> list[tuple[int, str]]:
    _, detected = evaluate_scored(clips, POINT)
    return [(one.index, one.note) for one in hardest(clips, detected, count, **options)]


BARK, LONG, MEOW = Event(1.0, 3.0, "dog"), Event(1.0, 6.0, "dog"), Event(4.0, 8.0, "cat")


def test_the_recording_with_most_errors_comes_first_and_its_errors_are_told() -> None:
    clips = scored(([BARK], [BARK]), ([LONG], [BARK]), ([BARK], [MEOW]))
    assert hard(clips, 3) == [
        (2, "Missed: dog 2 s. Invented: cat 4 s."),
        (1, "Missed: dog 3 s."),
        (0, ""),
    ]
    assert [index for index, _ in hard(clips, 1)] == [2]


def test_ties_are_settled_by_the_loss_of_the_clip_scores() -> None:
    clips = scored(([BARK], [BARK]), ([BARK], [BARK]))
    doubtful = replace(clips.scores[1], clip=np.float32([0.55, 0.45]))
    assert [index for index, _ in hard(replace(clips, scores=(clips.scores[0], doubtful)), 2)] == [1, 0]


def test_without_events_the_loss_decides_and_the_scores_are_told() -> None:
    clips = scored((None, [BARK]), (None, [MEOW]), (None, [BARK, MEOW]))
    assert hard(clips, 3) == [
        (1, "Scored low although present: dog 0.10. Scored high although absent: cat 0.90."),
        (2, "Scored high although absent: cat 0.90."),
        (0, ""),
    ]


def test_recordings_without_events_take_no_part_where_others_have_them_and_long_ones_never_do() -> None:
    assert [index for index, _ in hard(scored((None, [MEOW]), ([BARK], [])), 5)] == [1]
    assert hard(scored(([BARK], []), duration=70.0), 5) == []
    assert len(hard(scored(([BARK], []), duration=70.0), 5, longest=80.0)) == 1


def test_the_curve_is_that_of_scikit_learn() -> None:
    random = np.random.default_rng(0)
    truth = random.random((300, 2)) < 0.2
    scores = np.round(random.random((300, 2)) * 0.7 + truth * 0.3, 2).astype(np.float32)  # with ties
    found = precision_recall(truth, scores, scores >= 0.6, LABELS)
    for column, label in enumerate(LABELS):
        precision, recall, _ = precision_recall_curve(truth[:, column], scores[:, column])
        theirs = {(round(r, 9), round(p, 9)) for r, p in zip(recall, precision, strict=True) if r > 0}
        ours = {(round(r, 9), round(p, 9)) for r, p in zip(found[label].recall, found[label].precision, strict=True)}
        assert ours <= theirs
        # of each recall, ours has the best precision
        assert {r for r, _ in theirs} == {r for r, _ in ours}
        assert all(p >= max(q for s, q in theirs if s == r) for r, p in ours)
        assert found[label].ap == pytest.approx(average_precision_score(truth[:, column], scores[:, column]))
        assert found[label].at in {(float(r), float(p)) for r, p in zip(recall, precision, strict=True)}


def test_classes_without_positives_have_no_curve_and_those_never_tagged_no_dot() -> None:
    study = curves(scored(([BARK], [BARK]), ([BARK], [])), OperatingPoint.plain(LABELS).with_threshold(0.95))
    assert list(study.precision_recall) == ["dog"]
    assert study.precision_recall["dog"].at is None


def test_curves_agree_with_the_figures_of_the_evaluation() -> None:
    clips = scored(([BARK], [BARK]), ([LONG], [BARK]), ([BARK, MEOW], [MEOW]), ([], [MEOW]))
    metrics = evaluate_scored(clips, POINT, Measuring(thorough=True))[0].to_json()
    study = curves(clips, POINT)
    for label, curve in study.precision_recall.items():
        tagging = metrics["tagging"]["per_class"][label]
        assert curve.ap == pytest.approx(tagging["ap"])
        assert curve.at == pytest.approx((tagging["recall"], tagging["precision"]))
        assert study.psds["PSDS1"].per_class[label] == pytest.approx(metrics["psds"]["per_class"][label]["psds1"])
    assert study.psds["PSDS2"].value == pytest.approx(metrics["psds"]["psds2"])
    assert study.confusion is not None
    assert study.confusion.missed.tolist() == [1, 0]
    assert study.confusion.invented.tolist() == [0, 1]


def test_tags_alone_have_no_psds_and_given_psds_are_kept() -> None:
    assert curves(scored((None, [BARK])), POINT).psds == {}
    clips = scored(([BARK], [BARK]))
    given = curves(clips, POINT).psds
    assert curves(clips, POINT, given).psds is given


def test_reliability_is_of_scores_before_and_after_calibration() -> None:
    clips = scored(([BARK], [BARK]), ([BARK], []))
    assert curves(clips, POINT).calibrated == ()
    part = ClassPoint(clip_calibration=Platt(slope=0, intercept=0))
    study = curves(clips, POINT.model_copy(update={"classes": {"dog": part, "cat": ClassPoint()}}))
    assert study.reliability[0].counts == (0, 1, 0, 0, 0, 0, 0, 0, 1, 0)  # 0.9 as float32 is a little less
    assert study.calibrated[0].counts == (0, 0, 0, 0, 0, 2, 0, 0, 0, 0)
    assert study.calibrated[0].ece == pytest.approx(0.5)
    assert study.calibrated[1] == study.reliability[1]
