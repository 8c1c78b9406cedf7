"""The journal of a run: whole lines, whatever stops it."""

from pathlib import Path

import pytest
from bulk_script import content, detect, make
from hypothesis import given
from hypothesis import strategies as st

from earmark.errors import OutputError
from earmark.runtime.journal import Index, Journal


def test_a_journal_that_was_cut_in_the_middle_of_a_line_has_that_line_done_again(tmp_path: Path) -> None:
    source = make(tmp_path / "in")
    detect(source, tmp_path / "out")
    wanted = content(tmp_path / "out")
    journal = tmp_path / "out" / ".earmark" / "detect.jsonl"
    whole = journal.read_bytes()
    lines = whole.splitlines(keepends=True)
    for cut in (len(whole) - 1, len(whole) - 20, len(b"".join(lines[:5])) + 10, len(lines[0]), len(lines[0]) - 3):
        journal.write_bytes(whole[:cut])
        found = detect(source, tmp_path / "out")
        assert found.account.before == max(0, whole[:cut].count(b"\n") - 1)
        assert content(tmp_path / "out") == wanted
        assert journal.read_bytes() == whole


def test_a_table_that_was_lost_or_cut_is_made_from_the_journal(tmp_path: Path) -> None:
    source = make(tmp_path / "in")
    detect(source, tmp_path / "out")
    wanted = content(tmp_path / "out")
    (tmp_path / "out" / "events.csv").write_bytes(wanted["events.csv"][:50])
    (tmp_path / "out" / "events.json").unlink()
    (tmp_path / "out" / "day" / "0001.txt").unlink()
    found = detect(source, tmp_path / "out")
    assert content(tmp_path / "out") == wanted
    assert found.account.before == 12


def test_a_journal_on_a_full_disk_keeps_whole_lines(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    with Journal(tmp_path / "journal") as journal:
        journal.begin({"verb": "detect"})
        first = journal.append({"name": "a"})
        resource.setrlimit(resource.RLIMIT_FSIZE, (journal.size + 5, limits[1]))
        try:
            with pytest.raises(OutputError, match="disk full"):
                journal.append({"name": "b"})
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert (tmp_path / "journal").read_bytes().endswith(b'{"name":"a"}\n')
        assert journal.append({"name": "b"}) == first + 13


LINES = st.lists(st.tuples(st.text("abc", max_size=2), st.integers(-(2**40), 2**40)), max_size=30)


@given(LINES, st.sets(st.text("abc", max_size=2)))
def test_the_last_line_of_a_name_holds_and_the_rest_is_what_was_not_asked_for(
    lines: list[tuple[str, int]], asked: set[str]
) -> None:
    index, known = Index(), dict[str, tuple[int, int]]()
    for place, (name, state) in enumerate(lines):
        index.add(name, state, place)
        known[name] = state, place
    index.settle()
    assert len(index) == len(known)
    assert {name: index.find(name) for name in asked} == {name: known.get(name) for name in asked}
    assert index.rest() == sorted(place for name, (_, place) in known.items() if name not in asked)
