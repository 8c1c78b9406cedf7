"""`earmark export`: a twin beside the weights, and the same events from it."""

from collections.abc import Callable
from pathlib import Path

import pytest


def test_the_twin_lies_beside_the_weights_and_finds_the_same(earmark: Callable, model: Path, collection: Path) -> None:
    ran = earmark("export", model)
    assert (ran.code, ran.err) == (0, f"wrote {model / 'model.onnx'}\n")
    words = ("detect", collection / "dev" / "audio" / "dev00.wav", "-m", model)
    torch, onnx = (earmark(*words, "--engine", name, "--precision", "float32") for name in ("torch", "onnx"))
    assert (torch.code, onnx.code) == (0, 0)
    one, other = ([line.rsplit(",", 1) for line in ran.out.splitlines()[1:]] for ran in (torch, onnx))
    assert [event for event, _ in one] == [event for event, _ in other]  # recording, times, label
    assert [float(score) for _, score in one] == pytest.approx([float(score) for _, score in other], abs=1e-4)


def test_what_is_no_model_is_refused(earmark: Callable, tmp_path: Path) -> None:
    ran = earmark("export", tmp_path)
    assert ran.code == 2
    assert ran.err.startswith(f"earmark: {tmp_path}")
