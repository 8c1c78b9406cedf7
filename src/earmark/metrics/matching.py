"""Largest matchings between two sets of events.

`maximum_matching` is the algorithm of Hopcroft and Karp (1973, SIAM J. Computing 2(4)): start greedily, then
search breadth first for the shortest ways to free one more pair and turn over as many of them as are
disjoint, until none is left. Which of several largest matchings is found follows from the order of the
graph; the order in which vertices are visited here is the one of mir_eval and sed_eval, so that figures that
depend on it (the substitutions of event-based metrics) agree.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal

import numpy as np

from earmark.arrays import IntArray

Graph = Mapping[int, Sequence[int]]  # left vertex -> its right neighbours


def match_pairs(
    left: IntArray, right: IntArray, how: Literal["optimal", "greedy"] = "optimal"
) -> tuple[IntArray, IntArray]:
    """A matching of many small graphs at once, as two arrays (matches,): left ends and right ends.

    `left`, `right` (pairs,): whole numbers from 0, distinct pairs. "optimal" matches as many pairs as possible,
    "greedy" takes each pair in turn if both ends are still free. Pairs whose two ends occur nowhere else are matched in
    one step; only the others, in practice a few, are searched.

    >>> left, right = match_pairs(np.array([0, 1, 1, 2]), np.array([5, 6, 7, 6]))
    >>> sorted(zip(left.tolist(), right.tolist()))
    [(0, 5), (1, 7), (2, 6)]
    """
    contested = (np.bincount(left)[left] > 1) | (np.bincount(right)[right] > 1) if len(left) else left > 0
    pairs = zip(left[contested].tolist(), right[contested].tolist(), strict=True)
    matched = maximum_matching(graph_of(pairs)) if how == "optimal" else greedy_matching(pairs)
    ends = np.array([(a, b) for b, a in matched.items()], dtype=np.int64).reshape(-1, 2)
    free = ~contested
    return np.concatenate((left[free], ends[:, 0])), np.concatenate((right[free], ends[:, 1]))


def graph_of(pairs: Iterable[tuple[int, int]]) -> dict[int, list[int]]:
    """The graph with these (left, right) edges, vertices in order of appearance."""
    graph: dict[int, list[int]] = {}
    for left, right in pairs:
        graph.setdefault(left, []).append(right)
    return graph


def greedy_matching(pairs: Iterable[tuple[int, int]]) -> dict[int, int]:
    """Take each (left, right) pair in turn if both are still free; {right: left}."""
    matched: dict[int, int] = {}
    used: set[int] = set()
    for left, right in pairs:
        if right not in matched and left not in used:
            matched[right] = left
            used.add(left)
    return matched


def maximum_matching(graph: Graph) -> dict[int, int]:
    """A matching with as many pairs as possible; {right: left}.

    >>> maximum_matching({0: [10, 11], 1: [10]})
    {10: 1, 11: 0}
    """
    matched = greedy_matching((left, right) for left, rights in graph.items() for right in rights)
    while True:
        reached_from, came_by, free = _layers(graph, matched)
        if not free:
            return matched
        for right in free:
            _turn_over(right, reached_from, came_by, matched)


def _layers(graph: Graph, matched: Mapping[int, int]) -> tuple[dict[int, list[int]], dict[int, int | None], list[int]]:
    """Breadth first from the free left vertices, up to the first layer that holds free right ones.

    Returns the left neighbours each right vertex was reached from, the right partner each left vertex was
    reached by (None for those that are free), and the free right vertices found.
    """
    busy = set(matched.values())
    came_by: dict[int, int | None] = {left: None for left in graph if left not in busy}
    reached_from: dict[int, list[int]] = {}
    layer, free = list(came_by), list[int]()
    while layer and not free:
        found: dict[int, list[int]] = {}
        for left in layer:
            for right in graph[left]:
                if right not in reached_from:
                    found.setdefault(right, []).append(left)
        reached_from.update(found)
        free = [right for right in found if right not in matched]
        layer = [matched[right] for right in found if right in matched]
        came_by.update({matched[right]: right for right in found if right in matched})
    return reached_from, came_by, free


def _turn_over(
    right: int,
    reached_from: dict[int, list[int]],
    came_by: dict[int, int | None],
    matched: dict[int, int],
) -> None:
    """Walk back from a free right vertex to a free left one and swap partners on the way, if such a way is left.

    Every vertex is walked over once in a phase. A stack of our own: chains of events can be longer than
    Python's.
    """
    path: list[tuple[int, Iterator[int]]] = [(right, iter(reached_from.pop(right, [])))]
    chosen: list[int] = []  # the left vertex each right vertex on the path would get
    while path:
        left = next((left for left in path[-1][1] if left in came_by), None)
        if left is None:
            path.pop()
            if chosen:
                chosen.pop()
            continue
        back = came_by.pop(left)
        if back is None:
            for (vertex, _), partner in zip(path, [*chosen, left], strict=True):
                matched[vertex] = partner
            return
        if back in reached_from:
            chosen.append(left)
            path.append((back, iter(reached_from.pop(back))))
