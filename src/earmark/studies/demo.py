"""The demo: the whole road on sounds made on the spot.

DIR/data/        the synthesised data set: train (tags only), valid and test (with events)
DIR/model/       the trained model
DIR/report.html  what it reaches on the test recordings, with pictures and sounds
DIR/metrics.json the same figures as JSON
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from earmark.data.manifest import read_manifest
from earmark.data.synthetic import make_dataset
from earmark.evaluation.labelled import ScoredClips, evaluate_scored, score_clips
from earmark.evaluation.report import read_log, recording_views
from earmark.events import Event
from earmark.files import json_text, write_text
from earmark.models.directory import open_tagger
from earmark.models.torch_engine import network_of
from earmark.recipes.recipe import load_recipe
from earmark.report.page import Report, write_report
from earmark.report.points import point_table
from earmark.reporter import Reporter
from earmark.runtime.tagger import Tagger
from earmark.training.loop import Machine
from earmark.training.request import Request, clear
from earmark.training.run import Run


@dataclass(frozen=True)
class Demo:
    """How large a demo is; the defaults take about two minutes on two cores."""

    clips: int = 320  # to train on
    valid: int = 80  # to tune on
    test: int = 80  # to measure on
    epochs: int | None = None  # None: the recipe's
    seed: int = 0

    @classmethod
    def of(cls, clips: int, epochs: int | None = None, seed: int = 0) -> Demo:
        """A demo that trains on `clips` clips, and tunes and measures on a quarter as many each."""
        quarter = max(8, clips // 4)
        return cls(clips, quarter, quarter, epochs, seed)

    def command(self, folder: Path) -> str:
        """The command line of this demo."""
        words = ["earmark", "demo", "-o", str(folder), "--clips", str(self.clips), "--seed", str(self.seed)]
        return shlex.join(words + (["--epochs", str(self.epochs)] if self.epochs else []))


def run_demo(folder: Path, demo: Demo, machine: Machine, reporter: Reporter) -> dict[str, Any]:
    """Run the demo into `folder`; returns the metrics on the test recordings.

    A demo that was stopped continues where it stopped, a finished one is measured again, and one of another size, seed
    or version is made again. `OutputError` where `folder` holds data or a model that no demo made.
    """
    make_dataset(
        folder / "data", demo.clips, demo.valid, demo.test, seed=demo.seed, progress=reporter.stage("making sounds")
    )
    model = folder / "model"
    request = _request(folder, demo)
    if request.difference():
        clear(model)
    Run(request, machine, reporter, recipe="demo", command=demo.command(folder), name="earmark demo").execute()
    tagger = open_tagger([model], device=machine.device)
    test = read_manifest(folder / "data" / "test", labels=tagger.labels)
    scored = score_clips(tagger.scorer, test, reporter.stage("scoring test recordings"))
    evaluation, detected = evaluate_scored(scored, tagger.operating_point)
    metrics = evaluation.to_json()
    write_report(folder / "report.html", _page(folder, demo, tagger, scored, metrics, detected))
    write_text(folder / "metrics.json", json_text(metrics, indent=2) + "\n")
    return metrics


def _request(folder: Path, demo: Demo) -> Request:
    recipe = load_recipe("demo")
    training = recipe.training.lasting(demo.epochs)
    train = read_manifest(folder / "data" / "train")
    valid = read_manifest(folder / "data" / "valid", labels=train.labels)
    text = recipe.model_copy(update={"training": training}).to_yaml()
    return Request(
        train=train,
        valid=valid,
        network=recipe.network,
        training=training,
        output=folder / "model",
        seed=demo.seed,
        recipe=text,
    )


def _page(
    folder: Path,
    demo: Demo,
    tagger: Tagger,
    scored: ScoredClips,
    metrics: Mapping[str, Any],
    detected: Mapping[str, list[Event]],
) -> Report:
    network, point = network_of(tagger.model), tagger.operating_point
    history = read_log(folder / "model" / "log.csv")
    return Report(
        title="earmark demo",
        summary=(
            f"A gated CRNN learned {len(network.labels)} sounds from {demo.clips} ten-second clips with tags only. It "
            "was never given a time; below are the times that it found."
        ),
        facts={
            "recipe": "demo: gated CRNN with temporal attention (Xu et al. 2018)",
            "trained on": f"{demo.clips} synthesised clips with tags only",
            "tuned on": f"{demo.valid} clips with events",
            "measured on": f"{len(scored.clips)} other clips with events",
            "parameters": f"{network.parameter_count():,}",
            "seed": str(demo.seed),
            "training took": f"{history[-1]['seconds']:.0f} s",
        },
        metrics=metrics,
        history=history,
        operating_point=point_table(point),
        recordings=recording_views(network.rate, scored, detected, point, 4),
        command=demo.command(folder),
    )
