from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.data.records import Clip
from earmark.data.targets import FrameTargets, Targets, members
from earmark.errors import DataError
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


def planted(clips: int, seed: int, step: Fraction = Fraction(10)) -> tuple[FrameTargets, list[np.ndarray]]:
    """Frame labels at random, and the same as full tables (steps, classes)."""
    rng = np.random.default_rng(seed)
    found, tables = [], []
    for _ in range(clips):
        steps, columns = int(rng.integers(1, 30)), np.flatnonzero(rng.random(4) < 0.5).tolist()
        heard = rng.random((len(columns), steps)) < 0.5
        table = np.zeros((steps, 4), bool)
        table[:, columns] = heard.T
        found.append((columns, heard))
        tables.append(table)
    return FrameTargets.of(found, 4, step), tables


def test_what_is_kept_as_bits_comes_back(tmp_path: Path) -> None:
    frames, tables = planted(20, seed=0)
    frames.save(tmp_path / "pseudo.npz")
    for made in (frames, FrameTargets.load(tmp_path / "pseudo.npz")):
        assert (len(made), made.step) == (20, 10)
        for clip, table in enumerate(tables):
            np.testing.assert_array_equal(made.active(clip), table)
    assert frames.bits.nbytes < sum(table.size for table in tables) / 4


CLIPS = planted(10, seed=1)


@given(st.integers(0, 9), st.integers(0, 400), st.integers(1, 50))
def test_a_window_is_the_clip_from_there_on(clip: int, start: int, steps: int) -> None:
    frames, tables = CLIPS
    padded = np.concatenate([tables[clip], np.zeros((500, 4), bool)])
    first = int(start / 10 + 0.5)
    np.testing.assert_array_equal(frames.window(clip, start, steps), padded[first : first + steps])


def test_damage_is_told(tmp_path: Path) -> None:
    path = tmp_path / "pseudo.npz"
    planted(3, seed=2)[0].save(path)
    path.write_bytes(path.read_bytes()[:-60])
    with pytest.raises(DataError, match=r"pseudo.npz is damaged \(.*delete it, and it is made again"):
        FrameTargets.load(path)
