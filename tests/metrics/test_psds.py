import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from earmark.clock import Clock
from earmark.errors import DataError
from earmark.events import Event
from earmark.labels import Labels
from earmark.metrics import PSDS1, PSDS2, PsdsOptions, psds, psds_metrics, psds_of_events
from earmark.metrics.psd_curves import ScoreSource, truth_of
from earmark.metrics.psds import collect_steps, sum_equal
from earmark.metrics.threshold_steps import Steps
from earmark.scores import Scores

LABELS = Labels(["cat", "dog", "owl"])
CLOCK = Clock(Fraction(1, 5))


def made(rng, recordings, classes=3, frames=20, levels=9):
    """Scores that resemble their reference, with ties; (scores, reference)."""
    labels, scores, reference = Labels(LABELS.names[:classes]), [], {}
    for number in range(recordings):
        events = []
        for _ in range(rng.integers(0, 4)):
            onset = rng.integers(0, frames) / 5
            events.append(Event(onset, onset + rng.integers(1, 8) / 5, str(rng.choice(labels.names))))
        curve = rng.integers(0, levels // 2 + 1, (frames, classes))
        for event in events:
            first, last = int(event.onset * 5) + rng.integers(-1, 2), int(event.offset * 5) + rng.integers(-1, 2)
            curve[max(first, 0) : last, labels.index(event.label)] += rng.integers(0, levels // 2)
        values = np.float32(np.minimum(curve, levels) / levels)
        name = f"{number}.wav"
        reference[name] = events
        scores.append(Scores(name, labels, values.max(axis=0), values, CLOCK, frames / 5 - rng.choice([0, 0.1])))
    return scores, reference


def slowly(slow_psds, scores, reference, options):
    rows = []
    for one in scores:
        intervals = {label: [e[:2] for e in reference[one.recording] if e.label == label] for label in one.labels}
        values = {label: one.frames[:, column] for column, label in enumerate(one.labels)}
        rows.append((one.duration, intervals, one.edges.tolist(), values))
    return slow_psds.psds(rows, scores[0].labels.names, options)


@pytest.mark.parametrize("options", [PSDS1, PSDS2, PsdsOptions(0.4, 0.3, 0.2, 1.0, 0.5)])
def test_psds_equals_the_slow_and_obvious_one(slow_psds, options):
    rng = np.random.default_rng(11)
    for _ in range(12):
        scores, reference = made(rng, int(rng.integers(1, 9)), int(rng.integers(1, 4)))
        options = replace(options, max_efpr=float(rng.choice([100, 600, 4000])))
        value, per_class = slowly(slow_psds, scores, reference, options)
        found = psds(scores, reference, scores[0].labels, options=options)
        assert found.value == pytest.approx(value, abs=1e-9, nan_ok=True)
        assert found.per_class == pytest.approx(per_class, abs=1e-9, nan_ok=True)


def test_held_walked_twice_or_streamed_is_one(tmp_path):
    rng = np.random.default_rng(3)
    scores, reference = made(rng, 60)
    scores = [replace(one, frames=one.frames.astype(np.float16), clip=one.clip.astype(np.float16)) for one in scores]
    durations = {one.recording: one.duration for one in scores}

    class Files:
        """Frame scores in one file each."""

        def __iter__(self):
            for one in scores:
                yield replace(one, frames=np.load(tmp_path / f"{one.recording}.npy"))

    for one in scores:
        np.save(tmp_path / f"{one.recording}.npy", one.frames)
    for options in (replace(PSDS1, max_efpr=200), replace(PSDS2, max_efpr=200)):
        held = psds(scores, reference, LABELS, options=options)
        assert 0 < held.value < 1
        for streamed in (Files(), iter(scores)):
            assert psds(streamed, reference, LABELS, options=options).value == held.value
        known = psds(iter(scores), reference, LABELS, options=options, durations=durations)
        assert known.value == held.value
        assert known.roc.efpr.tolist() == held.roc.efpr.tolist()


def test_a_perfect_and_a_silent_system():
    frames = np.float32([[0.1], [0.9], [0.9], [0.2]])
    scores = Scores("a", Labels(["dog"]), frames.max(axis=0), frames, Clock(Fraction(1)), 4.0)
    reference = {"a": [Event(1, 3, "dog")]}
    found = psds([scores], reference, Labels(["dog"]))
    assert found.value == 1.0
    assert found.class_rocs["dog"].threshold.tolist() == [np.float32(0.9)]  # the score that it has to fall below
    assert psds([replace(scores, frames=frames * 0)], reference, Labels(["dog"])).value == 0.0


def test_what_takes_part():
    rng = np.random.default_rng(5)
    scores, reference = made(rng, 20)
    options = replace(PSDS2, max_efpr=500)
    without = {name: [e for e in events if e.label != "owl"] for name, events in reference.items()}
    found = psds(scores, without, LABELS, options=options)
    assert math.isnan(found.per_class["owl"])
    assert found.value == psds(scores, without, Labels(["cat", "dog"]), options=options).value
    turned = Labels(["owl", "dog", "cat"])
    other_way = [replace(one, labels=turned, frames=one.frames[:, ::-1]) for one in scores]
    assert psds(other_way, reference, LABELS, options=options).value == pytest.approx(
        psds(scores, reference, LABELS, options=options).value, abs=1e-12
    )
    nothing = psds(scores, {name: [] for name in reference}, LABELS)
    assert math.isnan(nothing.value)
    twice = {name: [*events, *events] for name, events in reference.items()}
    doubled = psds(scores, twice, LABELS, options=options)
    assert doubled.value == psds(scores, reference, LABELS, options=options).value
    assert doubled.merged > 0


def test_missing_and_unknown_recordings():
    rng = np.random.default_rng(6)
    scores, reference = made(rng, 12)
    options = replace(PSDS1, max_efpr=500)
    with pytest.raises(DataError, match=r"5\.wav: neither scores nor a duration \(1 recordings in all\)"):
        psds(scores[:5] + scores[6:], reference, LABELS)
    silent = replace(scores[5], frames=scores[5].frames * 0, duration=4.0)
    missing = psds(scores[:5] + scores[6:], reference, LABELS, options=options, durations={"5.wav": 4.0})
    below = psds([*scores[:5], silent, *scores[6:]], reference, LABELS, options=options)
    assert missing.value == pytest.approx(below.value, abs=1e-12)  # not ignored: its events are missed
    known = {name: events for name, events in reference.items() if name != "0.wav"}
    with pytest.raises(DataError, match=r"scored recording '0\.wav' is not in the reference"):
        psds(scores, known, LABELS)
    left_out = psds(scores, known, LABELS, options=options, unknown_recordings="ignore")
    assert left_out.value == psds(scores[1:], known, LABELS, options=options).value
    empty = {"0.wav": [], **known}
    for given in (scores, iter(scores)):
        counted = psds(given, known, LABELS, options=options, unknown_recordings="count")
        assert counted.value == psds(scores, empty, LABELS, options=options).value


def test_faults_are_named():
    rng = np.random.default_rng(8)
    scores, reference = made(rng, 2)
    with pytest.raises(DataError, match=r"0\.wav: scored more than once"):
        psds([scores[0], *scores], reference, LABELS)
    with pytest.raises(DataError, match=r"0\.wav: no scores of 'fox'"):
        psds(scores, reference, Labels([*LABELS, "fox"]))
    with pytest.raises(DataError, match=r"reference .*unknown label"):
        psds(scores, {"0.wav": [Event(0, 1, "dgo")], "1.wav": []}, LABELS)
    with pytest.raises(ValueError, match="iterated several times"):
        psds_metrics(iter(scores), reference, LABELS)
    with pytest.raises(ValueError, match="criteria are shares"):
        PsdsOptions(dtc=0.0)
    with pytest.raises(ValueError, match="finite"):
        PsdsOptions(max_efpr=math.inf)


def test_both_at_once():
    rng = np.random.default_rng(9)
    scores, reference = made(rng, 10)
    both = psds_metrics(scores, reference, LABELS)
    assert both.psds1 == psds(scores, reference, LABELS, options=PSDS1).value
    assert both.per_class["dog"].psds2 == psds(scores, reference, LABELS, options=PSDS2).per_class["dog"]


def test_boxes_are_picked_and_never_change_their_extent(slow_psds):
    rng = np.random.default_rng(10)
    for _ in range(15):
        _, reference = made(rng, 4)
        found, rows, options = {}, [], replace(PSDS2, max_efpr=1500)
        for name, events in reference.items():
            boxes = [e._replace(onset=e.onset + 0.1 * rng.integers(0, 3)) for e in events if rng.random() < 0.8]
            boxes += [Event(1.0, 1.7, "dog"), Event(1.5, 2.0, "dog"), Event(0.0, 3.5, "owl")][: rng.integers(0, 4)]
            found[name] = [e._replace(score=rng.integers(1, 6) / 6) for e in boxes if e.onset < e.offset]
            edges = sorted({0.0, 9.0, *(time for event in found[name] for time in event[:2])})
            values = {label: np.full(len(edges) - 1, -np.inf) for label in LABELS}
            for event in found[name]:
                for frame, begin in enumerate(edges[:-1]):
                    if event.onset <= begin < event.offset:
                        values[event.label][frame] = max(values[event.label][frame], event.score)
            truth = {label: [e[:2] for e in events if e.label == label] for label in LABELS}
            rows.append((9.0, truth, edges, values))
        value, per_class = slow_psds.psds(rows, LABELS.names, options)
        ours = psds_of_events(found, reference, LABELS, dict.fromkeys(reference, 9.0), options=options)
        assert ours.value == pytest.approx(value, abs=1e-9, nan_ok=True)
        assert ours.per_class == pytest.approx(per_class, abs=1e-9, nan_ok=True)


def test_boxes_must_be_whole():
    reference, durations = {"a": [Event(0, 1, "dog")], "b": []}, {"a": 5.0, "b": 5.0}
    with pytest.raises(DataError, match=r"estimated a: Event.* needs a score"):
        psds_of_events({"a": [Event(0, 1, "dog")]}, reference, LABELS, durations)
    with pytest.raises(DataError, match="0 <= onset <= offset"):
        psds_of_events({"a": [Event(2, 1, "dog", 0.5)]}, reference, LABELS, durations)
    with pytest.raises(DataError, match=r"unknown label 'dgo' \(did you mean 'dog'"):
        psds_of_events({"a": [Event(0, 1, "dgo", 0.5)]}, reference, LABELS, durations)
    with pytest.raises(DataError, match="no duration given for 'b'"):
        psds_of_events({}, reference, LABELS, {"a": 5.0})
    assert psds_of_events({"a": [Event(0, 1, "dog", 0.5)]}, reference, LABELS, durations).value == 1.0
    assert psds_of_events({}, reference, LABELS, durations).value == 0.0


DOG = Labels(["dog"])


def scores_of(peaks):
    for number, peak in enumerate(peaks):
        frames = np.float32([[0.01], [peak], [0.01]])
        yield Scores(f"{number}", DOG, frames.max(axis=0), frames, Clock(Fraction(1)), 3.0)


def collect(scores, recordings, most_false, **options):
    truth = truth_of({str(number): [Event(1, 2, "dog")] if not number else [] for number in range(recordings)}, DOG)
    source = ScoreSource(scores, DOG, {str(number): 3.0 for number in range(recordings)}, "error")
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
