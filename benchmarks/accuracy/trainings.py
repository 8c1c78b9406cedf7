"""Many trainings, each a process of one thread, some at once; what is done is never done again.

    OUTPUT/
      models/NAME-SEED/         a model directory, or a training that goes on where it stopped
      figures/NAME-SEED.json    what `crossing.py` found; remove it to have the model judged anew
      logs/NAME-SEED.txt        what the processes said

A training that fails is told of, and the others go on.
"""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from benchmarks.accuracy.crossing import FIGURES
from benchmarks.sections import mean_and_range
from earmark.errors import EarmarkError
from earmark.recipes import load_recipe
from earmark.training.request import is_finished

Found = dict[str, float]  # figures, minutes, parameters
ROOT = pathlib.Path(__file__).parents[2]
MINUTES = "Minutes: duration of one training at the speed of its fastest epochs, one thread, shared machine."


@dataclass(frozen=True)
class Training:
    """A model to be made and judged."""

    name: str
    seed: int
    command: tuple[str, ...]  # after the interpreter; -o, --seed and --set are added
    changes: tuple[str, ...] = ()  # of the recipe
    recipe: str = "default"

    @property
    def key(self) -> str:
        return f"{self.name}-{self.seed}"


@dataclass(frozen=True)
class Place:
    """Where trainings lie, and what they are judged on."""

    folder: pathlib.Path
    dev: pathlib.Path

    def model(self, training: Training) -> pathlib.Path:
        return self.folder / "models" / training.key

    def figures(self, training: Training) -> pathlib.Path:
        return self.folder / "figures" / f"{training.key}.json"


def train_command(data: pathlib.Path, precision: str, *more: str) -> tuple[str, ...]:
    """`earmark train` on all clips of a table, from random weights: none is set aside, and none is copied."""
    whole = ("--valid-fraction", "0", "--cache", "off", "--from", "none")
    return "-m", "earmark", "train", str(data), *whole, "--precision", precision, "--quiet", *more


def train_all(trainings: Sequence[Training], place: Place, jobs: int) -> list[str]:
    """Train and judge whatever is not done yet, so many at once; what went wrong, a line each."""
    with ThreadPoolExecutor(jobs) as pool:
        return [line for line in pool.map(lambda one: _train(one, place), trainings) if line]


def _train(training: Training, place: Place) -> str:
    """Empty where all went well."""
    model = place.model(training)
    log = place.folder / "logs" / f"{training.key}.txt"
    log.parent.mkdir(parents=True, exist_ok=True)
    try:
        load_recipe(training.recipe, training.changes)  # refuses what cannot be
        if is_finished(model):
            if not _follows(model / "recipe.yaml", training):
                return f"{training.key}: {model} was trained otherwise; remove it, or give another folder"
        else:
            _run([*training.command, "-o", str(model), "--seed", str(training.seed), *_set(training)], log)
        if not place.figures(training).is_file():
            _run(
                ["-m", "benchmarks.accuracy.crossing", str(model), str(place.dev), "-o", str(place.figures(training))],
                log,
            )
    except (EarmarkError, OSError, RuntimeError) as error:
        print(f"{training.key} FAILED: {error}", file=sys.stderr, flush=True)
        return f"{training.key}: {error}"
    return ""


def _set(training: Training) -> list[str]:
    return ["--recipe", training.recipe, *(word for change in training.changes for word in ("--set", change))]


def _run(command: list[str], log: pathlib.Path) -> None:
    """Run a program of one thread; `RuntimeError` with its last words where it fails."""
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)]),
    }
    began = time.perf_counter()
    with log.open("a") as file:
        failed = subprocess.run([sys.executable, *command], env=environment, stdout=file, stderr=file, check=False)
    if failed.returncode:
        said = [line for line in log.read_text().splitlines() if line.strip()]
        raise RuntimeError(f"{said[-1] if said else 'no word'} (see {log})")
    did = "judged" if "benchmarks.accuracy.crossing" in command else "trained"
    print(f"{log.stem}: {did} in {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)


def seeds_of(place: Place, name: str, asked: Training | None = None) -> dict[int, Found]:
    """The figures of a name so far, by seed; with `asked`, those trained as it is and no others."""
    runs = {}
    for path in sorted((place.folder / "figures").glob(f"{name}-*.json")):
        seed = path.stem.removeprefix(f"{name}-")
        followed = place.folder / "models" / path.stem / "recipe.yaml"
        if seed.isdecimal() and (asked is None or not followed.is_file() or _follows(followed, asked)):
            runs[int(seed)] = json.loads(path.read_text())
    return runs


def _follows(recipe: pathlib.Path, asked: Training) -> bool:
    """Whether a recipe says what is asked for; keys that it was written without have their defaults."""
    try:
        found, wanted = load_recipe(str(recipe)), load_recipe(asked.recipe, asked.changes)
    except EarmarkError:
        return False
    return (found.network, found.training) == (wanted.network, wanted.training)


def row(name: str, runs: dict[int, Found], baseline: dict[int, Found] | None) -> str:
    """A row of a table: means over seeds, half their range, and the difference to the baseline with the same seeds."""
    cells = []
    for figure in FIGURES:
        values = [found[figure.name] for found in runs.values()]
        cell = mean_and_range(values)
        common = [seed for seed in runs if baseline and seed in baseline]
        if baseline and common and runs is not baseline:
            gains = [runs[seed][figure.name] - baseline[seed][figure.name] for seed in common]
            cell += f" ({np.mean(gains):+.3f})"
        cells.append(cell)
    spent = np.mean([found["minutes"] for found in runs.values()])
    size = next(iter(runs.values()))["parameters"]
    return f"| {name} | {' | '.join(cells)} | {spent:.1f} | {size / 1000:,.0f} k | {len(runs)} |"


def header(first: str) -> list[str]:
    """Head of a table of such rows."""
    names = [first, *(figure.name for figure in FIGURES), "minutes", "parameters", "seeds"]
    return ["| " + " | ".join(names) + " |", "|---" * len(names) + "|"]
