"""Public detectors as `earmark detect` opens them, with weights that are drawn by the rule of tests/hub/drawn.py."""

from __future__ import annotations

import importlib.util
import pathlib
from typing import Any

import torch

from benchmarks.speed.ours.listening import hear, opened, save
from benchmarks.speed.timing import ROOT
from benchmarks.speed.worker import Jobs
from earmark.devices import tune_allocator
from earmark.hub.importing import FAMILIES
from earmark.models.torch_engine import network_of


def drawn() -> Any:
    """The rule."""
    spec = importlib.util.spec_from_file_location("drawn", ROOT / "tests" / "hub" / "drawn.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def start(folder: str, name: str, seconds: float) -> Jobs:
    """Jobs with one clip, in float32."""
    tune_allocator()
    rule, (part, _, short) = drawn(), name.partition("/")
    family = FAMILIES[part]
    network = family.converted(rule.draw(family.expected(short), rule.SPREAD[name]), short)
    parameters, rate = network.parameter_count(), network.rate
    tagger = opened(save(network, pathlib.Path(folder) / name.replace("/", "-")), "float32")
    waveform = torch.from_numpy(rule.sound(round(seconds * rate), rate))[None]

    def scores() -> list[float]:
        """Of the clip, frame by frame where the authors' code gives frames."""
        pooled = hear(tagger, waveform)
        return (pooled.frames[0, ::5, ::13].flatten() if part == "frame-mn" else pooled.clip[0]).tolist()

    def infer() -> None:
        hear(tagger, waveform)

    def facts() -> dict[str, Any]:
        return {
            "parameters": parameters,
            "classes": len(tagger.labels),
            "step": float(network_of(tagger.model).clock.step),
        }

    return {"infer": infer, "scores": scores, "facts": facts}
