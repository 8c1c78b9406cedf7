import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.errors import DataError
from earmark.events import Event
from earmark.formats.fields import format_seconds, join_labels, parse_event, split_labels

names = st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from(',"'), min_size=1, max_size=8)


@given(st.lists(names.filter(str.strip), unique=True, max_size=4))
def test_lists_of_labels_survive(labels):
    assert split_labels(join_labels(labels)) == labels


def test_lists_as_people_write_them():
    assert split_labels("dog, cat ,,dog") == ["dog", "cat "]  # a stray space before a comma is the doctor's to report
    assert split_labels("") == []
    known = {"Air horn, truck horn", "Car", "Train horn"}
    assert split_labels("Train horn,Air horn, truck horn,Car", known) == ["Train horn", "Air horn, truck horn", "Car"]
    assert split_labels("Car, Bus", known) == ["Car", "Bus"]


@given(st.floats(0, 1e6))
def test_times_read_back_to_the_microsecond(seconds):
    assert float(format_seconds(seconds)) == pytest.approx(seconds, abs=6e-7)


def test_an_event_is_read_from_cells():
    assert parse_event("here", " 1.5", "2 ", "dog", "0.25") == Event(1.5, 2.0, "dog", 0.25)


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (("2", "1", "dog"), "here: offset 1 is before onset 2; is it a duration"),
        (("x", "1", "dog"), "here: onset is 'x', expected a number"),
        (("", "1", "dog"), "here: onset is empty, expected a number"),
        (("0,5", "1", "dog"), "use a decimal point"),
        (("-1", "1", "dog"), "here: onset '-1' is not a time"),
        (("nan", "1", "dog"), "here: onset 'nan' is not a time"),
        (("0", "inf", "dog"), "here: offset 'inf' is not a time"),
        (("0", "1", " "), "here: the event has no label"),
        (("0", "1", "dog", "87"), r"here: score '87' is not a probability in \[0, 1\]"),
        (("0", "1", "dog", "nan"), "here: score 'nan' is not a probability"),
    ],
)
def test_impossible_fields_are_refused(cells, message):
    with pytest.raises(DataError, match=message):
        parse_event("here", *cells)
