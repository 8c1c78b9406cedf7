"""Recorded updates are the plain ones; on a CPU nothing is recorded."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from earmark.models.network import ModelOptions, Network
from earmark.recipes import load_recipe
from earmark.training.captured import CapturedLoss
from earmark.training.module import TrainingModule

gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="PyTorch finds no GPU here")


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear, self.norm, self.unused = nn.Linear(8, 4), nn.BatchNorm1d(4), nn.Linear(2, 2)

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.dropout(self.norm(self.linear(x)), 0.5, self.training)


def loss_of(network: nn.Module) -> Any:
    return lambda features, lengths, targets: (network(features) - targets).square().mean()


def updates(network: nn.Module, captured: CapturedLoss, device: str, steps: int = 4) -> list[float]:
    optimiser = torch.optim.SGD(network.parameters(), lr=0.1)
    found = []
    for step in range(steps):
        torch.manual_seed(100 + step)
        features = torch.randn(16, 8, device=device, generator=torch.Generator(device).manual_seed(step))
        optimiser.zero_grad()
        loss = captured(features, None, torch.ones(16, 4, device=device))
        loss.backward()
        optimiser.step()
        found.append(float(loss.detach()))
    return found


def test_a_cpu_records_nothing() -> None:
    network = Small()
    captured = CapturedLoss(network, loss_of(network))
    assert not captured.usable(torch.zeros(2, 8))
    updates(network, captured, "cpu", steps=2)
    assert not captured._made


@pytest.mark.parametrize("recipe", ["default", "hong2020/gmap", "linear-head", "xu2018/gated-crnn-logmel-sed"])
def test_batches_filled_to_one_shape_learn_the_same(recipe: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Padding changes nothing: neither the loss nor a gradient. What is far shorter than a clip may be stays short."""
    torch.manual_seed(0)
    loaded = load_recipe(recipe)
    network = Network(ModelOptions(labels=("dog", "siren"), **dict(loaded.network)))
    options = loaded.training.model_copy(update={"clip_seconds": 1.0})
    module = TrainingModule(network, options, total_steps=10, seed=0)
    for part in network.modules():
        if isinstance(part, nn.Dropout):
            part.p = 0.0
    full = network.front_end.frames_in(round(network.clip_rate))
    frames, found = full - full // 5, []
    features = torch.randn(3, frames, network.front_end.bands)
    lengths = torch.tensor([frames, frames // 2, frames - 3])
    steps = 1 + int(network.steps_of(frames))
    targets = (torch.rand(3, steps, 2) if options.self_training else torch.rand(3, 2)).round()
    for filled in (False, True):
        network.zero_grad()
        given = module._filled(features, targets) if filled else (features, targets)
        assert given[0].shape[1] == (full if filled else frames)
        loss = module._loss(given[0], lengths, given[1])
        loss.backward()
        found.append([loss.detach(), *(weight.grad for weight in network.parameters() if weight.grad is not None)])
    for one, other in zip(*found, strict=True):
        assert (one - other).norm() <= 1e-4 * one.norm() + 1e-6
    assert module._filled(features[:, : full // 3], targets)[0].shape[1] == full // 3


@gpu
def test_recorded_updates_are_the_plain_ones() -> None:
    """Losses, weights and running statistics; what drops out follows from the seed of the step."""
    found = []
    for possible in (False, True):
        torch.manual_seed(0)
        network = Small().cuda()
        captured = CapturedLoss(network, loss_of(network))
        captured.possible = possible
        losses = updates(network, captured, "cuda")
        assert len(captured._made) == int(possible)
        found.append((losses, network.state_dict()))
    assert found[0][0] == pytest.approx(found[1][0], rel=1e-5)
    for name, tensor in found[0][1].items():
        torch.testing.assert_close(found[1][1][name], tensor)


@gpu
def test_gradients_are_added_up_as_without_a_recording() -> None:
    grads = []
    for possible in (False, True):
        torch.manual_seed(0)
        network = Small().cuda()
        captured = CapturedLoss(network, loss_of(network))
        captured.possible = possible
        for step in range(3):
            torch.manual_seed(step)
            (
                captured(torch.ones(16, 8, device="cuda"), None, torch.zeros(16, 4, device="cuda")) * (step + 1)
            ).backward()
        grads.append(network.linear.bias.grad)
        assert network.unused.weight.grad is None
    torch.testing.assert_close(grads[1], grads[0])


@gpu
def test_other_modes_and_shapes_are_recordings_of_their_own_and_few_are_kept() -> None:
    network = Small().cuda()
    captured = CapturedLoss(network, loss_of(network))
    for size in (4, 8, 16, 4):
        captured(torch.ones(size, 8, device="cuda"), None, torch.zeros(size, 4, device="cuda")).backward()
    assert len(captured._made) == 2


@gpu
def test_what_cannot_be_recorded_is_learned_all_the_same(caplog: pytest.LogCaptureFixture) -> None:
    network = Small().cuda()

    def loss(features: Tensor, lengths: Tensor | None, targets: Tensor) -> Tensor:
        found: Tensor = network(features)
        float(found.sum())  # waits for the device
        return (found - targets).square().mean()

    captured = CapturedLoss(network, loss)
    caplog.set_level("WARNING", logger="earmark")
    torch.manual_seed(3)
    expected = torch.rand(3, device="cuda")
    torch.manual_seed(3)
    captured(torch.ones(4, 8, device="cuda"), None, torch.zeros(4, 4, device="cuda")).backward()
    assert not captured.possible
    assert "updates are not recorded as CUDA graphs" in caplog.text
    assert network.linear.weight.grad is not None
    torch.manual_seed(3)
    torch.testing.assert_close(torch.rand(3, device="cuda"), expected)
    torch.cuda.empty_cache()  # PyTorch refuses it while it takes a recording to be under way
    other = Small().cuda()
    updates(other, CapturedLoss(other, loss_of(other)), "cuda", steps=2)
