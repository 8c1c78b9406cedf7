import pytest

from earmark.errors import DataError
from earmark.events import Event
from earmark.formats import read_raven, write_raven

HEADER = "Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)\tLow Freq (Hz)\tHigh Freq (Hz)"


def test_the_standard_columns_are_written(tmp_path):
    path = tmp_path / "marsh.selections.txt"
    write_raven(path, [Event(0.5, 1.25, "wren", 0.75), Event(2, 3, "rail")], high_frequency=16000)
    assert path.read_text() == (
        f"{HEADER}\tLabel\tScore\n"
        "1\tSpectrogram 1\t1\t0.500\t1.250\t0.0\t16000.0\twren\t0.75\n"
        "2\tSpectrogram 1\t1\t2.000\t3.000\t0.0\t16000.0\trail\t\n"
    )
    assert read_raven(path) == {"marsh": [Event(0.5, 1.25, "wren", 0.75), Event(2, 3, "rail")]}


def test_a_selection_listed_once_a_view_counts_once(tmp_path):
    path = tmp_path / "marsh.Table.1.selections.txt"
    path.write_text(
        f"{HEADER}\tSpecies\n1\tWaveform 1\t1\t0.5\t1\t0\t100\twren\n1\tSpectrogram 1\t1\t0.5\t1\t0\t100\twren\n"
    )
    assert read_raven(path) == {"marsh": [Event(0.5, 1, "wren")]}


def test_a_table_over_several_files(tmp_path):
    path = tmp_path / "all.txt"
    path.write_text(
        f"{HEADER}\tAnnotation\tBegin File\tFile Offset (s)\n"
        "1\tS\t1\t0.5\t1\t0\t1\twren\ta.wav\t0.5\n2\tS\t1\t601\t602.5\t0\t1\trail\tb.wav\t1.0\n"
    )
    assert read_raven(path) == {"a.wav": [Event(0.5, 1, "wren")], "b.wav": [Event(1, 2.5, "rail")]}


def test_a_table_without_selections_is_a_silent_recording(tmp_path):
    write_raven(tmp_path / "a.selections.txt", [])
    assert read_raven(tmp_path / "a.selections.txt") == {"a": []}


def test_the_label_column_can_be_named_or_is_missed(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text(f"{HEADER}\tSong\n1\tS\t1\t0.5\t1\t0\t1\tB\n")
    assert read_raven(path, label_column="song") == {"a": [Event(0.5, 1, "B")]}
    with pytest.raises(DataError, match="no column 'Label' among Selection"):
        read_raven(path)


def raven(tmp_path, columns, *rows, name="t.txt"):
    path = tmp_path / name
    lines = ["\t".join([HEADER, *columns]), *("\t".join(row) for row in rows)]
    path.write_text("\n".join(lines) + "\n")
    return path


def row(number, onset, offset, *more, view="Spectrogram 1"):
    return (str(number), view, "1", str(onset), str(offset), "0", "100", *more)


def test_selections_whose_numbers_start_again_all_count(tmp_path):
    path = raven(
        tmp_path, ["Label"], row(1, 0, 1, "wren"), row(2, 2, 3, "rail"), row(1, 5, 6, "wren"), row(2, 7, 8, "rail")
    )
    assert [event.onset for event in read_raven(path)["t"]] == [0, 2, 5, 7]


def test_a_selection_in_two_views_counts_once_wherever_the_second_stands(tmp_path):
    views = [row(n, n, n + 1, "wren", view=view) for view in ("Waveform 1", "Spectrogram 1") for n in (1, 2)]
    assert read_raven(raven(tmp_path, ["Label"], *views)) == {"t": [Event(1, 2, "wren"), Event(2, 3, "wren")]}


def test_two_labels_of_one_box_are_two_events(tmp_path):
    path = raven(tmp_path, ["Label"], row(1, 0, 1, "wren"), row(1, 0, 1, "rail"))
    assert [event.label for event in read_raven(path)["t"]] == ["wren", "rail"]


def test_the_combined_table_of_birdnet(tmp_path):
    path = raven(
        tmp_path,
        ["Common Name", "Confidence", "Begin Path", "File Offset (s)"],
        row(1, 0.5, 3.5, "Eurasian Wren", "0.93", "/x/a.wav", "0.5"),
        row(2, 600.5, 603.5, "Water Rail", "0.5", r"D:\x\b.wav", "0.5"),
        row(3, 700, 703, "nocall", "1.0", "/x/c.wav", "0"),
        name="BirdNET_SelectionTable.txt",
    )
    assert read_raven(path) == {
        "/x/a.wav": [Event(0.5, 3.5, "Eurasian Wren", 0.93)],
        r"D:\x\b.wav": [Event(0.5, 3.5, "Water Rail", 0.5)],
        "/x/c.wav": [],
    }


def test_times_that_run_on_through_several_recordings_are_refused(tmp_path):
    path = raven(tmp_path, ["Label", "Begin File"], row(1, 0, 1, "wren", "a.wav"), row(2, 601, 602, "wren", "b.wav"))
    with pytest.raises(DataError, match=r"t\.txt: its times run on through 2 recordings; .*'File Offset \(s\)'"):
        read_raven(path)
    one = raven(tmp_path, ["Label", "Begin File"], row(1, 0, 1, "wren", "a.wav"))
    assert read_raven(one) == {"a.wav": [Event(0, 1, "wren")]}


def test_a_selection_without_a_label_is_refused_with_its_row(tmp_path):
    path = raven(tmp_path, ["Label"], row(1, 0, 1, "wren"), row(2, 2, 3, ""))
    with pytest.raises(DataError, match=r"t\.txt, line 3: the event has no label"):
        read_raven(path)


def test_a_missing_label_column_points_to_the_option(tmp_path):
    with pytest.raises(
        DataError, match=r"no column 'Label' among .*; say which one holds the labels \(--label-column\)"
    ):
        read_raven(raven(tmp_path, ["Song"], row(1, 0, 1, "B")))
