from dataclasses import replace

import numpy as np
import pytest

from earmark.decisions import ClassPoint, OperatingPoint, decide
from earmark.decisions.calibration import Platt
from earmark.decisions.tuning import BoxGrid, tune_detection
from earmark.decisions.tuning.aims import ErrorRate, macro_f1
from earmark.decisions.tuning.counting import SegmentCounter
from earmark.decisions.tuning.detection import OverallErrors, encode_tags
from earmark.decisions.tuning.shrinkage import assign_folds, choose_by_cross_validation
from earmark.decisions.tuning.sweep import TAIL, method_of, sweep, sweep_thresholds
from earmark.decisions.tuning.timeline import lay_out
from earmark.errors import ConfigError
from earmark.events import Event
from tests.decisions.tuning.made import PLAIN, SMALL


def segment_f1(references, scores, point):
    hits = wrong = 0
    for reference, each in zip(references, scores, strict=True):

        def active(events):
            return {(e.label, k) for e in events for k in range(int(e.onset), int(np.ceil(e.offset)))}

        there, found = active(reference), active(decide(each, point).events)
        hits, wrong = hits + len(there & found), wrong + len(there ^ found)
    return 2 * hits / (2 * hits + wrong)


def test_planted_thresholds_are_found(made):
    references, scores = made(recordings=80, classes=3, noise=0.15, scales=(-3, 0, 3))
    point = tune_detection(references, scores, grid=PLAIN).point
    middles = [1 / (1 + np.exp(-scale)) for scale in (-3, 0, 3)]
    assert [part.onset for part in point.classes.values()] == pytest.approx(middles, abs=0.06)


def test_tuning_helps_recordings_it_has_not_seen_and_foretells_by_how_much(made):
    tuned = tune_detection(*made(recordings=120, seed=1, noise=1.0), grid=SMALL)
    fresh = made(recordings=120, seed=2, noise=1.0)
    plain = segment_f1(*fresh, OperatingPoint.plain(tuned.point.labels))
    reached = segment_f1(*fresh, tuned.point)
    assert reached > plain + 0.1
    held = tuned.report.held_out
    assert held["per class, shrunk"].micro_f1 == pytest.approx(reached, abs=0.05)
    assert held["default 0.5"].micro_f1 == pytest.approx(plain, abs=0.05)


@pytest.mark.parametrize("objective", ["segment-f1", "segment-f1-micro", "event-f1", "error-rate"])
def test_every_objective_gains_on_held_out_recordings(made, objective):
    report = tune_detection(*made(recordings=80, noise=0.8), objective, grid=SMALL).report
    sign = -1 if report.lower_is_better else 1
    gain = report.held_out["per class, shrunk"].objective - report.held_out["default 0.5"].objective
    assert sign * gain > 0.05
    assert report.lower_is_better == (objective == "error-rate")


def test_false_alarms_in_clips_without_the_tag_call_for_the_gate(made):
    references, scores = made(recordings=80, classes=2, noise=0.1, scales=(0, 0))
    for number, (reference, each) in enumerate(zip(references, scores, strict=True)):
        there = scores[0].labels.encode(event.label for event in reference)
        each.clip[:] = np.where(there, 0.9, 0.1)
        if number % 2:
            each.frames[:20, ~there] = 0.9  # a loud false alarm that the clip score does not believe
    tuned = tune_detection(references, scores, grid=replace(PLAIN, tag_gate=(False, True)))
    assert all(part.tag_gate is True for part in tuned.point.classes.values())
    ungated = tune_detection(references, scores, grid=PLAIN)
    assert tuned.report.reached > ungated.report.reached + 0.1
    assert segment_f1(references, scores, tuned.point) > segment_f1(references, scores, ungated.point) + 0.1


def test_sagging_events_call_for_hysteresis(made):
    references, scores = made(recordings=60, classes=2, noise=0.05, rates=(0.9, 0.9), scales=(0, 0))
    for reference, each in zip(references, scores, strict=True):
        each.frames[:] = 0.1
        for event in reference:
            column = each.labels.index(event.label)
            each.frames[round(event.onset * 10) : round(event.offset * 10), column] = 0.5
            each.frames[round(event.onset * 10), column] = 0.9
        each.frames[np.arange(0, 100, 7), :] = np.maximum(each.frames[::7], 0.6)  # never an event of its own
    tuned = tune_detection(references, scores, "event-f1", grid=replace(PLAIN, offset_share=(1.0, 0.5)))
    assert all(part.offset == pytest.approx(part.onset / 2, abs=1e-6) for part in tuned.point.classes.values())
    assert tuned.report.reached > 0.9


def test_curves_that_fall_before_the_sound_is_over_call_for_events_that_end_later(made):
    references, scores = made(recordings=60, classes=2, noise=0.05, scales=(0, 0))
    for reference, each in zip(references, scores, strict=True):
        for event in reference:
            tail = slice(round(event.offset * 10) - 3, round(event.offset * 10))  # 0.3 s: more than the collar
            each.frames[tail, each.labels.index(event.label)] = 0.01
    alone = tune_detection(references, scores, "event-f1", grid=PLAIN)
    tuned = tune_detection(references, scores, "event-f1", grid=replace(PLAIN, pad_offset=(0.0, TAIL)))
    assert all(part.pad_offset == TAIL for part in tuned.point.classes.values())
    assert tuned.report.reached > alone.report.reached + 0.2
    assert tuned.report.reached > 0.95


def test_noisy_curves_call_for_a_median_filter(made):
    references, scores = made(recordings=60, classes=2, noise=1.2, scales=(0, 0))
    point = tune_detection(references, scores, "event-f1", grid=SMALL).point
    assert all(part.median_seconds > 0 for part in point.classes.values())


def test_a_class_with_one_positive_stays_near_the_pool(made):
    references, scores = made(recordings=80, classes=4, noise=0.2, rates=(0.5, 0.5, 0.5, 0), scales=(0, 0, 0, 0))
    scores[0].frames[20:40, 3] = 0.97  # the one positive, by luck very sure ...
    references[0].append(Event(2.0, 4.0, "c3"))
    for each in scores[1:4]:
        each.frames[50:60, 3] = 0.9  # ... and a few sounds like it, less so: alone, the class would ask for 0.9
    alone = tune_detection(references, scores, grid=PLAIN, shrinkages=(0.0,)).point
    tuned = tune_detection(references, scores, grid=PLAIN, shrinkages=(16.0,))
    assert alone.classes["c3"].onset > 0.9
    assert all(0.4 < part.onset < 0.65 for part in tuned.point.classes.values())
    assert tuned.report.positives["c3"] == 1


def test_shrinkage_helps_recordings_not_seen_where_labels_have_a_long_tail(made):
    rates, gains = 0.4 * 0.8 ** np.arange(20), []
    for seed in range(6):
        scales = np.random.default_rng(seed).normal(-1, 0.6, 20)
        maker = {"classes": 20, "noise": 1.0, "rates": rates, "scales": scales}
        seen, fresh = made(recordings=100, seed=seed, **maker), made(recordings=300, seed=seed + 100, **maker)
        line = lay_out(fresh[1], fresh[0], np.zeros(300, dtype=np.int64), 1)
        swept = sweep_thresholds(line, SegmentCounter(line), SMALL)
        reached = []
        for shrinkage in (0.0, 32.0):
            point = tune_detection(*seen, grid=SMALL, shrinkages=(shrinkage,)).point
            reached.append(macro_f1(counts_at(swept, point)))
        gains.append(reached[1] - reached[0])
    assert np.mean(gains) > 0.005  # measured over 20 other seeds: 0.015, standard error 0.003


def counts_at(sweep, point):
    """Counts (classes, 3) of an operating point made of a sweep's choices."""
    choices = {tuple(sorted(sweep.fields(i).items())): i for i in range(sweep.counts[0, 0, ..., 0].size)}
    flat = sweep.counts.sum(axis=0).reshape(len(point.labels), -1, 3)
    names = sweep.fields(0)
    parts = [tuple(sorted((name, getattr(part, name)) for name in names)) for part in point.classes.values()]
    return np.stack([flat[c, choices[part]] for c, part in enumerate(parts)])


def test_boxes_are_tuned_through_the_same_door(made):
    references, scores = made(recordings=40, noise=0.5)
    grid = BoxGrid(step_seconds=(0.4, 0.8), merge_absolute=(0.1, 0.3), merge_relative=(2.0,))
    tuned = tune_detection(references, scores, "event-f1", grid=grid)
    assert tuned.point.method == "boxes"
    assert tuned.report.held_out["per class, shrunk"].objective > 0.3


def test_calibrations_are_kept_and_thresholds_fit_them(made):
    references, scores = made(recordings=60, classes=2, noise=0.2, scales=(-3, -3))
    lift = Platt(slope=1, intercept=3)
    base = OperatingPoint.plain(["c0", "c1"])
    parts = {label: part.model_copy(update={"frame_calibration": lift}) for label, part in base.classes.items()}
    point = tune_detection(references, scores, grid=PLAIN, base=base.model_copy(update={"classes": parts})).point
    assert point.classes["c0"].frame_calibration == lift
    assert point.classes["c0"].onset == pytest.approx(0.5, abs=0.15)


def test_odd_input_is_noted_or_refused(made):
    references, scores = made(recordings=6)
    references[0].append(Event(0, 1, "stranger"))
    assert any("stranger" in note for note in tune_detection(references, scores, grid=PLAIN).report.notes)
    with pytest.raises(ConfigError, match="is about tags"):
        tune_detection(references, scores, "tagging-f1")
    with pytest.raises(ValueError, match="5 references for 6"):
        tune_detection(references[1:], scores)
    quiet = tune_detection([[] for _ in scores], scores, grid=PLAIN)
    assert any("no recording contains c0, c1, c2, c3" in note for note in quiet.report.notes)
    assert tune_detection(references[:1], scores[:1], grid=PLAIN).report.held_out == {}


def overall_errors(references, scores, point):
    """Substitutions + deletions + insertions, and active reference segments, counted segment by segment."""
    wrong = there = 0
    for reference, each in zip(references, scores, strict=True):
        found = decide(each, point).events
        for k in range(int(np.ceil(each.duration))):
            one, two = ({e.label for e in events if e.onset < k + 1 and e.offset > k} for events in (reference, found))
            wrong, there = wrong + max(len(one), len(two)) - len(one & two), there + len(one)
    return wrong, there


@pytest.mark.parametrize(
    "grid",
    [SMALL, replace(SMALL, pad_offset=(0.7,)), BoxGrid(merge_absolute=(0.2,), min_duration_on=(0.0,))],
    ids=["runs", "padded", "boxes"],
)
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
