"""Segment-based and event-based metrics give sed_eval's numbers (stored; see tests/reference/make_sed_eval.py)."""

import gzip
import json
import math
from collections import Counter
from pathlib import Path

import pytest

from earmark.events import Event
from earmark.labels import Labels
from earmark.metrics import Collars, event_metrics, segment_metrics

STORED = Path(__file__).parents[1] / "reference" / "sed_eval.json.gz"


@pytest.fixture(scope="module")
def cases():
    with gzip.open(STORED) as file:
        return json.load(file)


def inputs(case):
    reference, estimated, durations = {}, {}, {}
    for number, (truth, found, duration) in enumerate(case["recordings"]):
        reference[f"{number}.wav"] = [Event(*event) for event in truth]
        estimated[f"{number}.wav"] = [Event(*event) for event in found]
        durations[f"{number}.wav"] = duration
    return reference, estimated, durations


def same(ours, stored):
    assert len(ours) == len(stored)
    for mine, theirs in zip(ours, stored, strict=True):
        expected = math.nan if theirs is None else theirs
        assert mine == pytest.approx(expected, abs=1e-9, nan_ok=True)


def check(found, stored):
    overall, *classes = stored
    tp = found.reference - found.deletions - found.substitutions
    counts = [found.substitutions, found.deletions, found.insertions]
    same([tp, found.f1, found.precision, found.recall, found.error_rate, *counts], overall)
    for ours, theirs in zip(found.per_class.values(), classes, strict=True):
        same([ours.f1, ours.precision, ours.recall, ours.error_rate], theirs)


def test_segment_based_numbers_are_those_of_sed_eval(cases):
    for case in cases:
        reference, estimated, durations = inputs(case)
        for length, cut, stored in case["segment"]:
            check(
                segment_metrics(
                    reference,
                    estimated,
                    Labels(case["labels"]),
                    segment_length=length,
                    durations=durations if cut else None,
                ),
                stored,
            )


def test_event_based_numbers_are_those_of_sed_eval(cases):
    for case in cases:
        reference, estimated, _ = inputs(case)
        for onset, offset, matching, share, stored in case["event"]:
            collars = Collars(offset_share=share, evaluate_onset=onset, evaluate_offset=offset)
            labels = Labels(case["labels"])
            check(event_metrics(reference, estimated, labels, collars=collars, matching=matching), stored)


def test_the_stored_cases_hold_the_degenerate_ones(cases):
    seen = Counter()
    for case in cases:
        sides = [(truth, found) for truth, found, _ in case["recordings"]]
        seen["empty estimate"] += not any(found for _, found in sides)
        seen["silent recording"] += any(not truth for truth, _ in sides)
        seen["zero length"] += any(on == off == 0 for truth, _ in sides for on, off, _ in truth)
        seen["beyond the end"] += any(off > end for truth, _, end in case["recordings"] for _, off, _ in truth)
        seen["greedy differs"] += any(row[2] == "greedy" for row in case["event"])
        seen["substitutions"] += case["event"][0][-1][0][5] > 0
    assert min(seen.values()) >= 50, seen
