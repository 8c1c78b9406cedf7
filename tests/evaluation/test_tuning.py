from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from earmark.clock import Clock
from earmark.data.records import Clip
from earmark.decisions import ClassPoint, OperatingPoint, decide, named_point, score_curve
from earmark.decisions.calibration import Platt
from earmark.decisions.tuning import tune_detection
from earmark.decisions.tuning.from_tags import NOT_TUNED, TIMED_CLIPS
from earmark.decisions.tuning.report import mean_ece
from earmark.errors import ConfigError, DataError
from earmark.evaluation.labelled import ScoredClips, evaluate_scored
from earmark.evaluation.psds_trials import Trials
from earmark.evaluation.psds_tuning import choose, settings_of, tune_smoothing
from earmark.evaluation.tuning import advice, check_options, tune
from earmark.events import Event
from earmark.labels import Labels
from earmark.metrics import PSDS1, PSDS2, psds
from earmark.scores import Scores

LABELS = Labels(["flicker", "steady", "never"])


def made(recordings: int = 40, seed: int = 0, flicker: float = 0.3) -> ScoredClips:
    """Ten seconds of 0.1 s frames: one class whose curve flickers, one of short clean events, one that never comes."""
    rng = np.random.default_rng(seed)
    clips, many = [], []
    for number in range(recordings):
        truth, events = np.zeros((100, 3)), []
        for column, (name, shortest, longest) in enumerate((("flicker", 20, 40), ("steady", 3, 6))):
            if rng.random() < 0.6:
                onset, length = int(rng.integers(0, 60)), int(rng.integers(shortest, longest))
                truth[onset : onset + length, column] = 1
                events.append(Event(onset / 10, (onset + length) / 10, name))
        flipped = rng.random((100, 1)) < flicker * np.array([[1, 0, 0.1]])
        curve = np.where(flipped, 1 - truth, truth) * 0.8 + 0.1 + rng.uniform(-0.09, 0.09, (100, 3))
        clip = np.clip(0.3 + 0.4 * truth.max(axis=0) + rng.normal(0, 0.1, 3), 0, 1)
        name = f"{number}.wav"
        scores = Scores(name, LABELS, clip.astype(np.float32), curve.astype(np.float32), Clock(Fraction(1, 10)), 10.0)
        tags = tuple(sorted({event.label for event in events}))
        clips.append(Clip(Path(name), name, tags, tuple(events)))
        many.append(scores)
    return ScoredClips(LABELS, tuple(clips), tuple(many), ())


def weak(scored: ScoredClips) -> ScoredClips:
    return replace(scored, clips=tuple(replace(clip, events=None) for clip in scored.clips))


def psds_at(scored: ScoredClips, point: OperatingPoint, options=PSDS1):
    reference = {clip.name: clip.events for clip in scored.clips}
    return psds([score_curve(scores, point) for scores in scored.scores], reference, LABELS, options=options)


@pytest.mark.parametrize("objective", ["psds1", "psds2"])
def test_for_psds_each_class_is_smoothed_as_it_needs_and_unseen_recordings_gain(objective):
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


@pytest.mark.parametrize("options", [PSDS1, PSDS2], ids=["psds1", "psds2"])
@pytest.mark.parametrize("method", ["threshold", "boxes"])
def test_trials_give_the_figures_of_psds_itself(method, options):
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


def test_a_class_with_one_recording_follows_the_others():
    areas = np.array([[0.2, 0.2, 0.3, 0.9], [0.7, 0.6, 0.6, 0.1]])
    carriers = np.array([40.0, 30.0, 30.0, 1.0])
    assert choose(areas, carriers, 0.0).tolist() == [1, 1, 1, 0]
    assert choose(areas, carriers, 16.0).tolist() == [1, 1, 1, 1]
    assert choose(areas, np.array([40.0, 30.0, 30.0, 0.0]), 0.0).tolist() == [1, 1, 1, 1]
    assert choose(np.full((3, 2), 0.5), np.array([3.0, 4.0]), 4.0).tolist() == [0, 0]


def test_auto_takes_the_method_that_does_better_held_out():
    flickering, clean = made(), made(flicker=0.0)
    for scored in (flickering, clean):
        tuned = tune(scored, "psds1")
        figures = tuned.report.methods
        best = "boxes" if figures["boxes"] > figures["threshold"] else "threshold"
        assert tuned.point.method == tuned.report.method == best
        assert tuned.report.reached == pytest.approx(figures[best])
        assert f"method {best} chosen" in tuned.report.summary()
    assert tune(clean, "psds1", method="boxes").point.method == "boxes"
    assert tune(clean, "psds1", method="boxes").report.methods is None
    both = tune(clean, "error-rate").report
    assert both.reached == min(both.methods.values())


def test_thresholds_are_those_of_tuning_detection_alone():
    scored = made()
    mine = tune(scored, method="threshold", data="dev")
    theirs = tune_detection(scored.references(), scored.scores, data="dev")
    assert mine.point == theirs.point
    assert mine.report == theirs.report


@pytest.mark.parametrize("kind", ["platt", "isotonic"])
def test_calibration_makes_scores_mean_what_they_say_on_unseen_recordings(kind):
    scored = made(recordings=60)
    tuned = tune(scored, method="threshold", calibrate=kind)
    report = tuned.report.calibration
    assert [row.label for row in report.clip_before] == ["flicker", "steady"]  # the third never comes
    assert mean_ece(report.clip_after) < mean_ece(report.clip_before) - 0.05
    assert mean_ece(report.frames_after) < mean_ece(report.frames_before) - 0.05
    assert any("too few recordings to calibrate never" in note for note in tuned.report.notes)
    assert "calibration error of clip scores" in tuned.report.summary()
    parts = tuned.point.classes
    assert parts["flicker"].clip_calibration.kind == parts["steady"].frame_calibration.kind == kind
    assert parts["never"].clip_calibration is None
    again = tune(scored, method="threshold", base=tuned.point)
    assert again.point.classes["flicker"].frame_calibration == parts["flicker"].frame_calibration
    dropped = tune(scored, method="threshold", base=tuned.point, calibrate="none")
    assert dropped.point.classes == tune(scored, method="threshold").point.classes


def test_tags_alone_tune_tags_and_gate_events_and_say_what_they_cannot():
    scored = weak(made(flicker=0.05))
    tuned = tune(scored)
    assert any("defaults scaled by the model's own frame scores" in note for note in tuned.report.notes)
    assert advice(tuned.point) == (NOT_TUNED, TIMED_CLIPS)
    part = tuned.point.classes["flicker"]
    assert part.gate >= part.tag_threshold
    assert part.offset < part.onset
    for objective in ("segment-f1", "psds1"):
        with pytest.raises(DataError, match=rf"'{objective}' needs strong labels .* weak\.tsv has none"):
            tune(scored, objective, data="weak.tsv")


def test_events_of_unseen_clips_are_far_better_than_by_tag_thresholds():
    tuned, fresh = tune(weak(made(flicker=0.05))).point, made(seed=1, flicker=0.05)
    plain = {
        label: ClassPoint(tag_threshold=part.tag_threshold, onset=part.tag_threshold, offset=part.tag_threshold)
        for label, part in tuned.classes.items()
    }
    (after, events), (before, many) = (
        evaluate_scored(fresh, point) for point in (tuned, OperatingPoint(classes=plain))
    )
    true = sum(len(clip.events) for clip in fresh.clips)
    assert after.event.f1 > before.event.f1 + 0.2
    assert sum(map(len, events.values())) < 1.5 * true < 0.5 * sum(map(len, many.values()))


def test_events_chosen_from_tags_are_chosen_anew_by_tags_and_default_ones_too():
    scored = weak(made())
    first = tune(scored).point
    for base in (first, named_point("default", LABELS), OperatingPoint.plain(LABELS)):
        again = tune(scored, "precision=0.9", base=base)
        assert again.point == tune(scored, "precision=0.9").point
    assert "nothing was tuned" in advice(named_point("default", LABELS))[0]
    assert advice(tune(made()).point) == ()


def test_calibrating_on_tags_alone_moves_no_decision():
    scored = weak(made())
    plain, mapped = tune(scored, "recall=0.9"), tune(scored, "recall=0.9", calibrate="platt")
    part = mapped.point.classes["flicker"]
    assert part.clip_calibration is not None
    assert part.frame_calibration is None
    assert part.onset == plain.point.classes["flicker"].onset
    assert mapped.report.calibration.frames_before == ()
    found = [
        [{label for label, _ in decide(scores, tuned.point).tags} for scores in scored.scores]
        for tuned in (plain, mapped)
    ]
    differ = sum(one != other for one, other in zip(*found, strict=True))
    assert differ <= 2  # thresholds come from a grid


def test_events_decided_otherwise_than_tags_are_left_alone_by_tags():
    scored = made()
    strong = tune(scored, "event-f1")
    tags = tune(scored, "precision=0.8", base=strong.point, calibrate="platt")
    for label, part in tags.point.classes.items():
        old = strong.point.classes[label]
        same = {"tag_threshold": old.tag_threshold, "clip_calibration": old.clip_calibration}
        assert part.model_copy(update=same) == old
    assert tags.point.classes["flicker"].clip_calibration is not None
    assert tags.point.method == strong.point.method
    assert "the decisions on events are unchanged" in tags.report.summary()
    assert "; events tuned for event-f1" in tags.point.origin


def test_calibrations_come_before_smoothing_for_psds():
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


def test_same_seed_same_result_and_one_recording_is_said_to_be_few():
    scored = made(recordings=12)
    assert tune(scored, "psds2", seed=3) == tune(scored, "psds2", seed=3)
    one = replace(scored, clips=scored.clips[:1], scores=scored.scores[:1])
    for objective in ("psds1", "segment-f1"):
        report = tune(one, objective, calibrate="platt").report
        assert report.held_out == {}
        assert any("too few for cross-validation" in note for note in report.notes)
    silent = replace(scored, clips=tuple(replace(clip, labels=(), events=()) for clip in scored.clips))
    assert tune(silent, "psds1").report.held_out == {}
    fold = np.zeros(12, dtype=np.int64)
    assert not tune_smoothing([[]] * 12, scored.scores, PSDS1, "boxes", fold).held_out


def test_unknown_options_are_refused_with_a_guess():
    for given, message in (
        (("psds3",), "did you mean 'psds2'|did you mean 'psds1'"),
        (("segment-f1", "box"), "unknown method 'box'.*did you mean 'boxes'"),
        (("segment-f1", "auto", "plat"), "unknown calibration 'plat'.*did you mean 'platt'"),
    ):
        with pytest.raises(ConfigError, match=message):
            check_options(*given)
    with pytest.raises(ConfigError, match="psds1, psds2"):
        tune(made(recordings=2), "best")


def test_the_report_reads_as_a_page_too():
    text = tune(made(recordings=20), "psds1").report.markdown()
    assert "| no smoothing | 0." in text
    assert "- method " in text
