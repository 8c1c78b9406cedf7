"""What came of a training, and the model card that says so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from earmark import __version__
from earmark.data.records import Problem
from earmark.decisions import OperatingPoint
from earmark.decisions.tuning import TuningReport
from earmark.metrics.evaluation import Evaluation
from earmark.models.fusion import Fusion, Model
from earmark.report.model_card import ModelCard, how_chosen, model_card
from earmark.report.points import calibration_text, point_table
from earmark.training.request import FusedRequest, Request

if TYPE_CHECKING:
    from earmark.training.callbacks import Row


@dataclass(frozen=True)
class Trained:
    """What came of it."""

    model: Model
    point: OperatingPoint
    history: Sequence[Row]
    clips: tuple[int, int]  # trained on, validated on
    problems: tuple[Problem, ...]  # clips and labels left out
    evaluation: Evaluation | None  # on the validation clips, at the tuned operating point
    tuning: TuningReport | None
    unlabelled: int = 0  # clips without labels that a student was trained on as well


def write_card(request: Request | FusedRequest, trained: Trained, *, name: str, recipe: str, command: str) -> str:
    """README.md of the model directory, as text."""
    trained_on, validated_on = trained.clips
    data: dict[str, str | int] = {"training clips": trained_on, "labels": len(trained.model.labels)}
    if validated_on:
        data["validation clips"] = validated_on
    if trained.unlabelled:
        data["clips without labels"] = trained.unlabelled
    if trained.problems:
        data["left out"] = f"{len(trained.problems)} clips or labels"
    return model_card(
        ModelCard(
            name=name,
            labels=trained.model.labels.names,
            summary=f"Tags recordings and says when each event starts and stops; trained by earmark {__version__}.",
            recipe=recipe,
            rate=trained.model.rate,
            parameters=trained.model.parameter_count(),
            data=data,
            facts={
                **_origin(request),
                **_taught(request),
                **_members(trained.model),
                **_seeds(request),
                "operating point": trained.point.origin,
            },
            metrics=trained.evaluation.to_json() if trained.evaluation else {},
            measured_on="the validation clips, on which the operating point was also tuned (optimistic)",
            operating_point=point_table(trained.point),
            tuning=how_chosen(trained.point, trained.tuning),
            calibration=calibration_text(trained.point),
            command=command,
        )
    )


def _origin(request: Request | FusedRequest) -> dict[str, str]:
    if isinstance(request, FusedRequest) or request.source is None:
        return {}
    return {"fine-tuned from": request.source.describe()}


def _taught(request: Request | FusedRequest) -> dict[str, str]:
    if isinstance(request, FusedRequest) or request.training.self_training is None:
        return {}
    return {"self-training": "a student, trained on the times that a teacher of the same recipe found for each tag"}


def _seeds(request: Request | FusedRequest) -> dict[str, str]:
    members = request.members.values() if isinstance(request, FusedRequest) else [request]
    seeds = sorted({member.seed for member in members})
    return {"seeds" if len(seeds) > 1 else "seed": ", ".join(map(str, seeds))}


def _members(model: Model) -> dict[str, str]:
    return {"mean of the scores of": ", ".join(model.names)} if isinstance(model, Fusion) else {}


def fused_card(fusion: Fusion, point: OperatingPoint, *, name: str, command: str) -> str:
    """README.md of models that were fused as they are, as text."""
    return model_card(
        ModelCard(
            name=name,
            labels=fusion.labels.names,
            summary="Several models fused: the scores are the mean of their scores.",
            rate=fusion.rate,
            parameters=fusion.parameter_count(),
            facts={**_members(fusion), "operating point": point.origin},
            operating_point=point_table(point),
            tuning=how_chosen(point, None),
            calibration=calibration_text(point),
            command=command,
        )
    )
