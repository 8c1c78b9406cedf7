from collections.abc import Callable
from pathlib import Path

import pytest

from earmark.errors import ConfigError, DataError
from earmark.events import Event
from earmark.formats import write_events
from earmark.formats.tags import write_tags
from earmark.labels import Labels
from earmark.metrics import evaluate
from earmark.metrics.files import score_files
from earmark.metrics.intersection import Criteria

TRUTH = {
    "street/a.wav": [Event(0.0, 2.0, "dog"), Event(3.0, 4.5, "cat")],
    "street/b.wav": [Event(1.0, 6.0, "dog")],
    "c.wav": [],
}
FOUND = {
    "street/a.wav": [Event(0.1, 2.1, "dog", 0.9), Event(3.0, 4.0, "dog", 0.6)],
    "street/b.wav": [Event(1.0, 5.9, "dog", 0.8), Event(7.0, 8.0, "cat", 0.5)],
    "c.wav": [Event(0.0, 1.0, "cat", 0.5)],
}
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def call(events: dict, form: str, name: str) -> Path:
        folder = tmp_path / name
        write_events(folder, events, [form])
        return folder if form in ("audacity", "raven") else folder / f"events.{form}"

    return call


@pytest.mark.parametrize("form", ["csv", "tsv", "json", "audacity", "raven"])
def test_the_figures_are_those_of_the_events_in_any_format(write: Write, form: str) -> None:
    direct = evaluate(Labels(["cat", "dog"]), reference=TRUTH, estimated=FOUND, criteria=Criteria()).to_json()
    assert score_files(write(TRUTH, "tsv", "truth"), write(FOUND, form, "found")).to_json() == direct
    assert score_files(write(TRUTH, form, "truth2"), write(FOUND, form, "found2")).to_json() == direct


def test_recordings_are_matched_without_folder_and_extension(write: Write) -> None:
    moved = {f"/data/{name.rpartition('/')[2]}".removesuffix(".wav"): events for name, events in FOUND.items()}
    truth = write(TRUTH, "tsv", "truth")
    assert (
        score_files(truth, write(moved, "csv", "m")).to_json() == score_files(truth, write(FOUND, "csv", "f")).to_json()
    )


def test_missing_recordings_are_missed(write: Write) -> None:
    found = score_files(write(TRUTH, "tsv", "t"), write({"street/b.wav": TRUTH["street/b.wav"]}, "tsv", "f"))
    assert found.event is not None
    assert (found.event.precision, found.event.recall) == (1.0, 1 / 3)
    assert found.tagging is not None
    assert found.tagging.clips == 3


def test_tags_on_one_side_give_tagging_alone(write: Write, tmp_path: Path) -> None:
    tags = {name: [(event.label, 0.5) for event in events] for name, events in FOUND.items()}
    path = write_tags(tmp_path, {name: list(dict.fromkeys(found)) for name, found in tags.items()}, ["csv"])[0]
    found = score_files(write(TRUTH, "tsv", "t"), path)
    assert (found.segment, found.event) == (None, None)
    assert found.tagging is not None
    assert (found.tagging.precision, found.tagging.recall) == (0.5, pytest.approx(2 / 3))


def test_what_the_reference_lacks_is_refused_or_ignored(write: Write) -> None:
    truth = write(TRUTH, "tsv", "t")
    owl = write({**TRUTH, "c.wav": [Event(0, 1, "owl")]}, "tsv", "owl")
    more = write({**TRUTH, "d.wav": [Event(0, 1, "dog")]}, "tsv", "more")
    for path, message in ((owl, "unknown label 'owl'"), (more, r"'d\.wav'")):
        with pytest.raises(DataError, match=message):
            score_files(truth, path)
        assert score_files(truth, path, unknown="ignore").event.f1 == 1.0
    with pytest.raises(DataError, match=r"names no recording of .* \('x\.wav' here, 'street/a\.wav' there\)"):
        score_files(truth, write({"x.wav": [Event(0, 1, "dog")]}, "tsv", "x"), unknown="ignore")


def test_a_reference_without_labels_is_a_swap(write: Write) -> None:
    with pytest.raises(DataError, match="no label in it; are reference and estimate swapped"):
        score_files(write({"a.wav": []}, "tsv", "t"), write({"a.wav": [Event(0, 1, "dog")]}, "tsv", "f"))


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("segment_length", 0.0, "segment length 0 s: expected 0.001 s or more"),
        ("segment_length", float("nan"), "segment length nan s"),
        ("onset_collar", -0.1, "onset collar -0.1 s: expected 0 s or more"),
        ("offset_share", float("inf"), "offset share inf"),
    ],
)
def test_lengths_that_can_be_none_are_refused(write: Write, option: str, value: float, message: str) -> None:
    truth = write(TRUTH, "tsv", "t")
    with pytest.raises(ConfigError, match=message):
        score_files(truth, truth, **{option: value})
