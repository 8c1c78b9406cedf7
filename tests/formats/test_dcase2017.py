from pathlib import Path

import pytest

from earmark.errors import DataError, OutputError
from earmark.events import Event
from earmark.formats import read_events, read_labels, write_events, write_tags
from earmark.formats.dcase2017 import CLASSES, clip_key, clip_name, is_official, read_tag_file

SHARED = Path(__file__).parents[3] / "shared" / "data" / "dcase2017"
CLIP = "-5QrBL6MzLg_60.000_70.000"
needs_lists = pytest.mark.skipif(
    not SHARED.exists(), reason="needs ../shared/data/dcase2017, the published label files"
)


@pytest.mark.parametrize(
    "name",
    [
        CLIP,
        f"{CLIP}.wav",
        f"Y{CLIP}.wav",
        f"testing/Y{CLIP}.flac",
        f"C:\\audio\\Y{CLIP}.WAV",
        f"{CLIP}.wav ",
    ],
)
def test_a_clip_is_known_under_all_its_names(name):
    assert clip_key(name) == CLIP
    assert clip_name(name) == f"{CLIP}.wav"


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("YYxlGt805lTA_30.000_40.000.wav", "YxlGt805lTA_30.000_40.000"),  # an id that begins with Y itself
        ("YxlGt805lTA_30.000_40.000.wav", "YxlGt805lTA_30.000_40.000"),
        ("YabcdefghiJ__30.000_40.000.wav", "abcdefghiJ__30.000_40.000"),  # an id that ends with _
        ("--________-_0.000_9.500.wav", "--________-_0.000_9.500"),
        (f"{CLIP}2.wav", None),
        ("x_30.000_40.000.wav", None),
        ("street.wav", None),
        ("", None),
    ],
)
def test_only_what_is_before_an_id_is_taken_off(name, key):
    assert clip_key(name) == key
    assert clip_name(name) == (name if key is None else f"{key}.wav")


def test_predictions_are_written_to_the_letter(tmp_path):
    events = {
        f"testing/Y{CLIP}.flac": [Event(0.5, 2.0, "Air horn, truck horn", 0.9), Event(3.0, 4.1234567, "Car")],
        "YYxlGt805lTA_30.000_40.000.wav": [],
        "street/a.wav": [Event(0, 1, "Bus")],
    }
    (path,) = write_events(tmp_path, events, ["dcase2017"])
    assert path.name == "events.txt"
    assert path.read_bytes().decode() == (
        f"{CLIP}.wav\t0.500\t2.000\tAir horn, truck horn\n{CLIP}.wav\t3.000\t4.123457\tCar\n"
        "YxlGt805lTA_30.000_40.000.wav\nstreet/a.wav\t0.000\t1.000\tBus\n"
    )
    tags = {f"Y{CLIP}.wav": [("Car", 0.9), ("Bus", None)], "YYxlGt805lTA_30.000_40.000.wav": []}
    (path,) = write_tags(tmp_path / "mine.txt", tags, ["dcase2017"])
    assert path.read_bytes().decode() == (
        f"{CLIP}.wav\t0.0\t10.0\tCar\r\n{CLIP}.wav\t0.0\t10.0\tBus\r\nYxlGt805lTA_30.000_40.000.wav\r\n"
    )


def test_what_would_not_come_back_is_not_written(tmp_path):
    with pytest.raises(OutputError, match=rf"'Y{CLIP}.wav' and 'b/{CLIP}.flac' would both be written as {CLIP}.wav"):
        write_events(tmp_path, {f"Y{CLIP}.wav": [], f"b/{CLIP}.flac": []}, ["dcase2017"])
    with pytest.raises(OutputError, match="its name contains a tab"):
        write_tags(tmp_path, {"a\tb.wav": []}, ["dcase2017"])
    with pytest.raises(DataError, match="contains a tab or line break"):
        write_events(tmp_path, {"a.wav": [Event(0, 1, "a\tb")]}, ["dcase2017"])
    with pytest.raises(OutputError, match=r"mine.csv cannot hold dcase2017: give a folder .* ending in .txt"):
        write_events(tmp_path / "mine.csv", {"a.wav": []}, ["dcase2017"])
    with pytest.raises(OutputError, match="two formats would be written to the same file"):
        write_events(tmp_path, {"events.wav": []}, ["dcase2017", "audacity"])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_files_are_read_whatever_their_line_ends_and_marks(tmp_path, end, mark):
    """A first line without tabs or labels, labels with commas in a .csv, ids that begin with a dash."""
    lines = [f"{CLIP}.wav", *(f"{c}.wav\t0.5\t1\tAir horn, truck horn" for c in (CLIP, "b.c")), "d.wav\t0\t0\tCar"]
    path = tmp_path / "p.csv"
    path.write_bytes((mark + end.join(lines) + end).encode())
    assert is_official(path)
    event = Event(0.5, 1.0, "Air horn, truck horn")
    assert read_events(path) == {f"{CLIP}.wav": [event], "b.c.wav": [event], "d.wav": [Event(0, 0, "Car")]}
    assert read_labels(path).tags == {f"{CLIP}.wav": [event.label], "b.c.wav": [event.label], "d.wav": []}
    found = read_tag_file(path)
    assert found.tags == {CLIP: [event.label], "b.c": [event.label]}
    assert (found.files, found.skipped, found.unlabelled) == (3, (4,), ())


@pytest.mark.parametrize(
    "text",
    [
        "filename\tonset\toffset\tevent_label\na.wav\t0\t1\tdog\n",
        "a.wav\tdog\nb.wav\tcat\n",
        "a.wav,0,1,dog\n",
        "0.5\t1.0\tdog\n",
        "a.wav\t0\t1\tdog\t0.9\n",
        "",
    ],
)
def test_files_of_other_kinds_are_told_apart(tmp_path, text):
    (tmp_path / "x.csv").write_text(text)
    assert not is_official(tmp_path / "x.csv")
    assert not is_official(tmp_path)


def test_rows_of_any_width_are_read_as_the_scorer_reads_them(tmp_path):
    path = tmp_path / "p.txt"
    rows = ["a.wav|0|10|Car", "a.wav|5|6|Car", "b.wav|Bus", "c.wav|1|2", "d.flac|0|0|Bus|more", "e.wav|3|4| Bus "]
    rows += ["f.wav|0|0|Bus", "f.wav|0|0.0|Car", "", "g.wav|0|10|"]
    path.write_text("\n".join(rows).replace("|", "\t"))
    found = read_tag_file(path)
    assert found.tags == {"a": ["Car", "Car"], "b": [], "c": [], "d": ["Bus"], "e": ["Bus"], "g": []}
    assert (found.skipped, found.unlabelled) == ((7, 8), (3, 4, 10))
    assert found.files == 8  # f counts twice: it is not known after its first row either


def test_faults_name_the_line(tmp_path):
    path = tmp_path / "p.txt"
    path.write_text("a.wav\t0\t1\tCar\nb.wav\t0\tten\tCar\n")
    with pytest.raises(DataError, match=r"p.txt, line 2: end is 'ten', expected a number"):
        read_tag_file(path)
    with pytest.raises(DataError, match=r"p.txt, line 2: offset is 'ten'"):
        read_events(path)
    path.write_text("a.wav\t0\t0\tCar\n")
    with pytest.raises(DataError, match="no row names a clip"):
        read_tag_file(path)


@needs_lists
def test_the_classes_are_the_published_ones_in_their_order():
    rows = (SHARED / "sound_event_list_17_classes.txt").read_text().splitlines()[1:]
    assert list(CLASSES.items()) == [(row.split("\t")[0], row.split("\t")[2]) for row in rows if row]


@needs_lists
@pytest.mark.parametrize("part", ["testing", "evaluation"])
def test_published_strong_labels_round_trip(part, tmp_path):
    events = read_events(SHARED / "groundtruth_release" / f"groundtruth_strong_label_{part}_set.csv")
    assert sum(map(len, events.values())) == {"testing": 688, "evaluation": 1706}[part]
    (path,) = write_events(tmp_path, {f"{part}/Y{name}": found for name, found in events.items()}, ["dcase2017"])
    assert read_events(path) == events
