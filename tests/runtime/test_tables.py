"""Output tables that grow as results come."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.events import Event
from earmark.formats import EVENT_FORMATS, file_names
from earmark.runtime.tables import GrowingTable, clashing_names

WHOLE = [form for form, one in EVENT_FORMATS.items() if not (one.per_recording or one.whole)]
EVENT = st.builds(
    lambda onset, label: Event(float(onset), onset + 0.5, label, 0.25), st.integers(0, 99), st.text("ab,é")
)
EVENTS = st.lists(EVENT.filter(lambda event: event.label.strip()), max_size=3)
NAMES = st.text("aB./é", min_size=1, max_size=6).filter(lambda name: ".." not in name.split("/") and name.strip("/."))


@given(st.data(), st.dictionaries(st.text("abc é", min_size=1), EVENTS, min_size=1, max_size=6))
@pytest.mark.parametrize("form", WHOLE)
@settings(max_examples=15, deadline=None)
def test_at_every_flush_the_file_is_a_whole_one(
    tmp_path_factory: pytest.TempPathFactory, form: str, data: st.DataObject, events: dict[str, list[Event]]
) -> None:
    folder, encoding = tmp_path_factory.mktemp("table"), EVENT_FORMATS[form]
    if form == "dcase2017":
        events = {f"{number}.wav": found for number, found in enumerate(events.values())}
    table = GrowingTable(folder / "grown", encoding)
    written: dict[str, list[Event]] = {}
    for name, found in events.items():
        table.add(name, found)
        written[name] = found
        if data.draw(st.booleans()):
            table.flush()
            encoding.write(folder / "whole", written)
            assert table.path.read_bytes() == (folder / "whole").read_bytes()
        if table.path.exists() and data.draw(st.booleans()):  # the run is killed, and another one goes on
            table.flush()
            body = table.body
            table.path.write_bytes(table.path.read_bytes() + b"what came after the note was made")
            table = GrowingTable(folder / "grown", encoding)
            assert table.fits(body)
            table.go_on(body)
    table.close()
    encoding.write(folder / "whole", events)
    assert table.path.read_bytes() == (folder / "whole").read_bytes()


def test_a_table_made_anew_without_recordings_is_no_file(tmp_path: Path) -> None:
    table = GrowingTable(tmp_path / "events.csv", EVENT_FORMATS["csv"])
    table.add("a.wav", [])
    table.flush()
    with table.anew():
        assert (tmp_path / "events.csv").read_text() == "filename,onset,offset,event_label,score\na.wav,,,,\n"
    assert list(tmp_path.iterdir()) == []
    table.add("b.wav", [])
    table.close()
    assert (tmp_path / "events.csv").read_text().endswith("\nb.wav,,,,\n")


@given(st.lists(NAMES, unique_by=str.casefold, max_size=8))
@settings(deadline=None)
def test_files_of_single_recordings_are_named_as_file_names_does(names: list[str]) -> None:
    try:
        expected = file_names(names, ".txt")
    except Exception as refused:  # noqa: BLE001 - the same is raised here
        with pytest.raises(type(refused)):
            clashing_names(lambda: names, ".txt")
        return
    special = clashing_names(lambda: names, ".txt")
    assert {name: special.get(name) or file_names([name], ".txt")[name] for name in names} == expected
