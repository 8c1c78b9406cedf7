"""The operating point of a model that was just trained: chosen on the validation clips, or one there is by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from earmark.data.records import Manifest, Problem
from earmark.decisions import OperatingPoint
from earmark.decisions.operating_point import named_point
from earmark.decisions.tuning import TuningReport
from earmark.evaluation.labelled import evaluate_scored, score_clips
from earmark.evaluation.tuning import tune
from earmark.metrics.evaluation import Evaluation
from earmark.models.fusion import Model
from earmark.models.network import Network
from earmark.models.torch_engine import engine_of
from earmark.reporter import Progress
from earmark.runtime.scorer import Scorer
from earmark.training.kept import Kept, KeptEngine


@dataclass(frozen=True)
class ChosenPoint:
    """How a model decides, and how it does so on the validation clips."""

    point: OperatingPoint
    evaluation: Evaluation | None = None  # None without validation clips
    tuning: TuningReport | None = None  # None for a point by name
    problems: tuple[Problem, ...] = ()  # validation clips left out


def choose_point(
    model: Model,
    valid: Manifest | None,
    named: str,
    *,
    seed: int,
    device: str,
    stage: Callable[[str], Progress | None],
    kept: Kept | None = None,
) -> ChosenPoint:
    """The operating point from the validation clips where `named` is "tuned", else the one of that name.

    What the encoder of a network says of the clips is taken from `kept`, and kept there.
    """
    model.eval()
    if valid is None:
        return ChosenPoint(named_point("default" if named == "tuned" else named, model.labels))
    if kept is not None and isinstance(model, Network):
        scorer = Scorer(KeptEngine(model, device, kept))
    else:
        scorer = Scorer(engine_of(model, device))
    scored = score_clips(scorer, valid.with_labels(model.labels), stage("scoring validation clips"))
    if named != "tuned":
        point = named_point(named, model.labels)
        return ChosenPoint(point, evaluate_scored(scored, point)[0], None, scored.problems)
    tuned = tune(scored, data="the validation clips", seed=seed)
    return ChosenPoint(tuned.point, evaluate_scored(scored, tuned.point)[0], tuned.report, scored.problems)
