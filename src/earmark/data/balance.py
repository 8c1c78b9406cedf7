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

The shuffles in use are kept, four bytes a clip and label, so that a draw costs microseconds: of two million AudioSet
clips they take tens of megabytes (docs/benchmarks.md).

Differs from the paper in: tickets follow the classes' shares instead of steps of 1,000 clips, and clips without any
label are a class of their own.

`QueueStream` is the form that the authors' code has (docs/papers/xu2018.md, section 3). A class of c clips weighs
1 + floor(c / step), at most 5: with `step` 1,000 the weights of the DCASE2017 training list run from 1 (Car alarm, 180
clips) to 5 (Car, 25,077). Batches are drawn so:

1. A queue holds shuffled copies of a deck in which every class stands `weight` times; a batch of n pops n of them, so
   class k is to give n_k clips.
2. Every class has its own shuffled list of clips and a pointer into it. The batch takes [pointer, pointer + n_k) of
   it, less where the list ends, and the pointer moves on by n_k; once it has reached the end, the next batch that
   asks the class begins a new shuffle.
3. The batch is ordered by class; labels are each clip's full multi-hot row, so a clip with two labels counts for both
   and may come twice in one batch.

So a batch may fall short of n where a list ends (about one in a hundred), and draws alone are bound to 5 : 1, not the
labels that come with them. Which clips form batch s follows from (seed, s): the draws are replayed from batch 0, which
takes microseconds each, and the place last reached is remembered. Differs from the code in: clips without any label
form a class of their own (the DCASE2017 list has none).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from earmark.arrays import IntArray
from earmark.data.targets import IndexArray, TargetRows, members


class BalancedStream:
    """An endless, seeded stream of clip indices with bounded class ratios.

    `targets` (clips, classes) bool, or `Targets` for very many clips. `max_ratio` 1 draws all classes alike; None draws
    clips at random, whatever their class. Raises `ValueError` when there is no clip.

    >>> targets = np.array([[1, 0]] * 9 + [[0, 1]], dtype=bool)
    >>> drawn = BalancedStream(targets, max_ratio=3, seed=0).take(0, 400)
    >>> round(float(np.mean(drawn < 9)), 2), sorted(set(drawn.tolist())) == list(range(10))
    (0.75, True)
    """

    def __init__(self, targets: TargetRows, max_ratio: float | None, seed: int) -> None:
        if not len(targets):
            raise ValueError("no clip to draw from")
        self.seed = seed
        if max_ratio is None:
            self._members = [np.arange(len(targets), dtype=np.int32)]
        else:
            self._members = [clips for clips in members(targets) if len(clips)]
        self._sizes = np.array([len(clips) for clips in self._members])
        self.tickets = tickets(self._sizes, max_ratio or 1.0)
        self._deck = np.repeat(np.arange(len(self._sizes)), self.tickets)
        self._remember()

    def __getstate__(self) -> dict[str, object]:
        """Leave the caches behind when sent to another process."""
        return {key: value for key, value in self.__dict__.items() if not key.startswith("_shuffled")}

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__.update(state)
        self._remember()

    def _remember(self) -> None:
        """Keep the shuffles in use; a class has two while a batch spans the end of one."""
        self._shuffled_deck = lru_cache(maxsize=8)(self._make_deck)
        self._shuffled_class = lru_cache(maxsize=2 * len(self._members))(self._make_class)

    def take(self, start: int, count: int) -> IntArray:
        """Clip indices (count,) at positions `start` to `start + count` of the stream."""
        size, end = len(self._deck), start + count
        first = start // size
        parts = [self._shuffled_deck(number) for number in range(first, end // size + 1)]
        here = slice(start - first * size, end - first * size)  # of these decks laid end to end
        which, earlier = (np.concatenate(part)[here] for part in zip(*parts, strict=True))
        draws = np.arange(start, end) // size * self.tickets[which] + earlier  # of its class, before each position
        turn, offset = np.divmod(draws, self._sizes[which])
        found = zip(which.tolist(), turn.tolist(), offset.tolist(), strict=True)
        return np.array([self._shuffled_class(*one)[at] for *one, at in found], dtype=np.int64)

    def batch(self, step: int, size: int) -> IntArray:
        """Clip indices (size,) of batch number `step`."""
        return self.take(step * size, size)

    def _make_deck(self, number: int) -> tuple[IntArray, IntArray]:
        """The shuffled deck, and for each place how often its class came before it in this deck."""
        if len(self.tickets) == 1:  # nothing to shuffle
            return self._deck, np.arange(len(self._deck))
        deck = np.random.default_rng((self.seed, 0, number)).permutation(self._deck)
        order = np.argsort(deck, kind="stable")
        first = np.concatenate([[0], np.cumsum(self.tickets)[:-1]])
        earlier = np.empty_like(deck)
        earlier[order] = np.arange(len(deck)) - first[deck[order]]
        return deck, earlier

    def _make_class(self, which: int, turn: int) -> IndexArray:
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


HEAVIEST = 5


class QueueStream:
    """Batches drawn through the balancing queue; `step` clips are a unit of weight.

    `targets` (clips, classes) as in `BalancedStream`. `ValueError` when there is no clip.

    >>> targets = np.eye(3, dtype=bool)[[0] * 50 + [1] * 12 + [2] * 3]
    >>> stream = QueueStream(targets, seed=0, step=10)
    >>> stream.weights.tolist(), np.bincount(targets[stream.batch(0, 8)].argmax(axis=1)).tolist()
    ([5, 2, 1], [5, 2, 1])
    """

    def __init__(self, targets: TargetRows, seed: int, step: int = 1000) -> None:
        if not len(targets):
            raise ValueError("no clip to draw from")
        self.seed = seed
        self._members = [clips.astype(np.int64) for clips in members(targets) if len(clips)]
        self.weights = np.array([min(1 + len(clips) // step, HEAVIEST) for clips in self._members])
        self._deck = np.repeat(np.arange(len(self.weights)), self.weights)
        self._restart(0)

    def batch(self, step: int, size: int) -> IntArray:
        """Clip indices of batch number `step`: `size` of them, or fewer where a class's list ends."""
        if size != self._size or step < self._next:
            self._restart(size)
        while self._next < step:
            self._draw()
        return self._draw()

    def _restart(self, size: int) -> None:
        self._size, self._next = size, 0
        self._decks = 0
        self._queue = np.zeros(0, np.int64)
        self._turns = [0] * len(self._members)
        self._lists = [self._shuffle(which, 0) for which in range(len(self._members))]
        self._pointers = [0] * len(self._members)

    def _draw(self) -> IntArray:
        while len(self._queue) < self._size:
            deck = np.random.default_rng((self.seed, 3, self._decks)).permutation(self._deck)
            self._queue = np.concatenate([self._queue, deck])
            self._decks += 1
        popped, self._queue = self._queue[: self._size], self._queue[self._size :]
        self._next += 1
        wanted = np.bincount(popped, minlength=len(self._members)).tolist()
        return np.concatenate([self._take(which, count) for which, count in enumerate(wanted) if count])

    def _take(self, which: int, count: int) -> IntArray:
        if self._pointers[which] >= len(self._lists[which]):
            self._turns[which] += 1
            self._lists[which] = self._shuffle(which, self._turns[which])
            self._pointers[which] = 0
        first = self._pointers[which]
        self._pointers[which] += count
        return self._lists[which][first : first + count]

    def _shuffle(self, which: int, turn: int) -> IntArray:
        shuffled = np.random.default_rng((self.seed, 4, which, turn)).permutation(self._members[which])
        return np.asarray(shuffled)
