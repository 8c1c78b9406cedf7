"""Several processes see, together, what one would."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("ranks_script.py")
METHODS = ("shares", "queue")

Row = tuple[int, int, str, tuple[float, ...]]


def seen(folder: Path, processes: int) -> list[list[Row]]:
    """Rows (step, clip, digest of the cut, targets) that each process was given."""
    files = [folder / f"seen-{rank}.json" for rank in range(processes)]
    assert sorted(folder.glob("seen-*.json")) == files
    return [[(step, clip, cut, tuple(row)) for step, clip, cut, row in json.loads(file.read_text())] for file in files]


def test_the_shares_of_two_processes_are_the_batches_of_one(tmp_path: Path, subtests: pytest.Subtests) -> None:
    """The same clips at the same steps, and of each the same cut, by processes that Lightning started (gloo)."""
    words = [sys.executable, str(SCRIPT), str(tmp_path), *METHODS]
    done = subprocess.run(words, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    for method in METHODS:
        with subtests.test(method):
            [alone] = seen(tmp_path / f"{method}-1", 1)
            first, second = seen(tmp_path / f"{method}-2", 2)
            assert 8 * 5 < len(alone) <= 8 * 6  # the queue may draw a clip twice, and gives it once
            assert len({cut for _, _, cut, _ in alone}) > 25  # of most clips, other cuts at other times
            assert sorted(first + second) == sorted(alone)
            for step in range(8):
                shares = [[row for row in share if row[0] == step] for share in (first, second)]
                assert len(shares[0]) - len(shares[1]) in (0, 1)
