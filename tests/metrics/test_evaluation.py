import json
from fractions import Fraction

import numpy as np
import pytest

from earmark.clock import Clock
from earmark.errors import DataError
from earmark.events import Event
from earmark.labels import Labels
from earmark.metrics import Criteria, Resampling, encode_tags, evaluate, tags_of_events
from earmark.scores import Scores

LABELS = Labels(["cat", "dog", "owl"])
REFERENCE = {"a": [Event(0, 2, "dog"), Event(1, 3, "cat")], "b": [Event(0, 0, "cat")], "c": [Event(1, 2, "dog")]}
ESTIMATED = {"a": [Event(0.1, 2.1, "dog")], "b": [Event(4, 5, "cat")]}


def test_label_files_alone_give_every_section_but_no_map():
    result = evaluate(LABELS, reference=REFERENCE, estimated=ESTIMATED).to_json()
    assert result["segment"].keys() >= {
        "f1", "precision", "recall", "error_rate", "substitutions", "deletions", "insertions", "per_class",
    }  # fmt: skip
    assert result["event"].keys() >= {"f1", "precision", "recall", "per_class"}
    assert result["tagging"].keys() >= {
        "map", "mauc", "dprime", "micro_f1", "macro_f1", "precision", "recall", "per_class",
    }  # fmt: skip
    assert all(list(section["per_class"]) == ["cat", "dog", "owl"] for section in result.values())
    assert result["tagging"]["map"] is None
    # a: dog found, cat missed; b: cat wrong (`0 0 cat` is not heard); c: dog missed
    assert result["tagging"]["micro_f1"] == pytest.approx(2 * 1 / (2 + 3))
    assert json.loads(json.dumps(result, allow_nan=False)) == result


def test_sections_without_input_are_left_out():
    truth = np.array([[1, 0, 0], [0, 1, 0]])
    result = evaluate(LABELS, reference_tags=truth, clip_scores=truth * 0.9).to_json()
    assert list(result) == ["tagging"]
    assert result["tagging"]["map"] == 1.0
    assert result["tagging"]["dprime"] is None  # infinite
    assert result["tagging"]["micro_f1"] is None
    assert evaluate(LABELS).to_json() == {}
    assert evaluate(LABELS, reference_tags=truth).tagging is None


def test_options_reach_the_sections():
    short = evaluate(LABELS, reference=REFERENCE, estimated=ESTIMATED, segment_length=0.1)
    assert short.segment.segment_length == 0.1
    assert short.segment.reference == 20 + 20 + 10
    with pytest.raises(DataError, match="not in the reference"):
        evaluate(LABELS, reference=REFERENCE, estimated={"z": []})
    assert evaluate(LABELS, reference=REFERENCE, estimated={"z": []}, unknown_recordings="ignore").event.recall == 0


def test_tags_become_arrays_over_the_recordings_of_the_reference():
    truth, found = encode_tags({"a": ["dog"], "b": []}, {"b": ["cat", "owl"]}, LABELS)
    assert truth.tolist() == [[False, True, False], [False, False, False]]
    assert found.tolist() == [[False, False, False], [True, False, True]]
    assert tags_of_events(REFERENCE) == {"a": ["dog", "cat"], "b": [], "c": ["dog"]}
    with pytest.raises(DataError, match=r"estimated a: unknown label 'dogs' \(did you mean 'dog'\?\)"):
        encode_tags({"a": []}, {"a": ["dogs"]}, LABELS)
    assert not encode_tags({"a": []}, {"a": ["dogs"]}, LABELS, unknown_labels="ignore")[1].any()


def frame_scores():
    found = []
    for name, events in REFERENCE.items():
        frames = np.full((20, 3), 0.1, dtype=np.float32)
        for event in events:
            frames[int(event.onset * 4) : int(event.offset * 4), LABELS.index(event.label)] = 0.7
        found.append(Scores(name, LABELS, frames.max(axis=0), frames, Clock(Fraction(1, 4)), 5.0))
    return found


def test_overlap_and_all_thresholds_have_their_sections():
    criteria = Criteria(dtc=0.9, gtc=0.9)
    found = evaluate(LABELS, reference=REFERENCE, estimated=ESTIMATED, scores=frame_scores(), criteria=criteria)
    result = found.to_json()
    assert list(result) == ["tagging", "segment", "event", "intersection", "psds"]
    assert result["intersection"].keys() >= {"macro_f1", "micro_f1", "precision", "recall", "per_class", "merged"}
    assert result["intersection"]["per_class"]["dog"]["f1"] == pytest.approx(2 / 3)
    ones, none = {"psds1": 1.0, "psds2": 1.0}, {"psds1": None, "psds2": None}
    assert result["psds"] == {**ones, "merged": 0, "classes": 2, "per_class": {"cat": ones, "dog": ones, "owl": none}}
    assert [result[name]["classes"] for name in ("tagging", "event", "intersection")] == [2, 2, 2]
    assert evaluate(LABELS, reference=REFERENCE, scores=frame_scores()).to_json().keys() == {"psds"}


def test_one_recording_alone_has_no_intervals():
    one = {"a.wav": [Event(0.0, 2.0, "dog"), Event(3.0, 4.0, "cat")]}
    result = evaluate(LABELS, reference=one, estimated=one, criteria=Criteria(), resampling=Resampling(50)).to_json()
    for section in result.values():
        for owner in (section, *section["per_class"].values()):
            assert {end for bounds in owner["intervals"].values() for end in bounds} == {None}


def test_intervals_stand_beside_what_they_are_of():
    given = {"reference": REFERENCE, "estimated": ESTIMATED, "scores": frame_scores(), "criteria": Criteria()}
    result = evaluate(LABELS, **given, resampling=Resampling(50)).to_json()
    plain = evaluate(LABELS, **given).to_json()
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    for section in result.values():
        for figure, (low, high) in section.pop("intervals").items():
            assert figure in section
            assert low is None or low <= high
        for row in section["per_class"].values():
            assert row.pop("intervals").keys() <= row.keys()
    assert result == plain
