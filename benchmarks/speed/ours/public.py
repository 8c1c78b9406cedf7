"""Public detectors as `earmark detect` opens them, with weights that are drawn by a rule.

The rule is that of tests/hub/drawn.py, for ATST-F and BEATs that of tests/hub/transformers.py, for YAMNet that of
tests/hub/test_yamnet.py.
"""

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

TRANSFORMERS = ("atst-f", "beats")
FRAMES = ("frame-mn/06", "frame-mn/10", "atst-f/strong", "beats/strong")  # the authors' code gives frame scores


def rule_of(file: str) -> Any:
    """A module beside the tests of the hub."""
    spec = importlib.util.spec_from_file_location(f"rule_{file}", ROOT / "tests" / "hub" / f"{file}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def start(folder: str, name: str, seconds: float) -> Jobs:
    """Jobs with one clip, in float32."""
    tune_allocator()
    rule, (part, _, short) = rule_of("drawn"), name.partition("/")
    shapes = FAMILIES[part].expected(short)
    if part == "yamnet":
        weights = {each: rule_of("test_yamnet").drawn(each, shape) for each, shape in shapes.items()}
    elif part in TRANSFORMERS:
        weights = rule_of("transformers").drawn(shapes)
    else:
        weights = rule.draw(shapes, rule.SPREAD[name])
    network = FAMILIES[part].converted(weights, short)
    parameters, rate = network.parameter_count(), network.rate
    tagger = opened(save(network, pathlib.Path(folder) / name.replace("/", "-")), "float32")
    waveform = torch.from_numpy(rule.sound(round(seconds * rate), rate))[None]

    def scores() -> list[float]:
        """Of the clip, frame by frame where the authors' code gives frames."""
        pooled = hear(tagger, waveform)
        if part == "yamnet":  # patches of the first and the last step reach beyond the clip, where theirs are cut
            return pooled.frames[0, 1:-1:5, ::13].flatten().tolist()
        return (pooled.frames[0, ::5, ::13].flatten() if name in FRAMES else pooled.clip[0]).tolist()

    def infer() -> None:
        hear(tagger, waveform)

    def facts() -> dict[str, Any]:
        return {
            "parameters": parameters,
            "classes": len(tagger.labels),
            "step": float(network_of(tagger.model).clock.step),
        }

    return {"infer": infer, "scores": scores, "facts": facts}
