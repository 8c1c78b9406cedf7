"""The demo: the whole road on sounds made on the spot.

DIR/data/        the synthesised data set: train (tags only), valid and test (with events)
DIR/model/       the trained model
DIR/report.html  what it reaches on the test recordings, with pictures and sounds
"""

from __future__ import annotations

import json
import shlex
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from earmark.data.manifest import read_manifest
from earmark.data.synthetic import make_dataset
from earmark.files import write_text
from earmark.inference import Pipeline
from earmark.inference.labelled import evaluate_scored, score_clips
from earmark.inference.showing import point_table, read_log, recording_views
from earmark.recipes.recipe import load_recipe
from earmark.report.page import Report, write_report
from earmark.training.card import write_card
from earmark.training.job import Reporter, Request, is_finished, save_model, train_model
from earmark.training.loop import Machine


@dataclass(frozen=True)
class Demo:
    """How large a demo is; the defaults take about two minutes on two cores."""

    clips: int = 320  # to train on
    valid: int = 80  # to tune on
    test: int = 80  # to measure on
    epochs: int | None = None  # None: the recipe's
    seed: int = 0


def run_demo(folder: Path, demo: Demo, machine: Machine, reporter: Reporter) -> dict[str, Any]:
    """Run the demo into `folder`; returns the metrics on the test recordings.

    A demo that was stopped goes on where it stopped; a finished one is measured again.
    """
    began = time.monotonic()
    data, model = folder / "data", folder / "model"
    make_dataset(
        data, demo.clips, demo.valid, demo.test, seed=demo.seed, progress=reporter.stage("synthesising sounds")
    )
    recipe = load_recipe("demo")
    training = recipe.training.lasting(demo.epochs)
    train = read_manifest(data / "train")
    valid = read_manifest(data / "valid", labels=train.labels)
    text = recipe.model_copy(update={"training": training}).to_yaml()
    request = Request(train, valid, recipe.network, training, model, demo.seed, text)
    command = f"earmark demo -o {shlex.quote(str(folder))} --seed {demo.seed}"
    if is_finished(model):
        request.check_same()
    else:
        trained = train_model(request, machine, reporter)
        save_model(request, trained, write_card(request, trained, name="demo", recipe="demo", command=command))
    pipeline = Pipeline.from_pretrained(model, device=machine.device)
    test = read_manifest(data / "test", labels=pipeline.labels)
    scored = score_clips(pipeline.scorer, test, reporter.stage("scoring test recordings"))
    evaluation, detected = evaluate_scored(scored, pipeline.operating_point)
    metrics = evaluation.to_json()
    tagger, point = pipeline.tagger, pipeline.operating_point
    page = Report(
        title="earmark demo",
        summary=f"A gated CRNN learned {len(train.labels)} sounds from {len(train)} ten-second clips that said only "
        "which sounds they hold. It never saw a time; below is when it says they start and stop.",
        facts={
            "recipe": "demo: gated CRNN with temporal attention (Xu et al. 2018)",
            "trained on": f"{len(train)} synthesised clips with tags only",
            "tuned on": f"{len(valid)} clips with events",
            "measured on": f"{len(scored.clips)} other clips with events",
            "parameters": f"{tagger.parameter_count():,}",
            "seed": str(demo.seed),
            "took": f"{time.monotonic() - began:.0f} s",
        },
        metrics=metrics,
        history=read_log(model / "log.csv"),
        operating_point=point_table(point),
        recordings=recording_views(tagger, scored, detected, point, 4),
        command=command,
    )
    write_report(folder / "report.html", page)
    write_text(folder / "metrics.json", evaluation_json(metrics))
    return metrics


def evaluation_json(metrics: dict[str, Any]) -> str:
    """Metrics as the text of a JSON file."""
    return json.dumps(metrics, indent=2, ensure_ascii=False) + "\n"
