"""A run on a Ray cluster, a real one on this machine."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("ray", reason="Ray is not installed: pip install earmark[ray]")

sys.path.insert(0, str(Path(__file__).parent))
from test_archive import content, detect, make

SCRIPT = """
import sys
sys.path.insert(0, {folder!r})
import ray
from bulk_script import open_tagger
from earmark import api

options = dict(include_dashboard=False, log_to_driver=False, logging_level="ERROR")
ray.init(num_cpus=2, object_store_memory=80 * 2**20, **options)
found = api.detect([{source!r}], output={output!r}, formats=["csv", "json"], tagger=open_tagger, ray="auto")
print("scored", found.account.scored, "failed", len(found.account.failed))
"""


def test_a_cluster_of_two_workers_of_which_one_is_killed_gives_what_one_process_does(tmp_path: Path) -> None:
    source = make(tmp_path / "in", 80)
    detect(source, tmp_path / "whole", formats=["csv", "json"])
    folder = str(Path(__file__).parent)
    script = SCRIPT.format(folder=folder, source=str(source), output=str(tmp_path / "out"))
    paths = os.pathsep.join([folder, os.environ.get("PYTHONPATH", "")])
    env = {**os.environ, "PYTHONPATH": paths, "DIE_AT": str(tmp_path / "died"), "RAY_USAGE_STATS_ENABLED": "0"}
    done = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, timeout=300)
    assert "scored 80 failed 0" in done.stdout, done.stderr
    assert (tmp_path / "died").exists()
    assert content(tmp_path / "out") == content(tmp_path / "whole")
