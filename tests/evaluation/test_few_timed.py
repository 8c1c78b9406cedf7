"""Few timed clips and an operating point from tags: the plainer stands until the clips show otherwise."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from earmark.clock import Clock
from earmark.data.records import Clip
from earmark.decisions import OperatingPoint, decide
from earmark.decisions.tuning import Tuned
from earmark.decisions.tuning.from_tags import is_from_tags
from earmark.evaluation.few_timed import ANEW, BEFORE, LEAST, SCALED, keep, scaled
from earmark.evaluation.labelled import ScoredClips
from earmark.evaluation.tuning import tune
from earmark.events import Event
from earmark.labels import Labels
from earmark.metrics import event_metrics
from earmark.scores import Scores

OBJECTIVE = "event-f1-micro"
LABELS = Labels(["flicker", "steady"])


def made(recordings: int = 40, seed: int = 0) -> ScoredClips:
    """Ten seconds of 0.1 s frames: a class of long events whose curve flickers, and one of short clean events."""
    rng = np.random.default_rng(seed)
    clips, many = [], []
    for number in range(recordings):
        truth, events = np.zeros((100, 2)), []
        for column, (name, shortest, longest) in enumerate((("flicker", 20, 40), ("steady", 3, 6))):
            if rng.random() < 0.6:
                onset, length = int(rng.integers(0, 60)), int(rng.integers(shortest, longest))
                truth[onset : onset + length, column] = 1
                events.append(Event(onset / 10, (onset + length) / 10, name))
        flipped = rng.random((100, 1)) < [[0.3, 0.0]]
        curve = np.where(flipped, 1 - truth, truth) * 0.8 + 0.1 + rng.uniform(-0.09, 0.09, (100, 2))
        clip = np.clip(0.3 + 0.4 * truth.max(axis=0) + rng.normal(0, 0.1, 2), 0, 1)
        name = f"{number}.wav"
        scores = Scores(name, LABELS, clip.astype(np.float32), curve.astype(np.float32), Clock(Fraction(1, 10)), 10.0)
        clips.append(Clip(Path(name), name, tuple(sorted({event.label for event in events})), tuple(events)))
        many.append(scores)
    return ScoredClips(LABELS, tuple(clips), tuple(many), ())


def weak(scored: ScoredClips) -> ScoredClips:
    return replace(scored, clips=tuple(replace(clip, events=None) for clip in scored.clips))


def some(scored: ScoredClips, number: int) -> ScoredClips:
    return replace(scored, clips=scored.clips[:number], scores=scored.scores[:number])


def event_f1(scored: ScoredClips, point: OperatingPoint) -> float:
    reference = {clip.name: clip.events for clip in scored.clips}
    found = {each.recording: decide(each, point).events for each in scored.scores}
    return float(event_metrics(reference, found, LABELS).f1)


def note_of(tuned: Tuned) -> str:
    (note,) = [each for each in tuned.report.notes if each.startswith("kept for events")]
    return note


@pytest.mark.parametrize("number", [1, 4, LEAST - 1])
def test_a_handful_of_timed_clips_leaves_the_point_that_tags_gave(number: int) -> None:
    before = tune(weak(made(60, seed=1))).point
    tuned = tune(some(made(seed=2), number), OBJECTIVE, method="threshold", base=before)
    assert tuned.point.classes == before.classes
    assert is_from_tags(tuned.point)
    assert f"{number} timed clips" in tuned.point.origin
    assert f"kept for events: {BEFORE}; {number} timed clips are too few to choose by" in note_of(tuned)


def test_clips_that_do_not_show_another_to_be_better_leave_it_too() -> None:
    timed = made(40, seed=1)
    good = tune(timed, OBJECTIVE, method="threshold").point
    before = good.model_copy(update={"origin": "tuned for tagging-f1 on 40 recordings, tags alone"})
    tuned = tune(some(timed, 12), OBJECTIVE, method="threshold", base=before)
    assert tuned.point.classes == before.classes
    assert f"kept for events: {BEFORE}; the timed clips do not show" in note_of(tuned)


def test_many_timed_clips_that_show_a_better_choice_replace_it() -> None:
    before = tune(weak(made(60, seed=1))).point
    useless = before.model_copy(
        update={"classes": {name: part.model_copy(update={"onset": 0.999}) for name, part in before.classes.items()}}
    )
    timed = made(60, seed=2)
    tuned = tune(timed, OBJECTIVE, method="threshold", base=useless)
    plain = tune(timed, OBJECTIVE, method="threshold")
    assert f"kept for events: {ANEW}" in note_of(tuned)
    assert tuned.point.classes == plain.point.classes
    assert not is_from_tags(tuned.point)


def test_what_was_tuned_on_times_before_is_tuned_anew_as_ever() -> None:
    timed = made(20, seed=2)
    before = tune(made(40, seed=1), OBJECTIVE, method="threshold").point
    tuned = tune(timed, OBJECTIVE, method="threshold", base=before)
    assert tuned.point.classes == tune(timed, OBJECTIVE, method="threshold").point.classes
    assert not any(each.startswith("kept for events") for each in tuned.report.notes)


def test_thresholds_that_are_all_off_alike_are_scaled_back() -> None:
    timed = some(made(60, seed=2), 30)
    good = tune(made(60, seed=1), OBJECTIVE, method="threshold").point
    late = {label: part.model_copy(update={"onset": 0.985, "offset": 0.985}) for label, part in good.classes.items()}
    off = good.model_copy(update={"classes": late, "origin": "tuned for tagging-f1 on 60 recordings, tags alone"})
    anew = tune(timed, OBJECTIVE, method="threshold")
    worthless = replace(anew.report, by_fold=(scaled(good, 1e-4, 1.0),) * anew.report.folds)
    fold = np.arange(30) % anew.report.folds
    references = [clip.events or () for clip in timed.clips]
    kept = keep(OBJECTIVE, references, timed.scores, fold, before=off, anew=anew._replace(report=worthless))
    assert kept.name == SCALED
    assert kept.reached[SCALED] > kept.reached[BEFORE]
    unseen = made(60, seed=5)
    assert event_f1(unseen, kept.point) > event_f1(unseen, off)


@pytest.mark.parametrize("objective", ["segment-f1", "segment-f1-micro", "event-f1", "error-rate"])
def test_what_each_reached_is_told_for_every_objective(objective: str) -> None:
    before = tune(weak(made(40, seed=1))).point
    note = note_of(tune(some(made(seed=2), 12), objective, method="threshold", base=before))
    assert all(name in note for name in (BEFORE, SCALED, ANEW))
    assert f"({objective} on 12 timed clips, held out: " in note
