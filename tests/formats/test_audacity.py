import pytest

from earmark.errors import DataError
from earmark.events import Event
from earmark.formats import read_audacity, write_audacity


def test_a_track_as_audacity_exports_it(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text('0.500000\t1.250000\ta "dog", far\n\\\t100.0\t2000.0\n3.000000\t3.000000\tclick\n')
    assert read_audacity(path) == [Event(0.5, 1.25, 'a "dog", far'), Event(3, 3, "click")]


def test_a_track_as_we_write_it(tmp_path):
    path = tmp_path / "a.txt"
    write_audacity(path, [Event(0.5, 1.2345678, "dog", 0.9)])
    assert path.read_text() == "0.500\t1.234568\tdog\n"
    write_audacity(path, [])
    assert read_audacity(path) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0\t1\tdog\n0 1 dog\n", "a.txt, line 2: expected onset, offset and label"),
        ("0\t1\tdog\n2\t1\tdog\n", "a.txt, line 2: offset 1 is before onset 2"),
        ("0\t1\t\n", "a.txt, line 1: the event has no label"),
    ],
)
def test_broken_tracks_name_the_line(tmp_path, text, message):
    (tmp_path / "a.txt").write_text(text)
    with pytest.raises(DataError, match=message):
        read_audacity(tmp_path / "a.txt")


@pytest.mark.parametrize("label", ["a\tb", "a\nb", " "])
def test_labels_a_text_line_cannot_carry_are_refused(tmp_path, label):
    with pytest.raises(DataError, match="cannot be written"):
        write_audacity(tmp_path / "a.txt", [Event(0, 1, label)])
    assert not (tmp_path / "a.txt").exists()


@pytest.mark.parametrize(
    "text",
    ["0,500000\t1,250000\tair horn\n", "0.5 1.25 air horn\n", "0.5\t1.25\tair horn\t\n", "0.5\t1.25\tair horn\tm1\r\n"],
    ids=["decimal commas", "spaces", "a blank cell more", "an annotator"],
)
def test_tracks_of_other_programs(tmp_path, text):
    (tmp_path / "a.ann").write_text(text, newline="")
    assert read_audacity(tmp_path / "a.ann") == [Event(0.5, 1.25, "air horn")]


def test_a_soft_label_is_a_score(tmp_path):
    (tmp_path / "a.txt").write_text("0\t1\tbirds singing\t0.35\n")
    assert read_audacity(tmp_path / "a.txt") == [Event(0, 1, "birds singing", 0.35)]


@pytest.mark.parametrize("text", ["0.5\t1.25\n", "0.5\t1.25\t\n", "0.5\t1.25\t \n"])
def test_a_label_without_a_name_is_refused_with_its_line(tmp_path, text):
    (tmp_path / "a.txt").write_text("0\t1\tdog\n" + text)
    with pytest.raises(DataError, match=r"a\.txt, line 2: the event has no label; name it in Audacity"):
        read_audacity(tmp_path / "a.txt")
