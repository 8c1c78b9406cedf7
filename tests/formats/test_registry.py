import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.errors import ConfigError, DataError, OutputError
from earmark.events import Event
from earmark.formats import EVENT_FORMATS, match_recordings, read_events, read_labels, write_events

labels = st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from(",\";'"), min_size=1)
times = st.floats(0, 20_000)
events = st.builds(
    lambda onset, length, label, score: Event(onset, onset + length, label, score),
    times,
    times,
    labels.filter(str.strip),
    st.none() | st.floats(0, 1),
)
recordings = st.sampled_from(["a.wav", "a.mp3", "b.wav", "street/a.wav", "street/ü, x.flac", "x_30.000_40.000.wav"])
SCORED = {"csv", "json", "raven", "parquet"}
EXAMPLE = {"street/a.wav": [Event(0.5, 1.25, "dog", 0.9)], "b.wav": []}


def assert_same(found, written, form):
    assert found.keys() == written.keys()
    for name, expected in written.items():
        assert len(found[name]) == len(expected)
        for ours, theirs in zip(found[name], expected, strict=True):
            assert ours.label == theirs.label
            assert ours[:2] == pytest.approx(theirs[:2], abs=1e-6)
            score = theirs.score if form in SCORED else None
            assert ours.score == (None if score is None else pytest.approx(score, abs=1e-6))


@pytest.mark.parametrize("form", EVENT_FORMATS)
@given(written=st.dictionaries(recordings, st.lists(events, max_size=4), min_size=1))
@settings(max_examples=40, deadline=None)
def test_events_round_trip(tmp_path_factory, form, written):
    if form == "parquet":
        pytest.importorskip("pyarrow", reason="the extra parquet is not installed")
    folder = tmp_path_factory.mktemp(form)
    files = write_events(folder, written, [form])
    found = read_events(folder if EVENT_FORMATS[form].per_recording else files[0])
    known = match_recordings(found, written)
    assert_same({known.get(name, name): items for name, items in found.items()}, written, form)


def test_all_formats_at_once(tmp_path):
    pytest.importorskip("pyarrow", reason="the extra parquet is not installed")
    files = write_events(tmp_path, EXAMPLE, list(EVENT_FORMATS))
    assert {path.relative_to(tmp_path).as_posix() for path in files} == {
        "events.csv",
        "events.tsv",
        "events.json",
        "events.parquet",
        "events.txt",
        "street/a.txt",
        "b.txt",
        "street/a.selections.txt",
        "b.selections.txt",
    }
    assert all(path.exists() for path in files)
    with pytest.raises(DataError, match=r"holds files of several formats \(audacity, raven\); say which"):
        read_events(tmp_path)
    assert read_events(tmp_path, "raven") == {"street/a": [Event(0.5, 1.25, "dog", 0.9)], "b": []}
    assert read_events(tmp_path, "audacity") == {"street/a": [Event(0.5, 1.25, "dog")], "b": []}


def test_one_file_can_be_named(tmp_path):
    assert write_events(tmp_path / "mine.json", EXAMPLE, ["json"]) == [tmp_path / "mine.json"]
    with pytest.raises(OutputError, match=r"mine.csv cannot hold json: give a folder"):
        write_events(tmp_path / "mine.csv", EXAMPLE, ["json"])


def test_unknown_formats_are_refused_before_anything_is_written(tmp_path):
    with pytest.raises(ConfigError, match=r"unknown format 'audacty'.*did you mean 'audacity'"):
        write_events(tmp_path / "out", EXAMPLE, ["csv", "audacty"])
    assert not (tmp_path / "out").exists()
    with pytest.raises(ConfigError, match="unknown format 'xml'"):
        read_events(tmp_path, "xml")


def test_a_single_file_is_recognised_by_what_it_holds(tmp_path):
    (tmp_path / "x.txt").write_text("0.5\t1.0\tdog\n")
    assert read_events(tmp_path / "x.txt") == {"x": [Event(0.5, 1.0, "dog")]}
    (tmp_path / "y.txt").write_text("filename\tonset\toffset\tevent_label\na.wav\t0.5\t1.0\tdog\n")
    assert read_events(tmp_path / "y.txt") == {"a.wav": [Event(0.5, 1.0, "dog")]}
    (tmp_path / "z.txt").write_text("")
    assert read_events(tmp_path / "z.txt") == {"z": []}


def test_a_folder_without_label_files_is_refused(tmp_path):
    with pytest.raises(DataError, match="no Audacity label tracks or Raven selection tables"):
        read_events(tmp_path)


@pytest.mark.parametrize(
    ("name", "text", "strong"),
    [
        ("w.tsv", "filename\tevent_labels\na.wav\tdog,cat\nb.wav\t\n", False),
        ("w.csv", "filename,event_label\na.wav,dog\na.wav,cat\nb.wav,\n", False),
        ("w.json", '{"recordings": {"a.wav": [{"label": "dog"}, {"label": "cat"}], "b.wav": []}}', False),
        ("s.tsv", "a.wav\t0\t1\tdog\na.wav\t1\t2\tcat\nb.wav\t0\t0\tdog\n", True),
        ("s.csv", "filename,onset,offset,event_label\na.wav,0,1,dog\na.wav,1,2,cat\nb.wav,,,\n", True),
    ],
)
def test_weak_and_strong_labels_are_told_apart(tmp_path, name, text, strong):
    (tmp_path / name).write_text(text)
    found = read_labels(tmp_path / name)
    assert found.tags == {"a.wav": ["dog", "cat"], "b.wav": []}  # `0 0 dog` is not heard
    assert (found.events is not None) == strong


def test_prose_in_a_folder_is_passed_over(tmp_path):
    (tmp_path / "site.txt").write_text("recorded at dawn\n")
    (tmp_path / "README.txt").write_text("1\tsee the web page\n")
    (tmp_path / "a.txt").write_text("0.5\t1.0\tdog\n")
    assert read_events(tmp_path) == {"a": [Event(0.5, 1.0, "dog")]}


@pytest.mark.parametrize("text", ["from\tto\twhat\n", "0.5\n", "0.5 to 1.0 dog\n", "half\t1\tdog\n0\t1\tdog\n"])
def test_a_track_that_cannot_be_read_is_an_error(tmp_path, text):
    (tmp_path / "a.txt").write_text("0.5\t1.0\tdog\n")
    (tmp_path / "b.txt").write_text(text)
    with pytest.raises(DataError, match=r"b\.txt, line 1: "):
        read_events(tmp_path)
