import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from earmark.metrics.matching import graph_of, greedy_matching, match_pairs, maximum_matching

edges = st.lists(st.tuples(st.integers(0, 7), st.integers(100, 107)), max_size=25, unique=True)


def largest(pairs):
    """The size of the largest matching, by trying everything."""
    if not pairs:
        return 0
    (left, right), rest = pairs[0], pairs[1:]
    return max(largest(rest), 1 + largest([(u, v) for u, v in rest if u != left and v != right]))


@given(edges)
def test_a_matching_is_valid_and_as_large_as_can_be(pairs):
    matched = maximum_matching(graph_of(pairs))
    assert len(set(matched.values())) == len(matched)
    assert all((left, right) in pairs for right, left in matched.items())
    assert len(matched) == largest(pairs)


@given(edges)
def test_many_small_graphs_at_once_are_matched_as_well(pairs):
    left, right = match_pairs(*np.array(pairs, dtype=np.int64).reshape(-1, 2).T)
    found = list(zip(left.tolist(), right.tolist(), strict=True))
    assert set(found) <= set(pairs)
    assert len(found) == len({a for a, _ in found}) == len({b for _, b in found}) == largest(pairs)


@given(edges)
def test_greedy_takes_what_comes_first(pairs):
    matched = greedy_matching(pairs)
    assert len(set(matched.values())) == len(matched)
    assert not pairs or matched[pairs[0][1]] == pairs[0][0]
    assert 2 * len(matched) >= largest(pairs)


def test_a_chain_longer_than_the_recursion_limit():
    n = 20_000  # left i knows right i + 1 and right i; the last knows right n alone: everything must shift
    graph = {i: [i + 1, i] for i in range(n)} | {n: [n]}
    assert len(maximum_matching(graph)) == n + 1
