"""Events and tags of recordings: returned, handed on, or written."""

from pathlib import Path

import pytest

from earmark import api
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


def test_an_option_that_does_not_exist_is_refused(trained: Path) -> None:
    with pytest.raises(TypeError, match="min_scores"):
        api.detect(["a.wav"], models=[trained], min_scores=0.5)  # type: ignore[call-arg]
