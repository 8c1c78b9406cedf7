from pathlib import Path

import pytest

from earmark.data.manifest import read_manifest
from earmark.errors import DataError
from earmark.events import Event
from earmark.formats.label_table import read_label_table as read_entries
from earmark.labels import Labels

SHARED = Path(__file__).parents[3] / "shared" / "data"


def tags(manifest):
    return {clip.name: clip.labels for clip in manifest.clips}


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("weak.tsv", ["filename|event_labels", 'a.wav|"Air horn, truck horn",Car', "b.wav|Car", "c.wav|"]),
        ("weak.csv", ["filename,event_labels", 'a.wav,"""Air horn, truck horn"",Car"', "b.wav,Car", "c.wav,"]),
        ("weak.tsv", ['a.wav|"Air horn, truck horn",Car', "b.wav|Car", "c.wav|"]),
    ],
)
def test_a_row_a_clip(recordings, table, name, lines):
    recordings("a.wav", "b.wav", "c.wav")
    manifest = read_manifest(table(name, *lines))
    assert tags(manifest) == {"a.wav": ("Air horn, truck horn", "Car"), "b.wav": ("Car",), "c.wav": ()}
    assert manifest.problems == ()
    assert all(clip.events is None for clip in manifest.clips)


def test_a_row_a_label_with_folds_and_more_columns(recordings, table):
    recordings("a.wav", "b.wav")
    manifest = read_manifest(
        table("t.csv", "File,fold,label,licence", "a.wav,1,dog,CC0", "a.wav,1,cat,", "b.wav,2,dog,")
    )
    assert tags(manifest) == {"a.wav": ("dog", "cat"), "b.wav": ("dog",)}
    assert [clip.split for clip in manifest.clips] == ["1", "2"]
    assert manifest.unused_columns == ("licence",)


def test_a_list_column_with_one_label_a_row(recordings, table):
    recordings("a.wav")
    assert tags(read_manifest(table("t.tsv", "filename|labels", "a.wav|dog", "a.wav|cat"))) == {"a.wav": ("dog", "cat")}


def test_a_strong_table_gives_events_and_tags(recordings, table):
    recordings("audio/a.wav", "audio/b.wav", "audio/c.wav")
    path = table("strong.tsv", "filename|onset|offset|event_label", "a.wav|0.1|0.2|dog", "a.wav|0|0.3|cat", "b.wav|||")
    table("durations.tsv", "filename|duration", "a.wav|0.5", "b.wav|0.5", "c.wav|0.5")
    manifest = read_manifest(path)
    assert tags(manifest) == {"a.wav": ("dog", "cat"), "b.wav": (), "c.wav": ()}
    assert manifest.reference() == {
        "a.wav": [Event(0.1, 0.2, "dog"), Event(0.0, 0.3, "cat")],
        "b.wav": [],
        "c.wav": [],
    }
    assert [clip.duration for clip in manifest.clips] == [0.5, 0.5, 0.5]


def test_a_folder_with_weak_and_strong_tables(recordings, table):
    root = recordings("audio/a.wav", "audio/b.wav", "audio/c.wav", "audio/d.wav")
    table("weak.tsv", "filename|event_labels", "a.wav|dog", "b.wav|", "c.wav|cat", "d.wav|cat")
    table("strong.tsv", "filename|onset|offset|event_label", "a.wav|0|0.3|dog", "d.wav|0|0.1|owl")
    manifest = read_manifest(root)
    assert {clip.name: clip.events for clip in manifest.clips} == {
        "a.wav": (Event(0.0, 0.3, "dog"),),
        "b.wav": (),
        "c.wav": None,
        "d.wav": (Event(0.0, 0.1, "owl"),),
    }
    assert [problem.kind for problem in manifest.problems] == ["conflict", "conflict"]
    assert read_manifest(root / "weak.tsv").reference() == {}


def test_dcase2017_tables_without_header(recordings, table):
    recordings("x_30.000_40.000.wav", "y_5.000_15.000.wav")
    weak = table(
        "weak.csv", "x_30.000_40.000.wav|30.000|40.000|Air horn, truck horn", "y_5.000_15.000.wav|5.000|15.000|Car"
    )
    manifest = read_manifest(weak)
    assert tags(manifest) == {"x_30.000_40.000.wav": ("Air horn, truck horn",), "y_5.000_15.000.wav": ("Car",)}
    assert manifest.reference() == {}
    strong = table("strong.csv", "x_30.000_40.000.wav|0.5|1.0|Car", "y_5.000_15.000.wav|0|0|Car")
    assert read_manifest(strong).reference()["x_30.000_40.000.wav"] == [Event(0.5, 1.0, "Car")]


def test_what_is_doubtful_is_left_out_and_listed(recordings, table):
    recordings("a.wav", "b.wav", "c.wav", "d.wav", "x/e.wav", "y/e.flac")
    path = table(
        *("t.tsv", "filename|event_labels", "a.wav|dog,cat", "b.wav|dog", "b.wav|cat", "gone.wav|dog"),
        *("c.wav|cat", "c.wav|cat", "|dog", "e|dog", "./d.wav|cat", "d.wav|dog"),
    )
    manifest = read_manifest(path)
    assert set(tags(manifest)) == {"a.wav", "c.wav", "./d.wav"}
    told = [str(problem) for problem in manifest.problems]
    for expected in [
        "t.tsv, line 4: b.wav has the labels ['dog'] in line 3 and ['cat'] here; it is left out",
        "t.tsv, line 5: gone.wav does not exist",
        "t.tsv, line 7: c.wav is listed again; counted once",
        "t.tsv, line 8: no file name",
        "t.tsv, line 9: e fits several files",
        "t.tsv, line 11: d.wav is the same file as ./d.wav",
    ]:
        assert any(expected in text for text in told), expected
    assert len(told) == 6


def test_a_clip_with_one_bad_row_is_left_out_whole(recordings, table):
    recordings("a.wav", "b.wav")
    rows = ["a.wav|0|0.1|dog", "a.wav|0.3|0.2|dog", "b.wav|0|0.1|dog", "b.wav|0|0.1|dog"]
    manifest = read_manifest(table("strong.tsv", "filename|onset|offset|event_label", *rows))
    assert set(tags(manifest)) == {"b.wav"}
    assert [problem.kind for problem in manifest.problems] == ["duplicate", "row"]
    assert "line 3: offset 0.2 is before onset 0.3" in str(manifest.problems[1])


def test_an_empty_label_in_a_row_a_label_is_no_silent_negative(recordings, table):
    recordings("a.wav", "b.wav")
    manifest = read_manifest(table("t.csv", "filename,label", "a.wav,dog", "b.wav,"))
    assert set(tags(manifest)) == {"a.wav"}
    assert "line 3: b.wav has no label" in str(manifest.problems[0])


def test_given_labels_fix_the_classes(recordings, table):
    recordings("a.wav", "b.wav")
    path = table("t.tsv", "filename|event_labels", "a.wav|Air horn, truck horn", "b.wav|dogs,cat")
    manifest = read_manifest(path, labels=Labels(["dog", "cat", "Air horn, truck horn"]))
    assert tags(manifest) == {"a.wav": ("Air horn, truck horn",), "b.wav": ("cat",)}
    assert list(manifest.labels) == ["dog", "cat", "Air horn, truck horn"]
    assert str(manifest.problems[0]) == (
        "dogs: not one of the 3 labels asked for (did you mean 'dog'?); left out of 1 clip"
    )
    with pytest.raises(DataError, match="none of its labels"):
        read_manifest(path, labels=Labels(["owl"]))


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["filenmae,event_labels", "a.wav,dog"], r"t\.csv: no column 'filename'.*should 'filenmae' be 'filename'"),
        (
            ["filename,evnt_labels", "a.wav,dog"],
            r"t\.csv: no column 'event_labels'.*should 'evnt_labels' be 'event_labels'",
        ),
        (["filename,label"], "a header, but no rows"),
        (["filename,label", "z.wav,dog", "y.wav,dog"], r"none of its 2 files exist .*'z\.wav'.*--audio"),
        (["filename,label", "a.wav,"], r"no usable clips; the first of 1 problems: .*line 2: a\.wav has no label"),
        (["filename,event_labels", "a.wav,"], "none of the 1 clips has a label"),
        ([""], "empty"),
    ],
)
def test_tables_that_cannot_be_used_are_refused(recordings, table, lines, message):
    recordings("a.wav")
    with pytest.raises(DataError, match=message) as caught:
        read_manifest(table("t.csv", *lines))
    assert "\n" not in str(caught.value)


def test_wrong_places_are_refused(recordings, table):
    root = recordings("a.wav")
    table("weak.tsv", "filename|event_labels")
    with pytest.raises(DataError, match=r"wea\.tsv: no such file or folder \(did you mean 'weak\.tsv'\?\)"):
        read_manifest(root / "wea.tsv")
    with pytest.raises(DataError, match="is a recording"):
        read_manifest(root / "a.wav")
    (root / "weak.tsv").unlink()
    with pytest.raises(DataError, match="1 recording but no labels"):
        read_manifest(root)
    (root / "empty").mkdir()
    with pytest.raises(DataError, match=r"no recordings in this folder.*\.wav"):
        read_manifest(root / "empty")
    table("labels.csv", "filename,label")
    (root / "empty").rmdir()
    with pytest.raises(DataError, match=r"give a table in it.*labels\.csv"):
        read_manifest(root)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the real label files (../shared/data) are not here")
@pytest.mark.parametrize(
    ("name", "count", "labels"),
    [("desed_validation_strong.tsv", 1168, 10), ("dcase2016_task2_dev_test_strong.tsv", 72, 11)],
)
def test_real_strong_tables(name, count, labels):
    entries = read_entries(SHARED / "labels-only" / name)
    assert entries.strong
    assert len(entries.found) == count
    assert len({label for entry in entries.found.values() for label in entry.labels}) == labels
    assert not any(entry.doubts for entry in entries.found.values())


@pytest.mark.skipif(not SHARED.is_dir(), reason="the real recordings (../shared/data) are not here")
def test_real_esc50():
    manifest = read_manifest(SHARED / "esc50" / "clips.csv")
    assert (len(manifest), len(manifest.labels), manifest.problems) == (1600, 50, ())
    assert {clip.split for clip in manifest.clips} == {"1", "2", "3", "4"}


def test_a_clip_whose_only_label_is_unknown_is_left_out_and_listed(recordings, table):
    """It holds a sound: as a clip in which nothing is heard it would make false alarms of right answers."""
    recordings("a.wav", "b.wav", "c.wav", "d.wav")
    path = table(
        "t.csv",
        "filename,onset,offset,event_label",
        "a.wav,0,1,dog",
        "b.wav,0,1,hound",
        "c.wav,,,",
        "d.wav,0,1,hound",
        "d.wav,0,1,dog",
    )
    manifest = read_manifest(path, labels=Labels(["dog"]))
    assert tags(manifest) == {"a.wav": ("dog",), "c.wav": (), "d.wav": ("dog",)}
    assert [str(problem) for problem in manifest.problems] == [
        "hound: not one of the 1 labels asked for; left out of 2 clips",
        "b.wav: its labels (hound) are none of the 1 asked for; it is left out",
    ]
