"""Events from tags alone: what a listener without timed clips may count on."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.clock import Clock
from earmark.decisions import decide
from earmark.decisions.tuning import TagsAloneOptions, tune_from_tags
from earmark.decisions.tuning.from_tags import floors, is_from_tags
from earmark.errors import ConfigError
from earmark.labels import Labels
from earmark.scores import Scores


def tags_of(references, labels):
    return np.stack([labels.encode(event.label for event in events) for events in references])


def steady(made, recordings=60, seed=0, **options):
    """Recordings of classes on one scale, with quiet enough gaps between peaks and floor."""
    options = {"classes": 3, "noise": 0.3, "scales": (-2.0, -2.0, -2.0), **options}
    references, scores = made(recordings=recordings, seed=seed, **options)
    stretched = []
    for each in scores:  # a floor at logit -6, peaks at 0
        logit = 3 * (np.log(each.frames / (1 - each.frames)) + 2)
        frames = (1 / (1 + np.exp(3 - logit))).astype(np.float32)
        stretched.append(replace(each, frames=frames, clip=frames.max(axis=0)))
    return references, stretched


def shifted(scores: list[Scores], by: float) -> list[Scores]:
    """The same model on another scale of frame scores; clip scores stay."""
    found = []
    for each in scores:
        odds = each.frames.astype(np.float64) / (1 - each.frames.astype(np.float64)) * np.exp(by)
        found.append(replace(each, frames=(odds / (1 + odds)).astype(np.float32)))
    return found


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    recordings=st.integers(1, 12),
    classes=st.integers(1, 4),
    objective=st.sampled_from(["tagging-f1", "tagging-f1-micro", "precision=0.9", "recall=0.9"]),
)
def test_no_event_is_reported_whose_tag_is_not_given(seed, recordings, classes, objective):
    rng = np.random.default_rng(seed)
    labels = Labels([f"c{i}" for i in range(classes)])
    scores = [
        Scores(
            f"r{r}",
            labels,
            rng.random(classes, dtype=np.float32),
            rng.random((30, classes), dtype=np.float32) ** rng.integers(1, 9),
            Clock(Fraction(1, 10)),
            3.0,
        )
        for r in range(recordings)
    ]
    reference = rng.random((recordings, classes)) < rng.random()
    point = tune_from_tags(reference, scores, objective, folds=3).point
    for each in scores:
        decision = decide(each, point)
        assert {event.label for event in decision.events} <= {label for label, _ in decision.tags}
    for part in point.classes.values():
        assert 0 < part.offset <= part.onset < 1
        assert part.gate >= part.tag_threshold


def test_events_are_found_at_about_their_times_without_any_time_being_known(made):
    references, scores = steady(made)
    point = tune_from_tags(tags_of(references, scores[0].labels), scores).point
    fresh, heard = steady(made, seed=1)
    near = total = reported = 0
    for events, each in zip(fresh, heard, strict=True):
        found = decide(each, point).events
        reported += len(found)
        for event in events:
            total += 1
            near += any(
                other.label == event.label
                and abs(other.onset - event.onset) <= 0.3
                and abs(other.offset - event.offset) <= 0.3
                for other in found
            )
    assert near > 0.8 * total
    assert reported < 1.2 * total


@pytest.mark.parametrize("by", [-2.0, 1.0])
def test_thresholds_follow_the_scale_of_the_frame_scores(made, by):
    references, scores = steady(made)
    heard = tags_of(references, scores[0].labels)
    plain, moved = (tune_from_tags(heard, many).point for many in (scores, shifted(scores, by)))
    odds = [point.of("c0").onset / (1 - point.of("c0").onset) for point in (plain, moved)]
    assert odds[1] / odds[0] == pytest.approx(np.exp(by), rel=0.02)
    differ = 0
    for one, other in zip(scores, shifted(scores, by), strict=True):
        differ += [e[:3] for e in decide(one, plain).events] != [e[:3] for e in decide(other, moved).events]
    assert differ <= 3  # of 60: thresholds are rounded


def test_short_sounds_keep_short_gaps_and_a_rare_label_follows_the_others(made):
    references, scores = steady(made, classes=4, scales=(-2.0,) * 4, rates=(0.5, 0.5, 0.5, 0.0))
    rng = np.random.default_rng(0)
    brief = []
    for events, each in zip(references, scores, strict=True):  # c0: half a second at the onset of its event
        frames = each.frames.copy()
        for event in events:
            if event.label == "c0":
                first = round(event.onset * 10) + 5
                frames[first:, 0] = 0.002 + 0.001 * rng.random(len(frames) - first)
        brief.append(replace(each, frames=frames))
    heard = tags_of(references, scores[0].labels)
    parts = tune_from_tags(heard, brief).point.classes
    assert parts["c0"].min_duration_off < 0.5 * parts["c1"].min_duration_off
    assert parts["c0"].min_duration_on < 0.5 * parts["c1"].min_duration_on
    assert parts["c0"].min_duration_on < parts["c3"].min_duration_on < parts["c1"].min_duration_on
    alike = tune_from_tags(heard, brief, options=TagsAloneOptions(shrinkage=1e9)).point.classes
    assert alike["c0"].min_duration_on == pytest.approx(alike["c1"].min_duration_on, abs=0.01)


def test_floors_are_quantiles_of_the_clips_without_the_label():
    rng = np.random.default_rng(0)
    labels = Labels(["a", "b", "always"])
    scores = [
        Scores(
            f"{r}", labels, np.ones(3, np.float32), rng.random((50, 3), dtype=np.float32), Clock(Fraction(1, 10)), 5.0
        )
        for r in range(20)
    ]
    reference = rng.random((20, 3)) < 0.4
    reference[:, 2] = True
    found = floors(reference, scores, 0.9)
    for column in (0, 1):
        absent = np.concatenate([s.frames[:, column] for s, r in zip(scores, reference, strict=True) if not r[column]])
        assert found[column] == pytest.approx(np.quantile(absent, 0.9), abs=0.005)
    assert found[2] == 0


def test_the_floor_keeps_events_of_a_model_with_little_contrast_from_filling_their_clips(made):
    references, scores = made(recordings=60, classes=2, noise=0.2, scales=(-1.0, -1.0))  # logits -2 and 0
    heard = tags_of(references, scores[0].labels)

    def reported(options):
        point = tune_from_tags(heard, scores, options=options).point
        return sum(event.offset - event.onset for each in scores for event in decide(each, point).events)

    true = sum(event.offset - event.onset for events in references for event in events)
    with_floor, without = reported(TagsAloneOptions()), reported(TagsAloneOptions(floor_quantile=0.0))
    assert true < with_floor < 0.9 * without


def test_what_was_not_tuned_is_said_and_what_it_is_worth_on_held_out_labels(made):
    references, scores = steady(made)
    tuned = tune_from_tags(tags_of(references, scores[0].labels), scores, data="clips")
    text = tuned.report.summary()
    assert "tuned on tags alone: the tag thresholds and the gate of the events are tuned" in text
    assert "of the clips have an event of a label they do not carry" in text
    assert "clips with timed events measure how good the events are" in text
    assert tuned.point.origin.startswith("tuned for tagging-f1 on 60 recordings of clips")
    assert is_from_tags(tuned.point)


@pytest.mark.parametrize("carried", [False, True])
@pytest.mark.parametrize("recordings", [1, 2, 7])
def test_too_little_to_learn_from_still_gives_a_usable_point(made, carried, recordings):
    _, scores = made(recordings=recordings)
    heard = np.full((recordings, 4), carried)
    point = tune_from_tags(heard, scores).point
    assert all(part.tag_gate is not False for part in point.classes.values())
    assert all(part.min_duration_off <= 2 for part in point.classes.values())


def test_wrong_input_is_refused(made):
    _, scores = made(recordings=3)
    with pytest.raises(ValueError, match="no recording to tune on"):
        tune_from_tags(np.zeros((0, 4), dtype=np.bool_), [])
    with pytest.raises(ConfigError, match="needs events with times"):
        tune_from_tags(np.zeros((3, 4), dtype=np.bool_), scores, "segment-f1")
