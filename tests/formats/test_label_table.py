import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from earmark.errors import DataError
from earmark.events import Event
from earmark.formats.dcase import write_strong, write_weak
from earmark.formats.label_table import read_label_table

names = st.text(st.characters(categories=["L", "N"], include_characters=" ,-_'\"()&"), min_size=1, max_size=12).filter(
    lambda text: text.strip() != ""
)
recordings = st.integers(0, 10_000).map(lambda number: f"clip_{number}.wav")


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(tags=st.dictionaries(recordings, st.lists(names, max_size=4, unique=True), min_size=1, max_size=8))
def test_any_weak_table_reads_back(tmp_path, tags):
    tags["last.wav"] = ["dog", "cat"]  # else a table of empty or single labels only
    for name in ("weak.tsv", "weak.csv"):
        write_weak(tmp_path / name, tags)
        table = read_label_table(tmp_path / name)
        assert {name: entry.labels for name, entry in table.found.items()} == tags
        assert not table.strong


events = st.builds(
    lambda onset, length, label: Event(onset / 1000, (onset + length) / 1000, label),
    st.integers(0, 9_000),
    st.integers(0, 9_000),
    names,
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(strong=st.dictionaries(recordings, st.lists(events, max_size=5, unique=True), min_size=1, max_size=8))
def test_any_strong_table_reads_back(tmp_path, strong):
    for name in ("strong.tsv", "strong.csv"):
        write_strong(tmp_path / name, strong)
        table = read_label_table(tmp_path / name)
        assert {name: entry.events for name, entry in table.found.items()} == strong
        for entry in table.found.values():
            assert entry.labels == list(dict.fromkeys(event.label for event in entry.events))


def read(text, name="t.csv", **options):
    stream = io.StringIO(text)
    stream.name = name
    return read_label_table(stream, **options)


DOG = {"a.wav": [Event(0.5, 1.25, "dog")]}


@pytest.mark.parametrize(
    "text",
    [
        "filename,onset,offset,event_label\na.wav,0.5,1.25,dog\n",
        "filename,onset,duration,event_label\na.wav,0.5,0.75,dog\n",
        "filename,onset_ms,offset_ms,event_label\na.wav,500,1250,dog\n",
        "File,Start (s),End (s),Common name,Confidence\na.wav,0.5,1.25,dog,0.9\n",
        "My recordings,,,\nfilename,onset,offset,event_label\na.wav,0.5,1.25,dog\n",
        "My recordings\n\nfilename;onset;offset;event_label\na.wav;0,5;1,25;dog\n",
        ",filename,onset,offset,event_label,licence\n0,a.wav,0.5,1.25,dog,CC0\n",
        "slice,fname,start,stop,class\n9,a.wav,0.5,1.25,dog\n",
        "a.wav\tstreet\t0.5\t1.25\tdog\n",
        "a.wav\tstreet\t0.5\t1.25\tdog\tm\ta001\n",
        "a.wav\t0.5\t1.25\tdog\n",
    ],
)
def test_a_strong_table_however_it_was_made(text):
    table = read(text)
    assert table.strong
    assert {name: [e._replace(score=None) for e in found] for name, found in table.events().items()} == DOG
    assert not table.found["a.wav"].doubts


def test_a_strong_table_without_names_is_of_the_recording_it_is_called_after():
    assert read("onset,offset,event_label\n0.5,1.25,dog\n", "marsh.csv").events() == {"marsh": DOG["a.wav"]}
    with pytest.raises(DataError, match=r"no column 'filename'.*should 'filenmae' be 'filename'"):
        read("filenmae,onset,offset,event_label\na.wav,0.5,1.25,dog\n")


def test_times_in_a_source_recording_are_no_times_of_events():
    text = "slice_file_name,fsID,start,end,salience,fold,classID,class\na.wav,1,120.5,124.5,1,3,3,dog_bark\n"
    table = read(text)
    assert (table.strong, table.tags(), table.found["a.wav"].split) == (False, {"a.wav": ["dog_bark"]}, "3")


def test_whole_numbers_that_a_data_frame_made_decimal_are_folds():
    table = read("filename,label,fold\na.wav,dog,1.0\nb.wav,cat,10.0\nc.wav,cat,nan\n")
    assert [entry.split for entry in table.found.values()] == ["1", "10", None]


@pytest.mark.parametrize("word", ["nan", "NaN", "NA", "None", "null", "<NA>"])
def test_what_programs_write_for_an_empty_cell_is_no_label(word):
    for text in ("filename,label\na.wav,{}\nb.wav,dog\n", "filename,event_labels\na.wav,{}\nb.wav,dog\n"):
        doubts = read(text.format(word)).found["a.wav"].doubts
        assert [doubt.kind for doubt in doubts] == ["empty"]
        assert str(doubts[0]).startswith(f"t.csv, line 2: the label {word!r} is what programs write for an empty cell")
    strong = read(f"filename,onset,offset,event_label\na.wav,{word},{word},{word}\nb.wav,0,1,{word}\n")
    assert (strong.found["a.wav"].events, strong.found["a.wav"].doubts) == ([], [])
    assert [doubt.kind for doubt in strong.found["b.wav"].doubts] == ["empty"]
    assert not read(f"filename,label\na.wav,{word}\n", known=[word]).found["a.wav"].doubts  # a model knows it


@pytest.mark.parametrize(
    ("cell", "separator"),
    [
        ("dog;cat", ";"),
        ("dog | cat", "|"),
        ("\"['dog', 'cat']\"", "list"),
        ('"[""dog"", ""cat""]"', "list"),
        ("dog/cat", "/"),
    ],
)
@pytest.mark.parametrize("column", ["label", "event_labels"])
def test_labels_are_divided_as_the_user_says(cell, separator, column):
    text = f"filename,{column}\na.wav,{cell}\n"
    assert read(text, separator=separator).tags() == {"a.wav": ["dog", "cat"]}
    assert len(read(text).tags()["a.wav"]) == 1  # and not guessed


def test_a_cell_that_is_no_list_is_refused_with_its_row():
    text = "filename,labels\na.wav,\"['dog', 'cat']\"\nb.wav,__import__('os')\nc.wav,\"[1, 2]\"\n"
    table = read(text, separator="list")
    assert [bool(entry.doubts) for entry in table.found.values()] == [False, True, True]
    assert "line 3: \"__import__('os')\" is not a list of labels" in str(table.found["b.wav"].doubts[0])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "filename,onset,offset,event_label\na.wav,0:01,0:02,dog\n",
            "line 2: onset is '0:01'.*seconds, not in minutes",
        ),
        ("filename,onset,offset,event_label\na.wav,1_0,20,dog\n", "line 2: onset is '1_0', expected a number"),
        ('filename,onset,offset,event_label\na.wav,"0,5",1,dog\n', "line 2: onset is '0,5'.*decimal point"),
        ("filename,onset,duration,event_label\na.wav,0,-1,dog\n", "line 2: duration '-1' is not a time"),
        ("some,thing,else\n1,2,3\n", "t.csv, line 1: neither a header"),
    ],
)
def test_a_row_that_cannot_be_read_is_named(text, message):
    with pytest.raises(DataError, match=message):
        read(text).raise_doubts()


def test_a_space_at_the_end_of_a_name_is_a_slip_where_the_name_without_it_is_there_too():
    assert list(read("filename,onset,offset,label\na.wav,0,1,x\na.wav ,1,2,x\n").found) == ["a.wav"]


def test_a_column_for_each_label_is_one_hot(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("filename,dog,Air horn,notes,fold\na.wav,1,0,hi,1\nb.wav,0,1.0,,1\nc.wav,TRUE,1,x,2\nd.wav,0,,,2\n")
    table = read_label_table(path)
    assert table.tags() == {"a.wav": ["dog"], "b.wav": ["Air horn"], "c.wav": ["dog", "Air horn"], "d.wav": []}
    assert (table.strong, table.unused, table.found["c.wav"].split) == (False, ("notes",), "2")


def test_one_hot_segments_are_events(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("file,start,end,dog,cat\na.wav,0,1,1,0\na.wav,1,2,1,1\nb.wav,0,1,0,0\n")
    table = read_label_table(path)
    assert {name: [(e.onset, e.offset, e.label) for e in found] for name, found in table.events().items()} == {
        "a.wav": [(0, 1, "dog"), (1, 2, "dog"), (1, 2, "cat")],
        "b.wav": [],
    }


def test_what_is_neither_one_nor_nought_is_told_with_its_row(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("filename,dog,cat\na.wav,1,0\nb.wav,0,?\nc.wav,1,1\n")
    with pytest.raises(DataError, match=r"labels.csv, line 3: column 'cat' is '\?', expected 0 or 1$"):
        read_label_table(path).raise_doubts()
    path.write_text("filename,dog,cat\na.wav,1,0\na.wav,0,1\n")
    assert [doubt.kind for doubt in read_label_table(path).found["a.wav"].doubts] == ["conflict"]
    path.write_text("filename,dog,cat\na.wav,0.2,0.7\nb.wav,0.9,0.1\n")  # scores are no labels
    with pytest.raises(DataError, match="no column 'event_labels' or 'label' among filename, dog, cat"):
        read_label_table(path)


def test_marks_and_words_are_one_hot_too(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    for cells in (("x", "", "", "X"), ("yes", "no", "NO", "Yes"), ("True", "False", "False", "True")):
        path.write_text("filename,dog,cat\na.wav,{},{}\nb.wav,{},{}\n".format(*cells))
        assert read_label_table(path).tags() == {"a.wav": ["dog"], "b.wav": ["cat"]}
