"""What a journal knows, in little memory."""

from hypothesis import given
from hypothesis import strategies as st

from earmark.runtime.index import Index

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
