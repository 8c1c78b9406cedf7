import json

import numpy as np
import pytest

from earmark.errors import DataError
from earmark.events import Event
from earmark.labels import Labels
from earmark.metrics import encode_tags, evaluate, tags_of_events

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
