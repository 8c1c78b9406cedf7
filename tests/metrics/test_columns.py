from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from earmark.metrics.columns import Columns, merge_events

ROWS = st.lists(st.tuples(*(st.integers(0, n) for n in (2, 1, 12, 5))), max_size=14)


@given(ROWS)
def test_merged_events_cover_the_same_seconds_and_never_meet(rows):
    table = np.array([(r, label, on, on + length) for r, label, on, length in rows], dtype=np.int64).reshape(-1, 4)
    columns = Columns(table[:, 0], table[:, 1], table[:, 2] / 4, table[:, 3] / 4)
    merged, joined = merge_events(columns)
    cells = {(r, label, tick) for r, label, on, off in table.tolist() for tick in range(on, off)}
    found = list(zip(merged.recording, merged.label, merged.onset * 4, merged.offset * 4, strict=True))
    assert {(r, label, tick) for r, label, on, off in found for tick in range(int(on), int(off))} == cells
    assert found == sorted(found)
    for one, next_one in pairwise(found):
        assert one[:2] != next_one[:2] or one[3] < next_one[2]
    assert joined == int((table[:, 3] > table[:, 2]).sum()) - len(found)


def test_an_event_within_another_of_many_seconds_ends_nothing():
    rows = np.zeros(3, dtype=np.int64)
    merged, joined = merge_events(Columns(rows, rows, np.array([0.0, 1.0, 5.0]), np.array([1e6, 2.0, 6.0])))
    assert (merged.onset.tolist(), merged.offset.tolist(), joined) == ([0.0], [1e6], 2)
