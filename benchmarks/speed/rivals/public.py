"""Networks of PretrainedSED (Schmid et al. 2025) as their authors' code makes and runs them, from a checkout of it.

Only the networks are run, on features that the other side made: where torchaudio is missing, which their front-ends
need, an empty module stands for it.
"""

from __future__ import annotations

import importlib
import importlib.util
import pathlib
import sys
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.speed.worker import Jobs

WRAPPERS = {  # module and class
    "atst-f/strong": ("models.atstframe.ATSTF_wrapper", "ATSTWrapper"),
    "beats/strong": ("models.beats.BEATs_wrapper", "BEATsWrapper"),
}
NOT_RUN = ("torchaudio", "torchaudio.transforms", "torchaudio.compliance", "torchaudio.compliance.kaldi")


class Nothing(nn.Module):
    """In place of a front-end."""

    def __init__(self, *_: Any, **__: Any) -> None:
        super().__init__()


def wrapped(name: str, authors: str) -> nn.Module:
    """The network with its heads, at the weights of its initialisation."""
    if importlib.util.find_spec("torchaudio") is None:
        for each in NOT_RUN:
            sys.modules[each] = ModuleType(each)
        empty: Any = sys.modules["torchaudio.transforms"]
        empty.AmplitudeToDB = empty.MelSpectrogram = Nothing
        for each in NOT_RUN[1:]:
            parent, _, child = each.rpartition(".")
            setattr(sys.modules[parent], child, sys.modules[each])
    sys.path.insert(0, authors)
    module, kind = WRAPPERS[name]
    made = getattr(importlib.import_module(module), kind)()
    return importlib.import_module("models.prediction_wrapper").PredictionsWrapper(made, checkpoint=None).eval()


def start(folder: str, name: str, authors: str) -> Jobs:
    """Jobs from features on; `save` leaves a checkpoint for the other side, which then leaves features."""
    torch.manual_seed(0)
    model = wrapped(name, authors)
    place = pathlib.Path(folder)
    held: dict[str, Tensor] = {}

    def save() -> None:
        nn.init.normal_(model.strong_head.weight, std=0.1)  # scores that say something
        torch.save(model.state_dict(), place / "checkpoint.pt")

    @torch.no_grad()
    def scores() -> Tensor:
        strong, _ = model(held["features"])
        return torch.sigmoid(strong)

    def infer() -> None:
        scores()

    def load() -> None:
        features = torch.load(place / "features.pt")  # (clips, frames, bands), as their front-end scales them
        held["features"] = features.transpose(1, 2)[:, None].contiguous()
        torch.save(scores().transpose(1, 2), place / "scores.pt")

    return {"save": save, "load": load, "infer": infer}
