"""Label Studio: what is written can be read, and looks as its import expects it."""

from __future__ import annotations

import io
import json
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.errors import DataError
from earmark.events import Event
from earmark.formats.label_studio import encode, read_tasks, setup

NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12).filter(
    lambda name: name.strip() == name and "?d=" not in name and "%" not in name
)
LABELS = st.sampled_from(["dog", "Air horn, truck horn", "<b>", "犬"])
EVENTS = st.lists(
    st.builds(
        lambda onset, length, label, score: Event(round(onset, 4), round(onset + length, 4), label, round(score, 4)),
        st.floats(0, 1e4),
        st.floats(0.01, 50),
        LABELS,
        st.floats(0, 1),
    ),
    max_size=4,
)


@given(st.dictionaries(NAMES, EVENTS, max_size=4), st.booleans())
def test_what_is_written_is_read(events, predictions):
    back = read_tasks(io.StringIO(encode(events, predictions=predictions)))
    assert list(back) == list(events)
    for name, found in events.items():
        assert [event[:3] for event in back[name]] == [event[:3] for event in found]
        assert [event.score for event in back[name]] == [event.score if predictions else None for event in found]


def test_a_region_is_what_label_studio_expects():
    [task] = json.loads(encode({"a.wav": [Event(0.5, 1.25, "dog")]}, address="/data/local-files/?d="))
    assert task["data"] == {"audio": "/data/local-files/?d=a.wav"}
    [region] = task["annotations"][0]["result"]
    assert (region["type"], region["from_name"], region["to_name"]) == ("labels", "label", "audio")
    assert region["value"] == {"start": 0.5, "end": 1.25, "channel": 0, "labels": ["dog"]}
    assert read_tasks(io.StringIO(json.dumps([task]))) == {"a.wav": [Event(0.5, 1.25, "dog")]}


def test_the_interface_names_every_label():
    tree = ElementTree.fromstring(setup(['a "b" <c>', "dog"]))
    assert [each.attrib["value"] for each in tree.iter("Label")] == ['a "b" <c>', "dog"]


@pytest.mark.parametrize(
    "text",
    ["{", "{}", '[{"data": {}}]', '[{"data": {"audio": "a"}, "annotations": [{"result": [{"type": "labels"}]}]}]'],
)
def test_other_files_are_refused_in_one_line(tmp_path, text):
    (tmp_path / "tasks.json").write_text(text)
    with pytest.raises(DataError, match=r"tasks\.json: ") as caught:
        read_tasks(tmp_path / "tasks.json")
    assert "\n" not in str(caught.value)
