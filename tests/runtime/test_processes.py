"""Worker processes die without harm to other recordings."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import soundfile
from bulk_script import content, detect, make

SCRIPT = Path(__file__).with_name("bulk_script.py")


def test_a_worker_process_that_dies_is_replaced_and_its_recordings_are_done_once(tmp_path: Path) -> None:
    source = make(tmp_path / "in", 60)
    detect(source, tmp_path / "whole", formats=["csv"])
    words = [sys.executable, str(SCRIPT), str(source), str(tmp_path / "out"), "formats=csv", "processes=2"]
    done = subprocess.run(words, capture_output=True, text=True, env={**os.environ, "DIE_AT": str(tmp_path / "died")})
    assert done.stdout.split() == ["60", "0", "0"], done.stderr
    assert (tmp_path / "died").exists()
    assert content(tmp_path / "out") == content(tmp_path / "whole")


def test_a_recording_that_kills_every_process_is_a_failure_and_costs_no_other(tmp_path: Path) -> None:
    source = make(tmp_path / "in", 9)
    words = [sys.executable, str(SCRIPT), str(source), str(tmp_path / "out"), "formats=csv", "processes=2"]
    env = {**os.environ, "DIE_ON": "0.5"}
    soundfile.write(source / "day" / "deadly.wav", np.full(4000, 0.5), 8000)
    done = subprocess.run(words, capture_output=True, text=True, env=env)
    assert done.stdout.split() == ["9", "0", "1"], done.stderr
    failures = (tmp_path / "out" / "failures.csv").read_text()
    assert failures.splitlines()[1].startswith("day/deadly.wav,")
    assert "2 processes ended while they worked on it" in failures
