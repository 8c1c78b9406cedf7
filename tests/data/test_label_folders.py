import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from earmark.data.label_folders import Reading, read_label_file, read_label_folder
from earmark.data.manifest import read_manifest
from earmark.errors import ConfigError
from earmark.events import Event
from earmark.formats import EVENT_FORMATS, match_recordings, read_labels, write_events, write_tags
from earmark.formats.dcase2017 import clip_name
from earmark.formats.tags import TAG_FORMATS

EVENTS = {"street/a.wav": [Event(0.05, 0.25, "dog", 0.9), Event(0.3, 0.4, "cat", 0.5)], "b.wav": []}
RAVEN = "Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)\tLow Freq (Hz)\tHigh Freq (Hz)\tLabel"


def events_of(manifest):
    return {clip.name: [(e.onset, e.offset, e.label) for e in clip.events] for clip in manifest.clips}


@pytest.mark.parametrize("form", EVENT_FORMATS)
@pytest.mark.parametrize("beside", [True, False], ids=["beside the audio", "in a folder of its own"])
def test_what_detect_writes_is_data(recordings, form, beside):
    root = recordings("audio/street/a.wav", "audio/b.wav")
    files = write_events(root / ("audio" if beside else "labels"), EVENTS, [form])
    data = files[0] if not EVENT_FORMATS[form].per_recording else root / ("audio" if beside else "labels")
    manifest = read_manifest(data, audio=root / "audio")
    assert {name.removesuffix(".wav"): found for name, found in events_of(manifest).items()} == {
        "street/a": [(0.05, 0.25, "dog"), (0.3, 0.4, "cat")],
        "b": [],
    }
    assert manifest.problems == ()
    if beside and EVENT_FORMATS[form].per_recording:
        assert len(read_manifest(data)) == 2  # and the recordings are found


@pytest.mark.parametrize("form", TAG_FORMATS)
def test_what_tag_writes_is_data(recordings, form):
    root = recordings("a.wav", "b.wav")
    path = write_tags(root / "out", {"a.wav": [("dog", 0.9), ("Air horn, truck horn", 0.5)], "b.wav": []}, [form])[0]
    manifest = read_manifest(path, audio=root)
    assert {clip.name: clip.labels for clip in manifest.clips} == {
        "a.wav": ("dog", "Air horn, truck horn"),
        "b.wav": (),
    }
    assert all(clip.events is None for clip in manifest.clips)


def test_recordings_without_a_label_file_are_left_out_and_counted(recordings, table):
    root = recordings("a.wav", "b.wav", "c.wav")
    table("a.txt", "0.1|0.2|dog")
    manifest = read_manifest(root)
    assert events_of(manifest) == {"a": [(0.1, 0.2, "dog")]}
    assert [problem.message for problem in manifest.problems] == [
        "2 recordings without a label file left out (first b.wav)"
    ]


def test_a_file_that_cannot_be_read_costs_its_own_recording(recordings, table):
    root = recordings("a.wav", "b.wav")
    table("a.txt", "0.1|0.2|dog")
    table("b.txt", "0.1|0.2|dog", "0.3|0.2|cat")
    manifest = read_manifest(root)
    assert list(events_of(manifest)) == ["a"]
    (problem,) = manifest.problems
    assert str(problem).startswith(f"{root / 'b.txt'}, line 2: offset 0.2 is before onset 0.3")
    assert str(problem).endswith("; b is left out")


def test_two_formats_for_one_recording_must_agree(recordings, table):
    root = recordings("a.wav", "b.wav")
    for name in "ab":
        table(f"{name}.txt", "0.1|0.2|dog")
        table(
            f"{name}.selections.txt", RAVEN.replace("\t", "|"), f"1|S|1|0.1|{'0.2' if name == 'a' else '0.4'}|0|1|dog"
        )
    manifest = read_manifest(root)
    assert list(events_of(manifest)) == ["a"]
    assert [problem.kind for problem in manifest.problems] == ["conflict"]


def test_prose_beside_folders_of_sounds_is_no_label_file(recordings, table):
    root = recordings("siren/a.wav", "dog/b.wav")
    table("siren/about.txt", "recorded in 2024")
    table("siren/levels.txt", "0.5|1|2|3|4|5")
    table("dog/x.txt", "1|2|three")  # a track, but of no recording here
    assert {clip.name: clip.labels for clip in read_manifest(root).clips} == {
        "siren/a.wav": ("siren",),
        "dog/b.wav": ("dog",),
    }


def test_the_label_column_of_a_raven_table_can_be_named(recordings, table):
    root = recordings("a.wav")
    table("a.selections.txt", RAVEN.replace("\t", "|").replace("Label", "Song"), "1|S|1|0.1|0.2|0|1|B")
    manifest = read_manifest(root, reading=Reading(label_column="song"))
    assert events_of(manifest) == {"a": [(0.1, 0.2, "B")]}


@pytest.mark.parametrize("separator", ["", " ", '"'])
def test_a_separator_that_cannot_be_one_is_refused(separator):
    with pytest.raises(ConfigError, match="cannot divide labels"):
        Reading(separator=separator)


def test_a_cell_that_looks_like_several_labels_is_a_problem(recordings, table):
    recordings("a.wav", "b.wav", "c.wav")
    path = table("t.csv", "filename,event_labels", "a.wav,dog;cat", "b.wav,\"['dog', 'cat']\"", "c.wav,cat")
    manifest = read_manifest(path)
    assert [str(problem).rpartition("t.csv, ")[2] for problem in manifest.problems] == [
        "line 2: 'dog;cat' looks like several labels; divide them with --separator ';'",
        "line 3: \"['dog', 'cat']\" looks like several labels; divide them with --separator list",
    ]
    path = table("t.csv", "filename,event_labels", "a.wav,dog;cat", "c.wav,cat")
    manifest = read_manifest(path, reading=Reading(separator=";"))
    assert (manifest.problems, manifest.counts()) == ((), {"cat": 2, "dog": 1})


def test_the_metadata_folder_of_a_set_lies_beside_its_audio(recordings, table):
    root = recordings("audio/fold1/a.wav")
    manifest = read_manifest(table("metadata/mine.csv", "filename,label", "a.wav,dog"))
    assert [clip.path for clip in manifest.clips] == [root / "audio" / "fold1" / "a.wav"]


# Everything earmark writes, every reader reads back equal.

letters = st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"], exclude_characters="/\\\0:")
names = st.text(letters | st.sampled_from("\udce9,;\"' "), min_size=1, max_size=8)
names = names.filter(lambda n: n.strip() == n and n[:2] != "._" and n.strip(".")).map(lambda n: f"{n}.wav")
labels = st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from(",;|\"'[]"), min_size=1, max_size=10)
events = st.builds(
    lambda onset, length, label, score: Event(onset / 1000, (onset + length) / 1000, label, score),
    *(st.integers(0, 10_000), st.integers(1, 10_000), labels.filter(str.strip), st.sampled_from([None, 0.25, 1.0])),
)
collections = st.dictionaries(names, st.lists(events, max_size=3, unique=True), min_size=1, max_size=4).filter(
    lambda found: len({os.fsencode(name).lower() for name in found}) == len(found)
)
QUIET = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def plain(found):
    return {name: [(round(e.onset, 4), round(e.offset, 4), e.label) for e in listed] for name, listed in found.items()}


@pytest.mark.parametrize("form", EVENT_FORMATS)
@QUIET
@given(written=collections)
def test_events_read_back_equal_as_labels_and_as_data(tmp_path_factory, form, written):
    folder = tmp_path_factory.mktemp(form)
    if len({name.casefold() for name in written}) < len(written):
        return  # two names that one disk may hold to be one
    files = write_events(folder, written, [form])
    one = files[0] if not EVENT_FORMATS[form].per_recording else folder
    as_labels = read_labels(one).events
    if EVENT_FORMATS[form].per_recording:
        as_data = {name: entry.events for name, entry in read_folder(folder).items()}
    else:
        as_data = {name: entry.events for name, entry in read_label_file(one).found.items()}
    for found in (as_labels, as_data):
        meant = match_recordings(found, [clip_name(name) for name in written])
        back = {clip_name(name): name for name in written}
        assert plain({back[meant[name]]: listed for name, listed in found.items()}) == plain(written)


def read_folder(folder):
    from earmark.data.label_folders import read_heads
    from earmark.formats.registry import label_files

    return read_heads(folder, label_files(folder)).found


@pytest.mark.parametrize("form", TAG_FORMATS)
@QUIET
@given(written=st.dictionaries(names, st.lists(labels.filter(str.strip), max_size=3, unique=True), min_size=1))
def test_tags_read_back_equal_as_labels_and_as_data(tmp_path_factory, form, written):
    path = tmp_path_factory.mktemp(form)
    written = {"last.wav": ["dog", "cat"], **written}
    file = write_tags(path, {name: [(label, None) for label in found] for name, found in written.items()}, [form])[0]
    assert read_labels(file).tags == {clip_name(name): found for name, found in written.items()}
    entries = read_label_file(file, known=[label for found in written.values() for label in found]).found
    assert {name: entry.labels for name, entry in entries.items()} == read_labels(file).tags


def test_nothing_is_read_from_a_folder_of_another_kind(recordings):
    assert read_label_folder(recordings("siren/a.wav")) is None
