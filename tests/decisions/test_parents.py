"""Labels above others: where any of them is, these are."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from earmark.decisions.parents import events_with_parents, tags_with_parents
from earmark.events import Event

PARENTS = {"dog": ("pet", "animal"), "cat": ("pet", "animal"), "pet": ("animal",)}
BELOW = {"pet": {"dog", "cat", "pet"}, "animal": {"dog", "cat", "pet", "animal"}}
LABELS = ("dog", "cat", "pet", "animal", "bell")
TIMES = st.integers(0, 20)
EVENTS = st.lists(
    st.builds(
        lambda onset, length, label, score: Event(onset / 4, (onset + length) / 4, label, score / 10),
        TIMES,
        st.integers(1, 8),
        st.sampled_from(LABELS),
        st.integers(0, 10),
    ),
    max_size=8,
)


def best_at(events: list[Event], labels: set[str], time: float) -> float | None:
    scores = [event.score or 0.0 for event in events if event.label in labels and event.onset <= time < event.offset]
    return max(scores, default=None)


@given(EVENTS)
def test_a_label_above_is_where_any_label_below_is(events: list[Event]) -> None:
    found = events_with_parents(events, PARENTS)
    for time in (0.125 + 0.25 * place for place in range(30)):
        for label in LABELS:
            active = best_at(events, BELOW.get(label, {label}), time)
            now = best_at(found, {label}, time)
            assert (now is None) == (active is None)
            assert now is None or active is None or now >= active


@given(EVENTS)
def test_other_events_stay_as_they_are_and_added_ones_do_not_touch(events: list[Event]) -> None:
    found = events_with_parents(events, PARENTS)
    assert sorted(e for e in events if e.label not in BELOW) == sorted(e for e in found if e.label not in BELOW)
    assert [(e.onset, e.label) for e in found] == sorted((e.onset, e.label) for e in found)
    if any(event.label != "animal" and event.label in BELOW["animal"] for event in events):
        above = [event for event in found if event.label == "animal"]
        assert all(one.offset < other.onset for one, other in itertools.pairwise(above))


@given(st.dictionaries(st.sampled_from(LABELS), st.integers(1, 10)))
def test_a_label_above_has_the_best_score_below(tags: dict[str, int]) -> None:
    found = dict(tags_with_parents(tags.items(), PARENTS))
    for label in LABELS:
        scores = [score for name, score in tags.items() if name in BELOW.get(label, {label})]
        assert found.get(label) == max(scores, default=None)
    assert list(found.values()) == sorted(found.values(), reverse=True)
