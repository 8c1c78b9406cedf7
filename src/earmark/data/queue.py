"""The balancing queue of Xu et al. 2018 as their code has it (section 2.3; docs/papers/xu2018.md, section 3).

A class of c clips weighs 1 + floor(c / step), at most 5: with `step` 1,000 the weights of the DCASE2017 training list
run from 1 (Car alarm, 180 clips) to 5 (Car, 25,077). Batches are drawn so:

1. A queue holds shuffled copies of a deck in which every class stands `weight` times; a batch of n pops n of them, so
   class k is to give n_k clips.
2. Every class has its own shuffled list of clips and a pointer into it. The batch takes [pointer, pointer + n_k) of
   it, less where the list ends, and the pointer moves on by n_k; once it has reached the end, the next batch that
   asks the class begins a new shuffle.
3. The batch is ordered by class; labels are each clip's full multi-hot row, so a clip with two labels counts for both
   and may come twice in one batch.

So a batch may fall short of n where a list ends (about one in a hundred), and draws alone are bound to 5 : 1, not the
labels that come with them.

Which clips form batch s follows from (seed, s): the draws are replayed from batch 0, which takes microseconds each, and
the place last reached is remembered.

Differs from the code in: clips without any label form a class of their own (the DCASE2017 list has none).
`data/balance.py` is the general form, whose classes go by their shares and whose batches are always full.
"""

from __future__ import annotations

import numpy as np

from earmark.arrays import IntArray
from earmark.data.targets import TargetRows, members

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
