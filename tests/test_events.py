import itertools
import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from earmark.events import Event, EventLog, merge_overlapping

events = st.lists(
    st.builds(
        lambda on, length, label, score: Event(on / 4, (on + length) / 4, label, score),
        st.integers(0, 40),
        st.integers(0, 12),
        st.sampled_from(["dog", "car"]),
        st.none() | st.sampled_from([0.2, 0.7]),
    ),
    max_size=12,
)


def heard(found: list[Event], label: str) -> set[int]:
    """Quarters of a second in which a label sounds."""
    return {q for e in found if e.label == label for q in range(int(e.onset * 4), int(e.offset * 4))}


@given(events)
def test_merging_changes_nothing_of_what_is_heard(found: list[Event]) -> None:
    merged = merge_overlapping(found)
    for label in ("dog", "car"):
        assert heard(merged, label) == heard(found, label)
        spans = sorted((e.onset, e.offset) for e in merged if e.label == label)
        assert all(before[1] < after[0] for before, after in itertools.pairwise(spans))
    assert [e.onset for e in merged] == sorted(e.onset for e in merged)


@given(events)
def test_merging_twice_is_merging_once(found: list[Event]) -> None:
    assert merge_overlapping(merge_overlapping(found)) == merge_overlapping(found)


def test_the_best_score_is_kept_and_none_gives_way() -> None:
    merged = merge_overlapping([Event(0, 2, "dog", 0.4), Event(1, 3, "dog"), Event(2.5, 4, "dog", 0.9)])
    assert merged == [Event(0, 4, "dog", 0.9)]


def test_a_gap_is_bridged_only_as_far_as_asked() -> None:
    found = [Event(0, 1, "dog"), Event(1.5, 2, "dog"), Event(3, 4, "dog")]
    assert merge_overlapping(found, gap=0.5) == [Event(0, 2, "dog"), Event(3, 4, "dog")]
    assert merge_overlapping(found) == found


def test_a_long_event_swallows_a_short_one_within() -> None:
    assert merge_overlapping([Event(0, 10, "dog"), Event(2, 3, "dog")]) == [Event(0, 10, "dog")]


@given(st.lists(st.tuples(st.sampled_from(["a.wav", "b.wav", "c.wav"]), events), max_size=6))
def test_a_log_reads_like_the_dict_of_lists_that_it_stands_for(noted: list[tuple[str, list[Event]]]) -> None:
    log = EventLog()
    for recording, found in noted:
        log.add(recording, found)
    plain = dict(noted)  # the last word on a recording counts
    assert dict(log) == plain
    assert (len(log), log.total()) == (len(plain), sum(map(len, plain.values())))
    for event in (event for found in log.values() for event in found):
        assert [type(value) for value in event[:3]] == [float, float, str]


def test_a_log_of_many_events_is_small() -> None:
    tracemalloc.start()
    log = EventLog()
    for number in range(1_000):
        log.add(f"{number}.wav", [Event(i + 0.1, i + 0.7, "dog", i / 100) for i in range(70)])
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert held < 50 * log.total()  # a list of such events takes about 180 bytes each
