"""AudioSet's lists as label files; how they are read row by row is in tests/data/datasets/test_audioset.py."""

import pytest

from earmark.errors import DataError
from earmark.events import Event
from earmark.formats import read_labels
from earmark.formats.audioset import match_segments

HEADER = "# Segments csv created Sun Mar  5 10:54:25 2017\n# YTID, start_seconds, end_seconds, positive_labels\n"
ROWS = '--4gqARaEJE, 0.000, 10.000, "/m/09x0r,/m/0bt9lr"\n-0BIyqJj9ZU, 30.500, 40.500, "/m/09x0r"\n'


def test_a_segment_list_is_weak_labels_by_display_names(tmp_path):
    path = tmp_path / "eval_segments.csv"
    path.write_text(HEADER + ROWS)
    found = read_labels(path)
    assert found.tags == {
        "--4gqARaEJE_0.000_10.000": ["Speech", "Dog"],
        "-0BIyqJj9ZU_30.500_40.500": ["Speech"],
    }
    assert (found.events, found.segments) == (None, True)


def test_a_strong_list_is_events(tmp_path):
    path = tmp_path / "audioset_eval_strong.tsv"
    path.write_text("segment_id\tstart_time_seconds\tend_time_seconds\tlabel\n--4gqARaEJE_30000\t0.5\t1.25\t/m/09x0r\n")
    assert read_labels(path).events == {"--4gqARaEJE_30.000": [Event(0.5, 1.25, "Speech")]}


def test_a_row_that_cannot_be_read_is_named(tmp_path):
    path = tmp_path / "eval_segments.csv"
    path.write_text(HEADER + ROWS + "#NAME?, 1, 2, /m/09x0r\n")
    with pytest.raises(DataError, match=r"eval_segments\.csv, line 5: "):
        read_labels(path)


@pytest.mark.parametrize(
    "name",
    [
        "{}.wav",
        "Y{}.wav",
        "{}_30_40.wav",
        "x/{}_30.500_40.500.mp3",
        "Y{}_31.wav",
        "{}_30500.flac",
        r"C:\x\Y{}.wav",
        "{}",
    ],
)
def test_recordings_are_found_by_video_and_start(name):
    segments = ["-0BIyqJj9ZU_30.500_40.500", "--4gqARaEJE_0.000_10.000"]
    name = name.format("-0BIyqJj9ZU")
    fits = {name: segments[0]} if "31" not in name else {}
    assert match_segments([name], segments) == fits


def test_a_video_with_two_segments_is_told_apart_by_the_start():
    segments = ["-0BIyqJj9ZU_30.000_40.000", "-0BIyqJj9ZU_50.000_60.000"]
    assert match_segments(["-0BIyqJj9ZU.wav"], segments) == {}
    assert match_segments(["-0BIyqJj9ZU_50.wav"], segments) == {"-0BIyqJj9ZU_50.wav": segments[1]}
