from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from earmark.data.tables import read_entries
from earmark.events import Event
from earmark.formats.dcase import write_strong, write_weak

names = st.text(st.characters(categories=["L", "N"], include_characters=" ,-_'\"()&"), min_size=1, max_size=12).filter(
    lambda text: text.strip() != ""
)
recordings = st.integers(0, 10_000).map(lambda number: f"clip_{number}.wav")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tags=st.dictionaries(recordings, st.lists(names, max_size=4, unique=True), min_size=1, max_size=8))
def test_any_weak_table_reads_back(tmp_path, tags):
    tags["last.wav"] = ["dog", "cat"]  # else a table of empty or single labels only
    for name in ("weak.tsv", "weak.csv"):
        write_weak(tmp_path / name, tags)
        entries = read_entries(tmp_path / name)
        assert {name: entry.labels for name, entry in entries.found.items()} == tags
        assert not entries.strong


events = st.builds(
    lambda onset, length, label: Event(onset / 1000, (onset + length) / 1000, label),
    st.integers(0, 9_000),
    st.integers(0, 9_000),
    names,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(strong=st.dictionaries(recordings, st.lists(events, max_size=5, unique=True), min_size=1, max_size=8))
def test_any_strong_table_reads_back(tmp_path, strong):
    for name in ("strong.tsv", "strong.csv"):
        write_strong(tmp_path / name, strong)
        entries = read_entries(tmp_path / name)
        assert {name: entry.events for name, entry in entries.found.items()} == strong
        for entry in entries.found.values():
            assert entry.labels == list(dict.fromkeys(event.label for event in entry.events))
