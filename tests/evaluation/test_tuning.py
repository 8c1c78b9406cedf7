from dataclasses import replace

import numpy as np
import pytest

from earmark.decisions import ClassPoint, OperatingPoint, decide, named_point
from earmark.decisions.tuning import tune_detection
from earmark.decisions.tuning.from_tags import NOT_TUNED, TIMED_CLIPS
from earmark.decisions.tuning.report import mean_ece
from earmark.errors import ConfigError, DataError
from earmark.evaluation.labelled import ScoredClips, evaluate_scored
from earmark.evaluation.psds_tuning import tune_smoothing
from earmark.evaluation.tuning import advice, check_options, tune
from earmark.labels import Labels
from earmark.metrics import PSDS1

LABELS = Labels(["flicker", "steady", "never"])


def weak(scored: ScoredClips) -> ScoredClips:
    return replace(scored, clips=tuple(replace(clip, events=None) for clip in scored.clips))


def test_auto_takes_the_method_that_does_better_held_out(made):
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


def test_thresholds_are_those_of_tuning_detection_alone(made):
    scored = made()
    mine = tune(scored, method="threshold", data="dev")
    theirs = tune_detection(scored.references(), scored.scores, data="dev")
    assert mine.point == theirs.point
    assert mine.report == theirs.report


@pytest.mark.parametrize("kind", ["platt", "isotonic"])
def test_calibration_makes_scores_mean_what_they_say_on_unseen_recordings(kind, made):
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


def test_tags_alone_tune_tags_and_gate_events_and_say_what_they_cannot(made):
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


def test_events_of_unseen_clips_are_far_better_than_by_tag_thresholds(made):
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


def test_events_chosen_from_tags_are_chosen_anew_by_tags_and_default_ones_too(made):
    scored = weak(made())
    first = tune(scored).point
    for base in (first, named_point("default", LABELS), OperatingPoint.plain(LABELS)):
        again = tune(scored, "precision=0.9", base=base)
        assert again.point == tune(scored, "precision=0.9").point
    assert "nothing was tuned" in advice(named_point("default", LABELS))[0]
    assert advice(tune(made()).point) == ()


def test_calibrating_on_tags_alone_moves_no_decision(made):
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


def test_events_decided_otherwise_than_tags_are_left_alone_by_tags(made):
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


def test_same_seed_same_result_and_one_recording_is_said_to_be_few(made):
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


def test_unknown_options_are_refused_with_a_guess(made):
    for given, message in (
        (("psds3",), "did you mean 'psds2'|did you mean 'psds1'"),
        (("segment-f1", "box"), "unknown method 'box'.*did you mean 'boxes'"),
        (("segment-f1", "auto", "plat"), "unknown calibration 'plat'.*did you mean 'platt'"),
    ):
        with pytest.raises(ConfigError, match=message):
            check_options(*given)
    with pytest.raises(ConfigError, match="psds1, psds2"):
        tune(made(recordings=2), "best")


def test_the_report_reads_as_a_page_too(made):
    text = tune(made(recordings=20), "psds1").report.markdown()
    assert "| no smoothing | 0." in text
    assert "- method " in text
