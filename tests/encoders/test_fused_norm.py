"""The kernels against PyTorch's own operators, in float32; on a CPU by Triton's interpreter."""

from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from earmark.encoders import CNNOptions, CRNNOptions, build_encoder, fused_norm
from earmark.encoders.blocks import ConvBlock
from earmark.masking import MaskedBatchNorm2d, valid_steps

KINDS: list[Any] = [
    ("glu", (1, 2), False),
    ("glu", (2, 2), False),
    ("glu", (1, 1), False),
    ("relu", (1, 1), False),
    ("relu", (2, 2), True),
    ("relu", (1, 7), False),
    ("linear", (1, 1), False),
]
LENGTHS = [None, [5, 2, 1]]


def made(kind: str, channels: int, device: str) -> list[MaskedBatchNorm2d]:
    norms = [MaskedBatchNorm2d(channels).to(device) for _ in range(2 if kind == "glu" else 1)]
    for norm in norms:
        for tensor, centre in ((norm.weight, 1.0), (norm.bias, 0.0), (norm.running_mean, 0.0), (norm.running_var, 1.0)):
            assert tensor is not None
            nn.init.uniform_(tensor, centre - 0.5, centre + 0.5)
    return norms


def slowly(
    y: Tensor, norms: list[MaskedBatchNorm2d], kind: str, pool: tuple[int, int], average: bool, mask: Tensor | None
) -> Tensor:
    parts = [norm(part, mask) for norm, part in zip(norms, y.chunk(len(norms), dim=1), strict=True)]
    active = parts[0] * parts[1].sigmoid() if kind == "glu" else parts[0].relu() if kind == "relu" else parts[0]
    pooled = (nn.functional.avg_pool2d if average else nn.functional.max_pool2d)(active, pool)
    if mask is None:
        return pooled
    return pooled * valid_steps(mask.sum(1) // pool[0], pooled.shape[2])[:, None, :, None]


@pytest.mark.parametrize("lengths", LENGTHS)
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(("kind", "pool", "average"), KINDS)
def test_one_pass_is_the_operators_one_by_one(
    kind: Any, pool: tuple[int, int], average: bool, training: bool, lengths: list[int] | None, kernels_on: str
) -> None:
    torch.manual_seed(0)
    norms = made(kind, 16, kernels_on)
    others = deepcopy(norms)
    for norm in (*norms, *others):
        norm.train(training)
    mask = None if lengths is None else valid_steps(torch.tensor(lengths, device=kernels_on), 5)
    y = (2 * torch.randn(3, 16 * len(norms), 5, 7, device=kernels_on) + 1).contiguous(memory_format=torch.channels_last)
    ours, theirs = (y.clone().requires_grad_() for _ in range(2))
    out = fused_norm.normed(ours, norms, kind, pool=pool, average=average, mask=mask)
    wanted = slowly(theirs, others, kind, pool, average, mask)
    torch.testing.assert_close(out, wanted, atol=1e-5, rtol=1e-5)
    slope = torch.randn_like(wanted)
    out.backward(slope)
    wanted.backward(slope)
    torch.testing.assert_close(ours.grad, theirs.grad, atol=1e-5, rtol=1e-4)
    for norm, other in zip(norms, others, strict=True):
        for name in ("weight", "bias"):
            torch.testing.assert_close(getattr(norm, name).grad, getattr(other, name).grad, atol=1e-4, rtol=1e-4)
        for name, buffer in norm.named_buffers():
            torch.testing.assert_close(buffer, other.get_buffer(name), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("lengths", LENGTHS)
@pytest.mark.parametrize(("kind", "pool", "average"), KINDS)
def test_a_first_convolution_is_multiplied_again_in_every_kernel(
    kind: Any, pool: tuple[int, int], average: bool, lengths: list[int] | None, kernels_on: str
) -> None:
    """Gradients go to its kernels, and to what a normalisation before it gave."""
    torch.manual_seed(0)
    norms = made(kind, 16, kernels_on)
    others = deepcopy(norms)
    mask = None if lengths is None else valid_steps(torch.tensor(lengths, device=kernels_on), 5)
    x = torch.randn(3, 1, 5, 7, device=kernels_on)
    x = x if mask is None else x * mask[:, None, :, None]
    kernels = torch.randn(16 * len(norms), 1, 3, 3, device=kernels_on)
    ours, theirs = ([tensor.clone().requires_grad_() for tensor in (x, kernels)] for _ in range(2))
    rows = nn.functional.pad(ours[1].flatten(1).t(), (0, 0, 0, 7)).contiguous()
    out = fused_norm.normed(ours[0], norms, kind, pool=pool, average=average, mask=mask, first=rows)
    wanted = slowly(nn.functional.conv2d(*theirs, padding=1), others, kind, pool, average, mask)
    # A GPU multiplies float32 in TF32 here; only the interpreter is exact.
    near = {"atol": 1e-4, "rtol": 1e-4} if kernels_on == "cpu" else {"atol": 0.05, "rtol": 0.05}
    torch.testing.assert_close(out, wanted, **near)
    slope = torch.randn_like(wanted)
    out.backward(slope)
    wanted.backward(slope)
    if kernels_on == "cpu":
        for one, other in zip(ours, theirs, strict=True):
            torch.testing.assert_close(one.grad, other.grad, **near)


def test_maps_of_no_cell_and_pools_that_leave_none(kernels_on: str) -> None:
    norms = [norm.eval() for norm in made("relu", 16, kernels_on)]
    y = torch.randn(2, 16, 1, 7, device=kernels_on).contiguous(memory_format=torch.channels_last)
    assert fused_norm.normed(y, norms, "relu", pool=(2, 2), average=True).shape == (2, 16, 0, 3)


@pytest.mark.parametrize("lengths", [None, [9, 4]])
@pytest.mark.parametrize(
    "options",
    [
        CRNNOptions(channels=(16, 16), pools=(2, 2), last=32, units=16),
        CRNNOptions(channels=(16,), pools=(2,), last=32, units=16, pool_kind="average"),
        CRNNOptions(channels=(48, 96), pools=(2, 4), convs=1, last=32, units=16, layers=2),
        CNNOptions(channels=(16, 16), pools=((2, 2), (2, 2)), dropout=0.0),
    ],
    ids=["gated", "gated-average", "no-powers-of-two", "relu-average"],
)
def test_an_encoder_is_as_near_to_float32_as_without_the_kernels(
    options: Any, lengths: list[int] | None, kernels_on: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In bfloat16, in training and in evaluation; what is measured is the distance to the modules in float32."""
    torch.manual_seed(0)
    encoder: Any = build_encoder(options, 8).to(kernels_on, memory_format=torch.channels_last)
    features = torch.randn(2, 9, 8, device=kernels_on)
    valid = None if lengths is None else torch.tensor(lengths, device=kernels_on)

    def run(with_kernels: bool, bf16: bool, train: bool) -> list[Tensor]:
        monkeypatch.setattr(fused_norm, "usable", lambda x: with_kernels)
        own = deepcopy(encoder).train(train)
        with torch.set_grad_enabled(train), torch.autocast(kernels_on, dtype=torch.bfloat16, enabled=bf16):
            out = own(features, valid).embeddings
        if train:
            out.float().square().mean().backward()
        return [out.detach().float(), *(weight.grad for weight in own.parameters() if train)]

    for train in (True, False):
        exact, plain, ours = run(False, False, train), run(False, True, train), run(True, True, train)
        for there, one, other in zip(exact, plain, ours, strict=True):
            allowed = 3 * (one - there).norm() + 0.05 * there.norm() + 1e-6
            assert (other - there).norm() <= allowed


def test_kernels_are_joined_once_where_nobody_trains_them() -> None:
    convs = [nn.Conv2d(4, 8, 3, bias=False) for _ in range(2)]
    with torch.no_grad():
        first = fused_norm.side_by_side(convs, final=True)
        assert fused_norm.side_by_side(convs, final=True) is first
        convs[1].weight.mul_(2)
        second = fused_norm.side_by_side(convs, final=True)
        torch.testing.assert_close(second, torch.cat([conv.weight for conv in convs]).to(torch.bfloat16))
        assert fused_norm.side_by_side(convs) is not fused_norm.side_by_side(convs)
    assert fused_norm.side_by_side(convs).requires_grad


def test_an_optimiser_that_counts_no_versions_changes_what_is_scored(
    kernels_on: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PyTorch's fused optimisers change weights without a trace; a validation must see the new ones."""
    torch.manual_seed(0)
    block = ConvBlock(1, 16, 1, activation="relu", pool=(1, 2), pool_kind="max", dropout=0.0).to(kernels_on)
    optimiser = torch.optim.AdamW(block.parameters(), lr=0.1, fused=True)
    x = torch.randn(2, 1, 4, 8, device=kernels_on)
    with torch.autocast(kernels_on, dtype=torch.bfloat16):
        block.eval()(x).sum().backward()
        with torch.no_grad():
            before = block(x)
        optimiser.step()
        with torch.no_grad():
            after = block(x)
            monkeypatch.setattr(fused_norm, "usable", lambda x: False)
            torch.testing.assert_close(after, block(x).to(after.dtype), atol=0.05, rtol=0.05)
    assert not torch.allclose(before, after, atol=0.05)


def test_a_cpu_keeps_to_its_own_operators(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fused_norm, "layer", None)  # would fail
    block = ConvBlock(1, 16, 2, activation="glu", pool=(1, 2), pool_kind="max", dropout=0.0)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert block(torch.zeros(1, 1, 4, 8)).shape == (1, 16, 4, 4)
