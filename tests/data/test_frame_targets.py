from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.data.frame_targets import FrameTargets
from earmark.errors import DataError


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
