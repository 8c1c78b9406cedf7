from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from earmark.encoders import Wavegram, WavegramOptions
from earmark.errors import ConfigError

BANDS, HOP = 8, 320
SMALL = {"bands": BANDS, "wave_channels": (4, 6, 12), "channels": (5, 6, 7), "pools": ((2, 2), (2, 2), (1, 1))}


def small() -> Wavegram:
    torch.manual_seed(0)
    return Wavegram(WavegramOptions(**SMALL), bands=BANDS + HOP)


def test_parameters_of_the_trunk_are_those_of_the_paper() -> None:
    """81,065,487 in all, of which the pooling has two layers: 2048 to 2048, to 527 classes."""
    with torch.device("meta"):
        encoder = Wavegram(WavegramOptions(), bands=64 + HOP)
    pooling = 2048 * 2048 + 2048 + 2048 * 527 + 527
    assert sum(p.numel() for p in encoder.parameters()) + pooling == 81_065_487
    assert encoder.reduction == 32


def normed(norm: nn.Module, x: Tensor) -> Tensor:
    return F.relu(F.batch_norm(x, norm.running_mean, norm.running_var, norm.weight, norm.bias))


def block(module: nn.Module, x: Tensor, pool: tuple[int, int]) -> Tensor:
    for layer in module.layers:
        x = normed(layer.norm, F.conv2d(x, layer.conv.weight, padding=1))
    return F.avg_pool2d(x, pool)


def as_published(encoder: Wavegram, logmel: Tensor, waveform: Tensor) -> Tensor:
    """The network for one clip (1, frames, bands), (1, samples), as PANNs' authors lay it out; embeddings."""
    branch = encoder.waveform
    a = normed(branch.norm, F.conv1d(waveform[:, None], branch.conv.weight, stride=5, padding=5))
    for layer in branch.blocks:
        a = normed(layer.norms[0], F.conv1d(a, layer.convs[0].weight, padding=1))
        a = normed(layer.norms[1], F.conv1d(a, layer.convs[1].weight, padding=2, dilation=2))
        a = F.max_pool1d(a, 4)
    a = a.reshape(1, -1, BANDS // 2, a.shape[-1]).transpose(2, 3)
    a = block(branch.last, a, (2, 1))
    bn0 = encoder.bn0
    x = F.batch_norm(logmel.transpose(1, 2), bn0.running_mean, bn0.running_var, bn0.weight, bn0.bias).transpose(1, 2)
    x = block(encoder.logmel, x[:, None], (2, 2))
    x = torch.cat([x, a], dim=1)
    for module, pool in zip(encoder.blocks, SMALL["pools"][1:], strict=True):
        x = block(module, x, pool)
    return x.mean(dim=3).transpose(1, 2)


def features_of(waveform: Tensor, logmel: Tensor) -> Tensor:
    frames = logmel.shape[1]
    samples = F.pad(waveform, (0, frames * HOP - waveform.shape[1])).reshape(1, frames, HOP)
    return torch.cat([logmel, samples], dim=2)


@torch.no_grad()
def test_it_is_the_published_network_at_lengths_that_one_takes(warm_up: Callable[..., nn.Module]) -> None:
    encoder = warm_up(small())
    waveform, logmel = torch.randn(1, 24 * HOP), torch.randn(1, 25, BANDS)
    found = encoder(features_of(waveform, logmel)).embeddings
    torch.testing.assert_close(found, as_published(encoder, logmel, waveform), atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_where_that_one_breaks_off_the_waveform_is_filled_by_a_step(warm_up: Callable[..., nn.Module]) -> None:
    encoder = warm_up(small())
    waveform, logmel = torch.randn(1, 47 * HOP), torch.randn(1, 48, BANDS)
    with pytest.raises(RuntimeError, match="Sizes of tensors must match"):
        as_published(encoder, logmel, waveform)
    found = encoder(features_of(waveform, logmel)).embeddings
    assert found.shape == (1, 12, 7)
    even = encoder(features_of(waveform[:, : 46 * HOP], logmel[:, :47])).embeddings
    torch.testing.assert_close(found[:, :6], even[:, :6], atol=1e-5, rtol=1e-5)  # far from the end nothing changes


def test_a_clip_beside_longer_ones_is_encoded_as_alone(check_alone: Callable[..., object]) -> None:
    encoder = small()
    check_alone(encoder, BANDS + HOP, [1, 9, 30, 3, 4, 7, 31, 24])
    check_alone(encoder, BANDS + HOP, [1, 2, 3])  # all shorter than a step


def test_both_branches_learn() -> None:
    encoder = small().train()
    encoder(torch.randn(3, 20, BANDS + HOP), torch.tensor([20, 9, 1])).embeddings.square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() and p.grad.any() for p in encoder.parameters())


def test_features_without_samples_are_refused() -> None:
    with pytest.raises(ValueError, match=r"wavegram needs 8 bands and the 320 samples .*logmel-waveform.*got 64 "):
        Wavegram(WavegramOptions(**SMALL), bands=64)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pools": [[2, 2]]}, r"pools \(1\) and channels \(6\)"),
        ({"channels": [4, 4], "pools": [[1, 2], [1, 1]]}, r"first entry of pools must be \(2, 2\).*got \(1, 2\)"),
        ({"wave_channels": [4, 4, 5]}, "multiple of half the 64 bands"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        WavegramOptions.parse(changes, "encoder")
