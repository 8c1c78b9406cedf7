from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.data.records import Clip
from earmark.data.targets import Targets, members
from earmark.labels import Labels

TABLE = np.random.default_rng(0).random((30, 6)) < [0.5, 0.3, 0.1, 0.03, 0.0, 0.2]
LISTS = Targets.of([np.flatnonzero(row).tolist() for row in TABLE], classes=6)


@given(st.lists(st.integers(0, 29), max_size=9))
def test_rows_are_those_of_the_table(clips: list[int]) -> None:
    np.testing.assert_array_equal(LISTS[clips], TABLE[clips])
    np.testing.assert_array_equal(LISTS[np.array(clips, dtype=np.int64)], TABLE[clips])


def test_members_of_a_class_are_those_of_the_table_and_last_come_clips_without_any() -> None:
    for targets in (LISTS, TABLE):
        found = members(targets)
        assert [clips.tolist() for clips in found[:-1]] == [np.flatnonzero(column).tolist() for column in TABLE.T]
        assert found[-1].tolist() == np.flatnonzero(~TABLE.any(axis=1)).tolist()
        assert {clips.dtype for clips in found} == {np.dtype(np.int32)}


def test_labels_of_clips_that_are_not_asked_for_are_left_out() -> None:
    clips = [Clip(Path("a"), "a", labels) for labels in [("dog", "owl"), (), ("owl",), ("cat", "dog")]]
    found = Targets.of_clips(clips, Labels(["cat", "dog"]))
    assert found.shape == (4, 2)
    assert found[range(4)].tolist() == [[False, True], [False, False], [False, False], [True, True]]


def test_no_clip_at_all() -> None:
    empty = Targets.of([], classes=3)
    assert len(empty) == 0
    assert [len(clips) for clips in members(empty)] == [0, 0, 0, 0]
    with pytest.raises(IndexError):
        empty[[0]]
