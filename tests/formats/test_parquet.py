"""Events and tags as Parquet."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark import api
from earmark.errors import DataError, MissingExtraError
from earmark.events import Event
from earmark.formats import read_events, write_events, write_tags

pytest.importorskip("pyarrow")

TIMES = st.integers(0, 10**9).map(lambda micro: micro / 10**6)
EVENTS = st.builds(
    lambda onset, length, label, score: Event(onset, round(onset + length, 6), label, score),
    *(TIMES, TIMES, st.text(st.characters(codec="utf-8"), min_size=1, max_size=5)),
    st.none() | st.integers(0, 10**6).map(lambda score: score / 10**6),
)


@settings(deadline=None)
@given(st.dictionaries(st.text(st.characters(codec="utf-8"), min_size=1, max_size=8), st.lists(EVENTS, max_size=3)))
def test_events_read_back(tmp_path_factory: pytest.TempPathFactory, events: dict[str, list[Event]]) -> None:
    path = tmp_path_factory.mktemp("parquet") / "events.parquet"
    write_events(path, events, ["parquet"])
    assert read_events(path) == events


def test_tags_are_rows(tmp_path: Path) -> None:
    import pyarrow.parquet

    [path] = write_tags(tmp_path, {"a.wav": [("dog", 0.5), ("cat", 0.25)], "b.wav": []}, ["parquet"])
    assert pyarrow.parquet.read_table(path).to_pydict() == {
        "filename": ["a.wav", "a.wav", "b.wav"],
        "event_label": ["dog", "cat", None],
        "score": [0.5, 0.25, None],
    }


def test_detect_writes_what_is_written_at_once(tmp_path: Path) -> None:
    sys.path.insert(0, str(Path(__file__).parents[1] / "runtime"))
    from bulk_script import open_tagger
    from test_archive import make

    source = make(tmp_path / "in")
    found = api.detect([source], output=tmp_path / "out", formats=["parquet"], tagger=open_tagger())
    write_events(tmp_path / "whole", dict(found.events), ["parquet"])
    assert (tmp_path / "out" / "events.parquet").read_bytes() == (tmp_path / "whole" / "events.parquet").read_bytes()
    assert found.written == [tmp_path / "out" / "events.parquet"]


def test_bad_input(tmp_path: Path, earmark: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "events.parquet").write_text("filename")
    with pytest.raises(DataError, match=r"events.parquet: is not a Parquet file of events"):
        read_events(tmp_path / "events.parquet")
    ran = earmark("detect", tmp_path, "-f", "parquet")
    assert (ran.code, ran.err) == (2, "earmark: format parquet is binary: add -o FOLDER, or -o FILE.parquet\n")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r'pip install "earmark\[parquet\]"'):
        write_events(tmp_path / "out.parquet", {}, ["parquet"])
