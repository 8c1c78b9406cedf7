"""The demo must really learn: a floor under a reduced demo, honest in all but its size."""

from pathlib import Path

from earmark.reporter import Reporter
from earmark.studies.demo import Demo, run_demo
from earmark.training.loop import Machine

CLIPS = 160  # to train on: half of the default demo; the recipe is the demo's own
MAP_FLOOR = 0.48
SEGMENT_F1_FLOOR = 0.6


def test_it_has_learned_what_sounds_there_are_and_when(tmp_path: Path) -> None:
    metrics = run_demo(tmp_path, Demo.of(CLIPS), Machine(precision="float32"), Reporter())
    assert metrics["tagging"]["map"] >= MAP_FLOOR
    assert metrics["segment"]["f1"] >= SEGMENT_F1_FLOOR
    assert metrics["segment"]["precision"] >= 0.5  # and not by reporting everything everywhere
