import itertools

from hypothesis import given
from hypothesis import strategies as st

from earmark.events import Event, merge_overlapping

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
