"""Every network, and what a training step computes, is traced as one graph, at any length: nothing breaks it.

The backend `eager` runs what was traced as it is: what is tested is the tracing, not a compiler.
"""

import importlib.util
from pathlib import Path
from typing import Any

import pytest
import torch

from earmark.encoders import recurrence
from earmark.models.fast import compiled
from earmark.models.network import ModelOptions, Network
from earmark.recipes import load_recipe
from earmark.training.module import TrainingModule

spec = importlib.util.spec_from_file_location("matrix", Path(__file__).parents[1] / "pooling" / "test_matrix.py")
assert spec is not None
assert spec.loader is not None
matrix: Any = importlib.util.module_from_spec(spec)
spec.loader.exec_module(matrix)

HEARING = {"wavegram": "logmel-waveform"}  # encoders that another front-end than log-mel is made for
PARTS = [
    *((HEARING.get(encoder, "logmel"), encoder, "attention") for encoder in matrix.ENCODERS),
    *((features, "mlp", "attention") for features in ("mfcc", "embedding")),
]


@pytest.fixture(autouse=True)
def as_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recurrence, "PACKING", ())
    torch.manual_seed(0)
    torch._dynamo.reset()


def network(features: str, encoder: str, pooling: str) -> Network:
    data = {
        "labels": ["dog", "siren", "speech"],
        "features": {"kind": features, **matrix.FEATURES[features]},
        "encoder": {"kind": encoder, **matrix.ENCODERS[encoder]},
        "pooling": {"kind": pooling, **matrix.POOLINGS[pooling]},
    }
    return Network(ModelOptions.parse(data, "the matrix"))


@pytest.mark.parametrize(("features", "encoder", "pooling"), PARTS, ids=["-".join(part) for part in PARTS])
def test_a_network_is_traced_whole_at_any_length(features: str, encoder: str, pooling: str) -> None:
    model = network(features, encoder, pooling).eval()
    call = compiled(model, backend="eager")
    with torch.no_grad():
        for seconds in (0.6, 0.9):
            samples = round(seconds * model.rate)
            lengths = torch.tensor([samples, samples // 2])
            waveform = 0.1 * torch.randn(2, samples) * (torch.arange(samples) < lengths[:, None])
            torch.testing.assert_close(call(waveform, lengths), model(waveform, lengths), atol=1e-5, rtol=0)


def test_what_a_training_step_computes_is_one_graph() -> None:
    recipe = load_recipe("default", ["network.encoder.channels=[8, 8]", "network.encoder.pools=[2, 4]"])
    tagger = Network(ModelOptions(labels=("dog", "siren"), **dict(recipe.network)))
    module = TrainingModule(tagger, recipe.training, total_steps=10, seed=0)
    module.train()

    class Inner(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.module = module

        def forward(self, features: torch.Tensor, lengths: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
            return self.module.loss_of(self.module.tagger.classify(features, lengths), lengths, targets)

    call = compiled(Inner(), backend="eager")
    targets = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    for frames in (8, 12):
        features, lengths = torch.randn(2, frames, 64), torch.tensor([frames, frames // 2])
        loss = call(features, lengths, targets)
        loss.backward()
    assert torch.isfinite(loss)
    assert all(torch.isfinite(weight.grad).all() for weight in tagger.parameters() if weight.grad is not None)
