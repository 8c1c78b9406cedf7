"""Intersection-based F1 and PSDS give sed_scores_eval's numbers (see tests/reference/make_sed_scores_eval.py)."""

import gzip
import json
import math
from collections import Counter
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from earmark.clock import Clock
from earmark.events import Event
from earmark.labels import Labels
from earmark.metrics import Criteria, PsdsOptions, intersection_metrics, psds, psds_of_events
from earmark.scores import Scores

STORED = Path(__file__).parents[1] / "reference" / "sed_scores_eval.json.gz"


@pytest.fixture(scope="module")
def cases():
    with gzip.open(STORED) as file:
        return json.load(file)


def labels_of(case):
    return Labels(str(number) for number in range(case["classes"]))


def reference_of(case):
    return {
        f"{number}.wav": [Event(on, off, str(label)) for on, off, label in events]
        for number, (_, _, events, _) in enumerate(case["recordings"])
    }


def scores_of(case):
    labels, clock = labels_of(case), Clock(Fraction(str(case["step"])))
    found = []
    for number, (duration, rows, _, _) in enumerate(case["recordings"]):
        frames = np.float32(np.array(rows) / 20)
        found.append(Scores(f"{number}.wav", labels, frames.max(axis=0), frames, clock, duration))
    return found


def boxes_of(case):
    """Scored boxes; the 0 that is sed_scores_eval's score of "no box" is a box of score 0 over all here."""
    found = {}
    for number, (duration, _, _, boxes) in enumerate(case["recordings"]):
        events = [Event(on, off, str(label), float(np.float32(score / 20))) for on, off, label, score in boxes]
        found[f"{number}.wav"] = events + [Event(0.0, duration, label, 0.0) for label in labels_of(case)]
    return found


def number(stored):
    return math.nan if stored is None else stored


def test_psds_is_that_of_sed_scores_eval(cases):
    for case in cases:
        reference, labels, scores = reference_of(case), labels_of(case), scores_of(case)
        durations = {f"{number}.wav": row[0] for number, row in enumerate(case["recordings"])}
        for dtc, gtc, cttc, alpha_ct, alpha_st, max_efpr, of_boxes, value, values in case["psds"]:
            options = PsdsOptions(dtc, gtc, cttc or 0.3, alpha_ct, alpha_st, max_efpr)
            if of_boxes:
                found = psds_of_events(boxes_of(case), reference, labels, durations, options=options)
            else:
                found = psds(scores, reference, labels, options=options)
            assert found.value == pytest.approx(value, abs=1e-9)
            for ours, theirs in zip(found.per_class.values(), values, strict=True):
                assert ours == pytest.approx(number(theirs), abs=1e-9, nan_ok=True)


def test_intersection_based_f1_is_that_of_sed_scores_eval(cases):
    for case in cases:
        threshold, dtc, gtc, macro, micro, rows = case["f1"]
        labels, reference = labels_of(case), reference_of(case)
        with_events = [label for label, row in zip(labels, rows, strict=True) if row is not None]
        estimated = {scores.recording: runs(scores, threshold, with_events) for scores in scores_of(case)}
        found = intersection_metrics(reference, estimated, labels, criteria=Criteria(dtc, gtc))
        assert found.macro_f1 == pytest.approx(macro, abs=1e-9)
        assert found.micro_f1 == pytest.approx(micro, abs=1e-9)
        for ours, theirs in zip(found.per_class.values(), rows, strict=True):
            if theirs is None:
                assert math.isnan(ours.f1)
            else:
                assert [ours.f1, ours.reference - ours.deletions, ours.insertions] == pytest.approx(theirs, abs=1e-9)


def runs(scores, threshold, labels):
    """Frames above a threshold as events."""
    edges, found = scores.edges.tolist(), []
    for label in labels:
        begin = None
        for frame, above in enumerate([*(scores.frames[:, scores.labels.index(label)] > threshold), False]):
            if above and begin is None:
                begin = frame
            elif begin is not None and not above:
                found.append(Event(edges[begin], edges[frame], label))
                begin = None
    return found


def test_the_stored_cases_hold_the_degenerate_ones(cases):
    seen = Counter()
    for case in cases:
        recordings = case["recordings"]
        labels = {event[2] for row in recordings for event in row[2]}
        seen["recording without events"] += any(not row[2] for row in recordings)
        seen["class without events"] += len(labels) < case["classes"]
        seen["beyond the end"] += any(event[1] > row[0] for row in recordings for event in row[2])
        seen["constant scores"] += any(
            len(set(column)) == 1 for row in recordings for column in zip(*row[1], strict=True)
        )
        seen["ties"] += any(
            len(set(column)) < len(column) for row in recordings for column in zip(*row[1], strict=True)
        )
        seen["cut frame"] += any(row[0] < len(row[1]) * case["step"] - 1e-9 for row in recordings)
        seen["cross triggers"] += case["psds"][1][3] > 0
        seen["neither 0 nor 1"] += 0 < case["psds"][0][-2] < 1
        seen["merged"] += intersection_metrics(reference_of(case), {}, labels_of(case)).merged > 0
    assert min(seen.values()) >= len(cases) // 20, seen
