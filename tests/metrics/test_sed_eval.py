"""Segment-based and event-based metrics give sed_eval's numbers (stored; see tests/reference/make_sed_eval.py)."""

import gzip
import json
import math
from collections import Counter
from pathlib import Path

import numpy as np
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


def raw_cut(seconds, length, otherwise):
    """A time in segments as sed_eval has it: whatever the quotient of two floats is."""
    return otherwise(seconds / length).astype(np.int64)


def raw_within_collars(reference, estimated, collars):
    """Times near enough as sed_eval has it: whatever the difference of two floats is."""
    fits = np.ones(len(reference[0]), dtype=np.bool_)
    if collars.evaluate_onset:
        fits &= np.abs(reference[0] - estimated[0]) <= collars.onset
    if collars.evaluate_offset:
        allowed = np.maximum(collars.offset, collars.offset_share * (reference[1] - reference[0]))
        fits &= np.abs(reference[1] - estimated[1]) <= allowed
    return fits


def micro(seconds):
    return round(seconds * 1_000_000)


def has_border(case, length):
    """Whether an event begins or ends at a border between segments that the quotient of floats misses."""
    times = [time for sides in case["recordings"] for event in (*sides[0], *sides[1]) for time in event[:2]]
    times += [duration for _, _, duration in case["recordings"]]
    return any(micro(time) % micro(length) == 0 and (time / length) % 1 for time in times)


def has_tie(case, share):
    """Whether two times of a recording are exactly a collar apart."""
    for truth, found, _ in case["recordings"]:
        for on, off, _ in truth:
            allowed = max(200_000, round(share * (micro(off) - micro(on))))
            for onset, offset, _ in found:
                if abs(micro(on) - micro(onset)) == 200_000 or abs(micro(off) - micro(offset)) == allowed:
                    return True
    return False


def test_segment_based_numbers_are_those_of_sed_eval_but_for_borders(cases, monkeypatch):
    """Equal wherever no time falls on a border that floats miss; with sed_eval's rule for these, equal everywhere."""
    equal = 0
    for case in cases:
        reference, estimated, durations = inputs(case)
        for length, cut, stored in case["segment"]:
            given = {"segment_length": length, "durations": durations if cut else None}
            labels = Labels(case["labels"])
            if not has_border(case, length):
                check(segment_metrics(reference, estimated, labels, **given), stored)
                equal += 1
            with monkeypatch.context() as patch:
                patch.setattr("earmark.metrics.segment._cut", raw_cut)
                check(segment_metrics(reference, estimated, labels, **given), stored)
    assert equal > sum(len(case["segment"]) for case in cases) / 4


def test_event_based_numbers_are_those_of_sed_eval_but_for_ties(cases, monkeypatch):
    """Equal wherever no two times are exactly a collar apart; with sed_eval's rule for these, equal everywhere."""
    equal = 0
    for case in cases:
        reference, estimated, _ = inputs(case)
        for onset, offset, matching, share, stored in case["event"]:
            collars = Collars(offset_share=share, evaluate_onset=onset, evaluate_offset=offset)
            given = {"collars": collars, "matching": matching}
            labels = Labels(case["labels"])
            if not has_tie(case, share):
                check(event_metrics(reference, estimated, labels, **given), stored)
                equal += 1
            with monkeypatch.context() as patch:
                patch.setattr("earmark.metrics.event.within_collars", raw_within_collars)
                check(event_metrics(reference, estimated, labels, **given), stored)
    assert equal > sum(len(case["event"]) for case in cases) / 4


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
