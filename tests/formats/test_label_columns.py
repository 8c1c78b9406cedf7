"""The columns of label tables are recognised by their names and their cells."""

import io

import pytest

from earmark.errors import DataError
from earmark.formats.label_columns import Columns, choose_columns, column_of, with_columns
from earmark.formats.tables import Table, read_rows


def table(*lines: str) -> Table:
    stream = io.StringIO("".join(f"{line}\n" for line in lines))
    stream.name = "t.csv"
    return with_columns(read_rows(stream))


def columns(*lines: str, divided: bool = False, strong: bool | None = None) -> Columns:
    return choose_columns(table(*lines), (), divided, strong)


def test_a_table_with_times_is_strong_and_says_its_unit() -> None:
    found = columns("filename,onset,offset,event_label,score", "a.wav,0,1,dog,0.5")
    assert (found.strong, found.onset, found.end, found.single, found.score) == (
        *(True, "onset", "offset", "event_label", "score"),
    )
    assert (found.unit, found.is_duration) == (1.0, False)
    assert columns("filename,start_ms,end_ms,label", "a.wav,0,1000,dog").unit == 0.001
    assert columns("filename,onset,duration,label", "a.wav,0,1,dog").is_duration


def test_a_list_column_with_one_label_a_row_is_read_as_such() -> None:
    rows = ("filename,labels", "a.wav,dog", "a.wav,cat")
    assert (columns(*rows).single, columns(*rows).listed) == ("labels", None)
    assert columns(*rows, divided=True).listed == "labels"
    assert columns("filename,labels", 'a.wav,"dog,cat"', "a.wav,cat").listed == "labels"


def test_times_that_are_places_in_a_longer_recording_are_no_times_of_events() -> None:
    rows = ("filename,onset,offset,event_label", "Yabc_30.000_40.000.wav,30.000,40.000,dog")
    assert not columns(*rows).strong
    assert columns(*rows, strong=True).strong


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("a.wav\tdog", ("filename", "event_labels")),
        ("a.wav\t0\t1\tdog", ("filename", "onset", "offset", "event_label")),
        ("a.wav\thome\t0\t1\tdog", ("filename", "scene_label", "onset", "offset", "event_label")),
    ],
)
def test_a_table_without_a_header_has_the_columns_of_dcase(line: str, names: tuple[str, ...]) -> None:
    assert table(line).columns == names


def test_a_title_above_the_header_is_passed_over() -> None:
    assert table("Recordings of 2019,", "filename,label", "a.wav,dog").columns == ("filename", "label")


def test_a_misspelt_or_missing_column_is_refused_with_a_guess() -> None:
    with pytest.raises(
        DataError, match="no column 'filename' or 'file' among filenme, label; should 'filenme' be 'filename'"
    ):
        columns("filenme,label", "a.wav,dog")
    with pytest.raises(DataError, match=r"no column 'event_labels' or 'label' among filename, rating"):
        columns("filename,rating", "a.wav,5")
    with pytest.raises(DataError, match="neither a header"):
        table("some,words", "other,words")
    assert column_of(table("filename,label", "a.wav,dog"), "event_label", "label") == "label"
