"""Events and tags of recordings: returned, handed on, or written."""

import json
from pathlib import Path

import pytest

from earmark import api
from earmark.errors import ConfigError, DataError
from earmark.events import Event


def test_a_broken_recording_is_returned_and_the_others_are_tagged(
    model: Path, collection: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.wav"
    broken.write_text("no sound")
    good = collection / "dev" / "audio" / "dev00.wav"
    found = api.tag([broken, good], models=[model], formats=["json"], output=tmp_path / "tags.json")
    assert not found.complete
    assert len(found.account.failed) == 1
    assert "broken.wav" in found.account.failed[0]
    assert (tmp_path / "tags.json").is_file()


def test_events_returned_handed_on_and_written_are_the_same(trained: Path, collection: Path, tmp_path: Path) -> None:
    inputs, handed = [collection / "dev" / "audio"], {}
    returned = api.detect(inputs, models=[trained])
    api.detect(inputs, models=[trained], sink=handed.__setitem__)
    written = api.detect(inputs, models=[trained], output=tmp_path / "found")
    assert returned.total == written.total == sum(map(len, returned.events.values())) > 4
    assert {name: list(events) for name, events in handed.items()} == dict(returned.events)

    def rounded(events: list[Event]) -> list[tuple[object, ...]]:
        return [(event.onset, event.offset, event.label, round(event.score or 0, 6)) for event in events]

    for name, events in returned.events.items():
        assert rounded(written.events[name]) == rounded(events)


def test_tags_are_by_recording(trained: Path, collection: Path) -> None:
    found = api.tag([collection / "dev" / "audio" / "dev00.wav"], models=[trained], min_score=0.1)
    assert list(found.tags) == ["dev00.wav"]
    assert all(score >= 0.1 for _, score in found.tags["dev00.wav"])


@pytest.fixture
def ontology(tmp_path: Path) -> Path:
    """An alarm is a horn or a beep."""
    nodes = [
        {"id": "1", "name": "Alarm", "child_ids": ["2", "3"]},
        {"id": "2", "name": "Horn", "child_ids": []},
        {"id": "3", "name": "Beep", "child_ids": []},
    ]
    (tmp_path / "ontology.json").write_text(json.dumps(nodes))
    return tmp_path / "ontology.json"


def test_labels_above_are_added_where_an_ontology_is_given(
    trained: Path, collection: Path, ontology: Path, tmp_path: Path
) -> None:
    inputs = [collection / "dev" / "audio"]
    plain = api.detect(inputs, models=[trained]).events
    for given in ({}, {"output": tmp_path / "one"}, {"output": tmp_path / "two", "processes": 2}):
        widened = api.detect(inputs, models=[trained], ontology=ontology, precision="float32", **given).events
        assert {event.label for events in widened.values() for event in events} > {"Alarm"}
        for name, events in plain.items():
            kept = [event for event in widened[name] if event.label != "Alarm"]
            assert [event[:3] for event in kept] == [event[:3] for event in events]
            alarms = [event for event in events if event.label in ("horn", "beep")]
            assert any(event.label == "Alarm" for event in widened[name]) == bool(alarms)
    with pytest.raises(ConfigError, match=r"ontology"):
        api.detect(inputs, models=[trained], precision="float32", output=tmp_path / "one")
    tags = api.tag(inputs, models=[trained], ontology=ontology).tags
    for name, found in api.tag(inputs, models=[trained]).tags.items():
        best = max((score for label, score in found if label in ("horn", "beep")), default=None)
        assert dict(tags[name]).get("Alarm") == best


def test_an_ontology_that_knows_no_label_is_refused(trained: Path, collection: Path, tmp_path: Path) -> None:
    (tmp_path / "ontology.json").write_text("[]")
    with pytest.raises(DataError, match="knows none of the"):
        api.detect([collection / "dev" / "audio"], models=[trained], ontology=tmp_path / "ontology.json")


def test_an_option_that_does_not_exist_is_refused(trained: Path) -> None:
    with pytest.raises(TypeError, match="min_scores"):
        api.detect(["a.wav"], models=[trained], min_scores=0.5)  # type: ignore[call-arg]
