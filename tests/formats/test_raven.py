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
