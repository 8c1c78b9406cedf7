import importlib
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from itertools import pairwise
from types import ModuleType

import pytest
import torch
from torch import nn

from earmark.encoders import CNN, CNNOptions
from earmark.errors import ConfigError
from earmark.pooling import EmbeddingPoolingOptions, FunctionOptions, build_pooling

SMALL = {"channels": (4, 6, 8), "pools": ((2, 2), (2, 2), (1, 2)), "dropout": 0.3}
CNN14 = {
    "channels": (64, 128, 256, 512, 1024, 2048),
    "pools": ((2, 2), (2, 2), (2, 2), (2, 2), (2, 2), (1, 1)),
}


def conv(inputs: int, outputs: int) -> int:
    """Parameters of a 3 x 3 convolution without bias and its normalisation."""
    return 9 * inputs * outputs + 2 * outputs


@pytest.mark.parametrize(("channels", "expected"), [((64, 128, 256, 512), 4_682_304 + 3_840 + 128)])
def test_parameters_are_those_of_the_paper(channels: tuple[int, ...], expected: int) -> None:
    with torch.device("meta"):
        encoder = CNN(CNNOptions(channels=channels), bands=64)
    assert sum(p.numel() for p in encoder.parameters()) == expected
    widths = (1, *channels)
    by_hand = sum(conv(a, b) + conv(b, b) for a, b in pairwise(widths))
    assert expected == by_hand + 2 * 64


@torch.no_grad()
@pytest.mark.parametrize(("frames", "steps"), [(400, 25), (401, 25), (399, 24), (1001, 62), (16, 1), (15, 1), (1, 1)])
def test_poolings_drop_odd_frames_and_leave_a_step(frames: int, steps: int) -> None:
    encoder = CNN(CNNOptions(channels=(2, 2, 2, 2)), bands=64).eval()
    assert encoder.reduction == 16
    assert encoder(torch.randn(1, frames, 64)).embeddings.shape == (1, steps, 2)


@pytest.mark.parametrize("smooth", [False, True])
@pytest.mark.parametrize("input_norm", [False, True])
def test_a_clip_beside_longer_ones_is_encoded_as_alone(
    smooth: bool, input_norm: bool, check_alone: Callable[..., object]
) -> None:
    encoder = CNN(CNNOptions(**SMALL, smooth=smooth, input_norm=input_norm), bands=16)
    check_alone(encoder, 16, [1, 9, 30, 3, 4, 7, 31])
    check_alone(encoder, 16, [1, 2, 3])  # all shorter than a step


def test_a_short_clip_is_filled_with_the_mean_of_every_band(warm_up: Callable[..., nn.Module]) -> None:
    encoder = warm_up(CNN(CNNOptions(**SMALL), bands=16))
    short = torch.randn(1, 3, 16)
    norm = encoder.bn0
    mean = norm.running_mean - norm.bias * (norm.running_var + norm.eps).sqrt() / norm.weight  # what becomes zero
    filled = torch.cat([short, mean.expand(1, 1, 16)], dim=1)
    torch.testing.assert_close(encoder(short).embeddings, encoder(filled).embeddings, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_the_input_norm_sees_valid_frames_alone() -> None:
    ours = CNN(CNNOptions(**SMALL), bands=16)
    x = 5 + 3 * torch.randn(2, 20, 16)
    ours(x, torch.tensor([20, 8]))
    together = torch.cat([x[0], x[1, :8]])
    torch.testing.assert_close(ours.bn0.running_mean, 0.1 * together.mean(0), atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_smoothing_adds_running_maximum_and_mean(warm_up: Callable[..., nn.Module]) -> None:
    plain, smooth = (warm_up(CNN(CNNOptions(**SMALL, smooth=smooth), bands=16)) for smooth in (False, True))
    smooth.load_state_dict(plain.state_dict())
    x = torch.randn(1, 28, 16)
    steps = plain(x).embeddings[0]
    padded = nn.functional.pad(steps, (0, 0, 1, 1))
    slow = torch.stack([padded[t : t + 3].amax(0) + padded[t : t + 3].sum(0) / 3 for t in range(len(steps))])
    torch.testing.assert_close(smooth(x).embeddings[0], slow, atol=1e-6, rtol=1e-5)


def test_it_learns_in_half_precision_in_any_layout() -> None:
    encoder = CNN(CNNOptions(**SMALL), bands=16).to(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16):
        out = encoder(torch.randn(3, 20, 16), torch.tensor([20, 9, 1])).embeddings
    out.float().square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in encoder.parameters())


def test_kernels_start_glorot() -> None:
    encoder = CNN(CNNOptions(**SMALL), bands=16)
    weight = encoder.blocks[0].layers[0].conv.weight
    assert 0.5 * (6 / (9 + 9 * 4)) ** 0.5 < weight.abs().max() <= (6 / (9 + 9 * 4)) ** 0.5


def test_sizes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"pools \(4\) and channels \(2\) must have the same number of entries"):
        CNNOptions.parse({"channels": [4, 4]}, "encoder")
    with pytest.raises(ConfigError, match=r"pools\.0\.1: .*greater than 0, got 0"):
        CNNOptions.parse({"channels": [4], "pools": [[1, 0]]}, "encoder")
    with pytest.raises(ValueError, match="15 bands are too few for these pools: they need at least 16"):
        CNN(CNNOptions(), bands=15)


@pytest.fixture(scope="module")
def reference() -> Iterator[ModuleType]:
    """The models of panns-inference, without what importing that package does (it downloads a file)."""
    pytest.importorskip("torchlibrosa", reason="torchlibrosa is not installed")
    spec = find_spec("panns_inference")
    if spec is None:
        pytest.skip("panns-inference is not installed")
    package = ModuleType("panns_reference")
    package.__path__ = list(spec.submodule_search_locations)
    sys.modules["panns_reference"] = package
    yield importlib.import_module("panns_reference.models")
    for name in [name for name in sys.modules if name.partition(".")[0] == "panns_reference"]:
        del sys.modules[name]


def take_weights(encoder: CNN, pooling: nn.Module, theirs: nn.Module) -> None:
    """Put their weights in ours, by the names in the encoder's chapter."""
    encoder.bn0.load_state_dict(theirs.bn0.state_dict())
    for i, block in enumerate(encoder.blocks):
        source = getattr(theirs, f"conv_block{i + 1}")
        for j, layer in enumerate(block.layers):
            layer.conv.load_state_dict(getattr(source, f"conv{j + 1}").state_dict())
            layer.norm.load_state_dict(getattr(source, f"bn{j + 1}").state_dict())
    pooling.hidden.linear.load_state_dict(theirs.fc1.state_dict())
    pooling.classify.load_state_dict(theirs.fc_audioset.state_dict())


@torch.no_grad()
@pytest.mark.parametrize("name", ["Cnn14", "Cnn14_DecisionLevelMax"])
def test_scores_are_those_of_the_reference(name: str, reference: ModuleType, warm_up: Callable[..., nn.Module]) -> None:
    torch.manual_seed(0)
    theirs = getattr(reference, name)(32_000, 1024, 320, 64, 50, 14_000, 527)
    theirs = warm_up(theirs)
    frames_too = name != "Cnn14"
    encoder = CNN(CNNOptions(**CNN14, smooth=frames_too), bands=64)
    options = FunctionOptions(kind="max", hidden=2048) if frames_too else EmbeddingPoolingOptions(
        kind="max-average", hidden=2048
    )  # fmt: skip
    pooling = build_pooling(options, 2048, 527)
    take_weights(encoder.eval(), pooling.eval(), theirs)

    waveform = 0.1 * torch.randn(2, 32_000)
    logmel = theirs.logmel_extractor(theirs.spectrogram_extractor(waveform))[:, 0]  # (batch, 101, 64)
    found, expected = pooling(encoder(logmel).embeddings), theirs(waveform)
    assert expected["clipwise_output"].std() > 1e-3  # there is something to agree about
    torch.testing.assert_close(found.clip, expected["clipwise_output"], atol=1e-5, rtol=0)
    if frames_too:
        repeated = found.frames.repeat_interleave(32, dim=1)
        torch.testing.assert_close(repeated, expected["framewise_output"][:, :96], atol=1e-5, rtol=0)
