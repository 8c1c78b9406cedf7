import itertools

import pytest
import torch
from torch import nn

from earmark.encoders import Encoder, Xu2018, Xu2018Options, build_encoder
from earmark.errors import ConfigError
from earmark.masking import MaskedBatchNorm2d

HEAD = 256 * 17 + 17  # a linear layer to 17 classes
BASELINE = {"recurrence": "relu", "last_pools": (3, 2)}


def count(bands: int = 64, **options: object) -> int:
    return sum(p.numel() for p in build_encoder(Xu2018Options(**options), bands).parameters())


@pytest.mark.parametrize(
    ("options", "heads", "published"),
    [
        ({}, HEAD, 1_188_753),
        ({"variant": "v2"}, HEAD, 1_262_737),
        ({"time_pooling": False}, HEAD + 17 * 17 + 17, 1_189_059),
        ({"variant": "v2", "time_pooling": False}, 2 * HEAD, 1_267_106),
        ({"activation": "linear", **BASELINE}, HEAD, 670_417),
        ({"activation": "relu", **BASELINE}, HEAD, 670_417),
    ],
)
def test_parameters_are_those_of_the_authors_code(options: dict[str, object], heads: int, published: int) -> None:
    """docs/papers/xu2018.md, section 2.8."""
    assert count(**options) + heads == published
    if options.get("recurrence") is None:  # three poolings by 2, then 2 and 4: 120 bands end at one as well
        assert count(bands=120, **options) == count(**options)


@pytest.mark.parametrize(
    ("options", "bands", "frames", "steps"),
    [
        ({}, 64, 240, 30),
        ({}, 120, 240, 30),
        ({}, 64, 47, 5),
        ({"time_pooling": False}, 64, 47, 47),
        ({"variant": "v2"}, 64, 16, 2),
        ({"variant": "paper"}, 64, 240, 30),
        ({"variant": "paper", "time_pooling": False}, 40, 9, 9),
        ({"activation": "linear", **BASELINE}, 64, 240, 30),
        ({"cell": "torch"}, 64, 24, 3),
        ({"cell": "torch", "recurrence": "tanh"}, 64, 24, 3),
    ],
)
@torch.no_grad()
def test_time_is_pooled_for_tagging_alone(options: dict[str, object], bands: int, frames: int, steps: int) -> None:
    encoder = Xu2018(Xu2018Options(**options), bands).eval()
    assert isinstance(encoder, Encoder)
    assert encoder.reduction == (1 if options.get("time_pooling") is False else 8)
    assert encoder(torch.randn(2, frames, bands)).embeddings.shape == (2, steps, encoder.channels) == (2, steps, 256)


@torch.no_grad()
@pytest.mark.parametrize(("cell", "time_pooling"), list(itertools.product(["keras", "torch"], [True, False])))
@pytest.mark.parametrize("variant", ["paper", "code2017"])
def test_a_clip_beside_longer_ones_is_encoded_as_alone(variant: str, cell: str, time_pooling: bool) -> None:
    torch.manual_seed(0)
    encoder = Xu2018(Xu2018Options(variant=variant, cell=cell, time_pooling=time_pooling), bands=64)
    encoder(torch.randn(4, 24, 64))  # gives the normalisations something to shift by
    encoder.eval()
    lengths = torch.tensor([3, 21, 40, 15])
    batch = torch.zeros(4, 40, 64)
    for row, length in zip(batch, lengths, strict=True):
        row[:length] = torch.randn(length, 64)
    together = encoder(batch, lengths)
    wanted = [1, 2, 5, 1] if time_pooling else lengths.tolist()
    assert together.lengths.tolist() == wanted
    for row, (length, steps) in enumerate(zip(lengths.tolist(), wanted, strict=True)):
        alone = encoder(batch[row : row + 1, :length]).embeddings[0]
        assert len(alone) == steps
        torch.testing.assert_close(together.embeddings[row, :steps], alone, atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_the_gated_recurrence_is_the_product_of_two() -> None:
    encoder = Xu2018(Xu2018Options(), bands=64).eval()
    x = torch.randn(2, 48, 64)
    heard: list[torch.Tensor] = []
    encoder.recurrent.register_forward_hook(lambda module, inputs, states: heard.append(states))
    embeddings = encoder(x).embeddings
    assert encoder.recurrent.candidates == ("linear", "sigmoid")
    torch.testing.assert_close(embeddings, heard[0][0] * heard[0][1])


@torch.no_grad()
def test_a_sigmoid_candidate_of_torchs_cell_gates() -> None:
    encoder = Xu2018(Xu2018Options(cell="torch"), bands=64).eval()
    gate = encoder.recurrent(10 * torch.randn(2, 30, 256))[1]
    assert 0 <= gate.min() < 0.2 < 0.8 < gate.max() <= 1


def test_layers_start_and_normalise_as_in_keras() -> None:
    encoder = Xu2018(Xu2018Options(), bands=64)
    norms = [module for module in encoder.modules() if isinstance(module, MaskedBatchNorm2d)]
    assert len(norms) == 2 * 7  # linear part and gate of each
    assert {(norm.eps, norm.momentum) for norm in norms} == {(1e-3, 0.01)}
    kernels = {name: p for name, p in encoder.named_parameters() if name.endswith("conv.weight")}
    for kernel in kernels.values():
        outputs, inputs = kernel.shape[:2]
        fan_out = outputs if outputs == 256 else 2 * outputs  # linear part and gate were one convolution
        limit = (6 / (9 * (inputs + fan_out))) ** 0.5
        assert 0.95 * limit < kernel.abs().max() <= limit
    assert isinstance(encoder.last, nn.Module)
    assert not encoder.last.conv.bias.any()


@pytest.mark.parametrize(("bands", "pools"), [(40, (2, 4)), (128, (2, 4)), (64, (2, 2))])
def test_bands_that_do_not_end_at_one_are_refused(bands: int, pools: tuple[int, int]) -> None:
    with pytest.raises(
        ValueError, match=r"must leave one band, but these leave [02]; last_pools \(2, [24]\) suit 64 bands"
    ):
        Xu2018(Xu2018Options(last_pools=pools), bands)


def test_an_unknown_variant_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"variant.*'paper', 'code2017' or 'v2'"):
        Xu2018Options.parse({"variant": "code2018"}, "encoder")
