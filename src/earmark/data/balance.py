"""Mini-batch data balancing, Xu et al. 2018, section 2.3.

Weak labels are long-tailed; a batch drawn at random holds mostly the commonest class. Here every class has a whole
number of tickets, 1 for the rarest up to `max_ratio` for the commonest, in proportion to its clips. Batches take
their clips from an endless stream of shuffled decks of all tickets; each ticket stands for the next clip of its
class, from an endless stream of shuffles of that class's clips. So the commonest class is drawn at most `max_ratio`
times as often as the rarest ("at most 5 times", section 2.3), and within a class every clip comes before any comes
again.

Which clip stands at position p of the stream follows from (seed, p) alone: a deck's shuffle from its number, a
class's count of earlier draws from whole decks and the tickets before p in its own. Nothing is carried along, so
training resumes anywhere and does not depend on how many processes load data.

Differs from the paper in: tickets follow the classes' shares instead of steps of 1,000 clips, and clips without any
label are a class of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]


class BalancedStream:
    """An endless, seeded stream of clip indices with bounded class ratios.

    `targets` (clips, classes) bool. `max_ratio` 1 draws all classes alike; None draws clips at random, whatever their
    class. Raises `ValueError` when there is no clip.

    >>> targets = np.array([[1, 0]] * 9 + [[0, 1]], dtype=bool)
    >>> drawn = BalancedStream(targets, max_ratio=3, seed=0).take(0, 400)
    >>> round(float(np.mean(drawn < 9)), 2), sorted(set(drawn.tolist())) == list(range(10))
    (0.75, True)
    """

    def __init__(self, targets: npt.NDArray[np.bool_], max_ratio: float | None, seed: int) -> None:
        if not len(targets):
            raise ValueError("there is no clip to draw from")
        self.seed = seed
        unlabelled = ~targets.any(axis=1, keepdims=True)
        members = [np.flatnonzero(column) for column in np.hstack([targets, unlabelled]).T]
        self._members = [clips for clips in members if len(clips)]
        if max_ratio is None:
            self._members = [np.arange(len(targets))]
        counts = np.array([len(clips) for clips in self._members])
        self.tickets = tickets(counts, max_ratio or 1.0)
        self._deck = np.repeat(np.arange(len(counts)), self.tickets)
        self._shuffled_deck = lru_cache(maxsize=8)(self._make_deck)
        self._shuffled_class = lru_cache(maxsize=2 * len(counts))(self._make_class)

    def __getstate__(self) -> dict[str, object]:
        """Leave the caches behind when sent to another process."""
        return {key: value for key, value in self.__dict__.items() if not key.startswith("_shuffled")}

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__.update(state)
        self._shuffled_deck = lru_cache(maxsize=8)(self._make_deck)
        self._shuffled_class = lru_cache(maxsize=2 * len(self._members))(self._make_class)

    def take(self, start: int, count: int) -> IntArray:
        """Clip indices (count,) at positions `start` to `start + count` of the stream."""
        return np.array([self._clip_at(position) for position in range(start, start + count)], dtype=np.int64)

    def batch(self, step: int, size: int) -> IntArray:
        """Clip indices (size,) of batch number `step`."""
        return self.take(step * size, size)

    def _clip_at(self, position: int) -> int:
        number, place = divmod(position, len(self._deck))
        deck, earlier = self._shuffled_deck(number)
        which = int(deck[place])
        draws = number * int(self.tickets[which]) + int(earlier[place])  # of this class, before this position
        turn, offset = divmod(draws, len(self._members[which]))
        return int(self._shuffled_class(which, turn)[offset])

    def _make_deck(self, number: int) -> tuple[IntArray, IntArray]:
        """The shuffled deck, and for each place how often its class came before it in this deck."""
        deck = np.random.default_rng((self.seed, 0, number)).permutation(self._deck)
        order = np.argsort(deck, kind="stable")
        first = np.concatenate([[0], np.cumsum(self.tickets)[:-1]])
        earlier = np.empty_like(deck)
        earlier[order] = np.arange(len(deck)) - first[deck[order]]
        return deck, earlier

    def _make_class(self, which: int, turn: int) -> IntArray:
        shuffled = np.random.default_rng((self.seed, 1, which, turn)).permutation(self._members[which])
        return np.asarray(shuffled)


def tickets(counts: Sequence[int] | IntArray, max_ratio: float) -> IntArray:
    """Tickets of each class: whole numbers from 1 to `max_ratio`, in proportion to the clips.

    >>> tickets([692, 346, 15], max_ratio=5).tolist()
    [5, 2, 1]
    """
    counts = np.asarray(counts, dtype=np.int64)
    share = np.round(max_ratio * counts / counts.max())
    bounded: IntArray = np.clip(share, 1, max(1, int(max_ratio))).astype(np.int64)
    return bounded
