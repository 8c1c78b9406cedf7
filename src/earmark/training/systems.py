"""Systems trained one after the other and fused: what a recipe with members asks for.

    MODEL/
      recipe.yaml, training/run.json   what is followed, written first
      members/NAME/                    each system, a training of its own (`request.py`) and then a model
      operating_point.json, README.md, and last config.json: the fusion is complete

All members learn from the same clips and are validated on the same others. A run that is stopped goes on where it
stopped: a member that is finished is left alone, and the one that was being trained goes on from its checkpoint.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from earmark.decisions import FILE_NAME
from earmark.errors import DataError
from earmark.files import write_text
from earmark.models.directory import MEMBERS, load_model, write_fusion
from earmark.models.fusion import Fusion
from earmark.training.job import Reporter, Trained, tidy
from earmark.training.operating_point import decide
from earmark.training.request import Request, Run, clear, is_finished


@dataclass(frozen=True)
class Systems(Run):
    """What is to be trained and fused: requests by member's name, each into `output/members/name`."""

    members: Mapping[str, Request]
    output: Path
    recipe: str = ""  # YAML text, kept beside the model

    def asked(self) -> dict[str, Any]:
        """What makes this run this run, as plain data."""
        return {MEMBERS: {name: request.asked() for name, request in self.members.items()}}

    @property
    def first(self) -> Request:
        """The first member, whose clips are those of all."""
        return next(iter(self.members.values()))

    @property
    def seed(self) -> int:
        """What everything random follows from, in the first member and in the fusion."""
        return self.first.seed

    @property
    def operating_point(self) -> str:
        """How the fusion decides: as its members are to, where they agree; tuned, where they do not."""
        named = {request.training.operating_point for request in self.members.values()}
        return named.pop() if len(named) == 1 else "tuned"


def train_systems(
    request: Systems, train: Callable[[str, Request], object], device: str, reporter: Reporter | None = None
) -> Trained:
    """Have `train` make the members that are not finished, and tune their fusion on the validation clips.

    `ConfigError` when the directory holds another run.
    """
    fresh = request.claim()
    try:
        for name, member in request.members.items():
            if not is_finished(member.output):
                train(name, member)
    except DataError:
        if fresh:
            clear(request.output)  # nothing was trained: leave no directory that looks as if
        raise
    fusion = Fusion([load_model(member.output) for member in request.members.values()], list(request.members))
    valid, stage = request.first.valid, (reporter or Reporter()).stage
    decided = decide(fusion, valid, request.operating_point, seed=request.seed, device=device, stage=stage)
    counts = len(request.first.train), len(valid) - len(decided.problems) if valid else 0
    return Trained(fusion, decided.point, (), counts, decided.problems, decided.evaluation, decided.tuning)


def save_systems(request: Systems, trained: Trained, card: str) -> None:
    """Write what makes the directory a model, config.json last; the members are there."""
    assert isinstance(trained.model, Fusion)
    trained.point.save(request.output / FILE_NAME)
    write_text(request.output / "README.md", card)
    write_fusion(trained.model, request.output)
    tidy_systems(request)


def tidy_systems(request: Systems) -> None:
    """Clear away what only the members' trainings needed."""
    for member in request.members.values():
        tidy(member)
