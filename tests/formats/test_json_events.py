import pytest

from earmark.errors import DataError
from earmark.events import Event
from earmark.formats.json_events import read_json, write_json


def test_any_label_and_recording_can_be_carried(tmp_path):
    events = {'a "b".wav': [Event(0.5, 1.25, "tab\there, ü", 0.9), Event(1, 2, "x")], "empty.wav": []}
    write_json(tmp_path / "e.json", events)
    assert read_json(tmp_path / "e.json") == events
    write_json(tmp_path / "e.json", {})
    assert read_json(tmp_path / "e.json") == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"recordings": {\n"a": [}\n}', "e.json, line 2: broken JSON"),
        ('{"a": []}', "expected {.*recordings"),
        ('{"recordings": {"a": {}}}', "expected {.*recordings"),
        ('{"recordings": {"a": [{"onset": 1}]}}', "event 1 of 'a': expected onset, offset, label"),
        (
            '{"recordings": {"a": [{"onset": 2, "offset": 1, "label": "x"}]}}',
            "event 1 of 'a': offset 1 is before onset 2",
        ),
        ('{"recordings": {"a": [{"onset": null, "offset": 1, "label": "x"}]}}', "onset is 'None'"),
        ('{"recordings": {"a": [{"onset": NaN, "offset": 1, "label": "x"}]}}', "onset 'nan' is not a time"),
    ],
)
def test_broken_files_name_the_place(tmp_path, text, message):
    (tmp_path / "e.json").write_text(text)
    with pytest.raises(DataError, match=message):
        read_json(tmp_path / "e.json")
