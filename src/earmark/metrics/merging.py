"""Overlapping events made disjoint, many recordings at once.

Metrics that measure how much of one event lies in another must not count a second twice: events of one
recording and one label that overlap or touch are joined, and events of no length (a row `0 0 label`), which
nothing can intersect, are left out. What was joined is counted, so that it can be told.

Within a group the running maximum of the offsets says whether the next onset falls into what came before. To run
over all groups in one pass without adding group numbers to seconds (which would round them) the offsets are
replaced by their ranks, whole numbers.
"""

from __future__ import annotations

import numpy as np

from earmark.metrics.columns import Columns


def merge_events(events: Columns) -> tuple[Columns, int]:
    """Disjoint events ordered by recording, label and onset; and how many were joined to another.

    >>> rows = np.zeros(3, dtype=np.int64)
    >>> merged, joined = merge_events(Columns(rows, rows, np.array([0.0, 4, 1]), np.array([2.0, 5, 3])))
    >>> merged.onset.tolist(), merged.offset.tolist(), joined
    ([0.0, 4.0], [3.0, 5.0], 1)
    """
    heard = events.offset > events.onset
    order = np.lexsort((events.onset[heard], events.label[heard], events.recording[heard]))
    recording, label = events.recording[heard][order], events.label[heard][order]
    onset, offset = events.onset[heard][order], events.offset[heard][order]
    if not len(onset):
        return Columns(recording, label, onset, offset), 0
    fresh = np.concatenate(([True], (recording[1:] != recording[:-1]) | (label[1:] != label[:-1])))
    base = (np.cumsum(fresh) - 1) * len(offset)
    by_offset = np.argsort(offset, kind="stable")
    rank = np.empty(len(offset), dtype=np.int64)
    rank[by_offset] = np.arange(len(offset))
    latest = offset[by_offset[np.maximum.accumulate(base + rank) - base]]  # of the group so far
    begins = fresh.copy()
    begins[1:] |= onset[1:] > latest[:-1]
    heads = np.flatnonzero(begins)
    tails = np.append(heads[1:], len(onset)) - 1
    return Columns(recording[heads], label[heads], onset[heads], latest[tails]), len(onset) - len(heads)
