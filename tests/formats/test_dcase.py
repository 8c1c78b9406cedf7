import pytest

from earmark.errors import DataError
from earmark.events import Event
from earmark.formats import (
    read_durations,
    read_strong,
    read_weak,
    write_durations,
    write_strong,
    write_weak,
)


def file(tmp_path, text, name="t.tsv"):
    path = tmp_path / name
    path.write_text(text)
    return path


def test_strong_labels_with_a_header(tmp_path):
    path = file(
        tmp_path, "filename\tonset\toffset\tevent_label\na.wav\t0.5\t1.25\tdog\nb.wav\t\t\t\na.wav\t2\t3\tcat\n"
    )
    assert read_strong(path) == {"a.wav": [Event(0.5, 1.25, "dog"), Event(2, 3, "cat")], "b.wav": []}


def test_strong_labels_of_dcase2017_have_no_header(tmp_path):
    text = "-x_60.000_70.000.wav\t0.917\t2.029\tAir horn, truck horn\r\nb.wav\t0\t0\tCar\r\nc.wav\r\n"
    assert read_strong(file(tmp_path, text, "strong.csv")) == {
        "-x_60.000_70.000.wav": [Event(0.917, 2.029, "Air horn, truck horn")],
        "b.wav": [Event(0, 0, "Car")],
        "c.wav": [],
    }


def test_a_list_of_bare_names_is_a_list_of_silent_recordings(tmp_path):
    assert read_strong(file(tmp_path, "a.wav\nb.wav\n")) == {"a.wav": [], "b.wav": []}


def test_other_spellings_and_scores(tmp_path):
    text = "Label,Start,End,File,Confidence\ndog,1,2,a.wav,0.5\n"
    assert read_strong(file(tmp_path, text, "x.csv")) == {"a.wav": [Event(1, 2, "dog", 0.5)]}


def test_strong_labels_are_written_in_four_columns(tmp_path):
    path = tmp_path / "out.tsv"
    write_strong(path, {"a.wav": [Event(0.5, 1.25, "dog", 0.9)], "b.wav": []})
    assert path.read_text() == "filename\tonset\toffset\tevent_label\na.wav\t0.500\t1.250\tdog\nb.wav\t\t\t\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("filename\tonset\toffset\tevent_label\na.wav\t2\t1\tdog\n", "t.tsv, line 2: offset 1 is before onset 2"),
        ("filename\tonset\toffset\tevent_label\n\na.wav\t\t1\tdog\n", "t.tsv, line 3: onset is empty"),
        ("a.wav\t0\t1\tdog\nb.wav\t0\tnan\tdog\n", "t.tsv, line 2: offset 'nan' is not a time"),
        ("a.wav\t0\t1\tdog\nb.wav\t0\t1\n", "t.tsv, line 2: the event has no label"),
        ("a.wav\t0\t1\tdog\n\t0\t1\tcat\n", "t.tsv, line 2: no file name"),
        ("filename\tonset\tofset\tevent_label\n", r"no column 'offset' among .*should 'ofset' be 'offset'\?"),
        ("a\tb\tc\td\ne\tf\tg\th\n", "line 1: neither a header"),
    ],
)
def test_broken_strong_labels_name_the_line(tmp_path, text, message):
    with pytest.raises(DataError, match=message):
        read_strong(file(tmp_path, text))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "t.tsv",
            'filename\tevent_labels\na.wav\t"Air horn, truck horn",Car\nb.wav\t\nc.wav\t"Air horn, truck horn"\n',
        ),
        (
            "t.csv",
            'filename,event_labels\na.wav,"""Air horn, truck horn"",Car"\nb.wav,\nc.wav,"""Air horn, truck horn"""\n',
        ),
        (
            "t.csv",
            'filename,event_label\na.wav,"Air horn, truck horn"\na.wav,Car\nb.wav,\nc.wav,"Air horn, truck horn"',
        ),
        (
            "t.tsv",
            '"filename"\t"event_labels"\n"a.wav"\t"""Air horn, truck horn"",Car"\n"b.wav"\t""\n'
            '"c.wav"\t"""Air horn, truck horn"""\n',
        ),
        (
            "t.csv",
            "a.wav\t30\t40\tAir horn, truck horn\na.wav\t30\t40\tCar\nb.wav\nc.wav\t0\t9\tAir horn, truck horn\n",
        ),
    ],
    ids=["tsv", "csv", "a row a label", "as R writes", "dcase2017"],
)
def test_weak_labels_keep_names_with_commas(tmp_path, name, text):
    horn = "Air horn, truck horn"
    assert read_weak(file(tmp_path, text, name)) == {"a.wav": [horn, "Car"], "b.wav": [], "c.wav": [horn]}


def test_known_names_with_commas_need_no_quotes(tmp_path):
    path = file(tmp_path, 'filename,event_labels\na.wav,"Car,Air horn, truck horn"\n', "t.csv")
    assert read_weak(path, known=["Car", "Air horn, truck horn"]) == {"a.wav": ["Car", "Air horn, truck horn"]}
    assert read_weak(path) == {"a.wav": ["Car", "Air horn", "truck horn"]}


@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
def test_weak_labels_round_trip(tmp_path, suffix):
    tags = {"a, b.wav": ["Air horn, truck horn", 'a "b"', '"c"', "d"], "b.wav": [], "ü.wav": ["öäü", " e "]}
    write_weak(tmp_path / f"w{suffix}", tags)
    assert read_weak(tmp_path / f"w{suffix}") == tags


def test_weak_labels_without_a_label_column(tmp_path):
    with pytest.raises(
        DataError, match=r"no column 'event_labels' or 'label' among filename, evnt_labels; should 'evnt_labels' be"
    ):
        read_weak(file(tmp_path, "filename\tevnt_labels\na.wav\tdog\n"))


def test_durations(tmp_path):
    write_durations(tmp_path / "d.tsv", {"a.wav": 10.0, "b.wav": 3.999977})
    assert read_durations(tmp_path / "d.tsv") == {"a.wav": 10.0, "b.wav": 3.999977}
    assert read_durations(file(tmp_path, "Ya.wav \t 9.8\nYb.wav \t 10\n")) == {"Ya.wav": 9.8, "Yb.wav": 10.0}
    with pytest.raises(DataError, match=r"line 2: a.wav has two durations, 1 and 2"):
        read_durations(file(tmp_path, "a.wav\t1\na.wav\t2\n"))
    with pytest.raises(DataError, match="line 2: duration is 'ten', expected a number"):
        read_durations(file(tmp_path, "filename\tduration\na.wav\tten\n"))
