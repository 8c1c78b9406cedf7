"""The model card of a training."""

from __future__ import annotations

from earmark import __version__
from earmark.inference.showing import point_table
from earmark.report.model_card import ModelCard, model_card
from earmark.training.job import Request, Trained


def write_card(request: Request, trained: Trained, *, name: str, recipe: str, command: str) -> str:
    """README.md of the model directory, as text."""
    data: dict[str, str | int] = {"training clips": len(request.train), "labels": len(request.train.labels)}
    if request.valid is not None:
        data["validation clips"] = len(request.valid)
    if trained.problems:
        data["clips left out"] = len(trained.problems)
    return model_card(
        ModelCard(
            name=name,
            labels=request.train.labels.names,
            summary=f"Tags recordings and says when each event starts and stops; trained by earmark {__version__}.",
            recipe=recipe,
            rate=trained.tagger.rate,
            parameters=trained.tagger.parameter_count(),
            data=data,
            facts={"seed": str(request.seed), "operating point": trained.point.origin},
            metrics=trained.evaluation.to_json() if trained.evaluation else {},
            measured_on="the validation clips, on which the operating point was tuned as well",
            operating_point=point_table(trained.point),
            command=command,
        )
    )
