import json

import pytest

from earmark.errors import DataError
from earmark.events import Event
from earmark.formats import read_events


def write(path, data, namespace="scaper"):
    path.write_text(json.dumps({"annotations": [{"namespace": namespace, "data": data}], "sandbox": {}}))
    return path


def observation(time, duration, label, **more):
    return {"time": time, "duration": duration, "value": {"label": label, **more}, "confidence": 1.0}


def test_the_foreground_of_a_soundscape_is_what_is_heard(tmp_path):
    data = [
        observation(0, 10, "street", event_type="background"),
        observation(3, 1.5, "siren", event_type="foreground"),
        observation(0.5, 1, "dog", role="foreground"),
    ]
    expected = {"scene": [Event(0.5, 1.5, "dog"), Event(3, 4.5, "siren")]}
    assert read_events(write(tmp_path / "scene.jams", data)) == expected
    columns = {key: [item[key] for item in data] for key in data[0]}  # as old files have it
    assert read_events(write(tmp_path / "scene.jams", columns, "sound_event")) == expected


def test_plain_tags_are_labels(tmp_path):
    data = [{"time": 1, "duration": 2, "value": "dog", "confidence": None}]
    assert read_events(write(tmp_path / "a.jams", data, "tag_open")) == {"a": [Event(1, 3, "dog")]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "a.jams: broken JSON"),
        ("[" * 100_000, "a.jams: broken JSON"),
        ("[]", "not a JAMS file"),
        ('{"annotations": [{"data": 3}]}', "annotation 1: expected a list of observations"),
        ('{"annotations": [{"data": [{"time": 0, "duration": 1, "value": 3}]}]}', "observation 1: expected a label"),
        ('{"annotations": [{"data": [{"time": "x", "duration": 1, "value": "a"}]}]}', "observation 1: onset is 'x'"),
    ],
)
def test_what_is_no_such_file_is_refused(tmp_path, text, message):
    (tmp_path / "a.jams").write_text(text)
    with pytest.raises(DataError, match=message):
        read_events(tmp_path / "a.jams")
