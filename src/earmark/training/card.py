"""What came of a training, and the model card that says so; the card of a model that was tuned again since."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from earmark import __version__
from earmark.data.records import Problem
from earmark.decisions import OperatingPoint
from earmark.decisions.tuning import Tuned, TuningReport
from earmark.files import write_text
from earmark.metrics.evaluation import Evaluation
from earmark.models.fusion import Fusion, Model
from earmark.report.model_card import ModelCard, model_card, operating_point_section, with_operating_point
from earmark.report.points import calibration_text, method_text, point_table
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


_SINCE = (
    "The operating point was changed afterwards: these figures belong to the previous one; run `earmark evaluate` for "
    "current figures."
)


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
            tuning=_chosen(trained.point, trained.tuning),
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
            tuning=_chosen(point, None),
            calibration=calibration_text(point),
            command=command,
        )
    )


def update_card(folder: Path, tuned: Tuned) -> None:
    """Bring the card of a model in `folder` up to its new operating point; a card of another make is left alone."""
    path = folder / "README.md"
    if path.is_file():
        write_text(path, retuned(path.read_text(encoding="utf-8"), tuned))


def retuned(card: str, tuned: Tuned) -> str:
    """A card with another operating point: its origin, its section, and a word of warning at the figures."""
    point = tuned.point
    card = re.sub(r"(?m)^- \*\*operating point\*\*: .*$", lambda _: f"- **operating point**: {point.origin}", card)
    card = with_operating_point(card, _section(point, tuned.report))
    if _SINCE not in card:
        card = re.sub(r"(?m)^(Measured on .*)$", lambda found: f"{found[1]} {_SINCE}", card)
    return card


def _section(point: OperatingPoint, report: TuningReport | None) -> str:
    return operating_point_section(point_table(point), _chosen(point, report), calibration_text(point))


def _chosen(point: OperatingPoint, report: TuningReport | None) -> str:
    """How the operating point finds events, and how it was chosen."""
    return f"{method_text(point)}\n{report.summary() if report else point.origin}"
