"""Several processes see, together, what one would."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("ranks_script.py")


def seen(folder: Path, processes: int, method: str) -> list[list[tuple[int, int, str, tuple[float, ...]]]]:
    """Rows (step, clip, digest of the cut, targets) that each process was given."""
    folder.mkdir()
    words = [sys.executable, str(SCRIPT), str(folder), str(processes), method]
    done = subprocess.run(words, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    files = [folder / f"seen-{rank}.json" for rank in range(processes)]
    return [[(step, clip, cut, tuple(row)) for step, clip, cut, row in json.loads(file.read_text())] for file in files]


@pytest.mark.parametrize("method", ["shares", "queue"])
def test_the_shares_of_two_processes_are_the_batches_of_one(tmp_path: Path, method: str) -> None:
    """The same clips at the same steps, and of each the same cut, by processes that Lightning started (gloo)."""
    [alone] = seen(tmp_path / "one", 1, method)
    first, second = seen(tmp_path / "two", 2, method)
    assert 8 * 5 < len(alone) <= 8 * 6  # the queue may draw a clip twice, and gives it once
    assert len({cut for _, _, cut, _ in alone}) > 25  # of most clips, other cuts at other times
    assert sorted(first + second) == sorted(alone)
    for step in range(8):
        shares = [[row for row in share if row[0] == step] for share in (first, second)]
        assert len(shares[0]) - len(shares[1]) in (0, 1)
