import math
from collections.abc import Callable
from itertools import pairwise

import pytest
import torch
from torch import nn

from earmark.encoders import BEATs, BEATsOptions
from earmark.encoders.beats import Distances, GatedAttention, bucket_of
from earmark.errors import ConfigError

SMALL = {"width": 8, "depth": 2, "heads": 2, "hidden": 16, "patch_width": 8, "reach": 6, "groups": 2}


def small(step: int = 16, bands: int = 32, **changes: object) -> BEATs:
    torch.manual_seed(0)
    encoder = BEATs(BEATsOptions(**SMALL | {"step": step} | changes), bands=bands)
    nn.init.normal_(encoder.distances.numbers)
    for block in encoder.blocks:
        nn.init.normal_(block.attention.gate.bias)
        nn.init.normal_(block.attention.sharpness)
    return encoder.eval()


def features(clips: int, frames: int, bands: int = 32) -> torch.Tensor:
    return torch.randn(clips, frames, bands, generator=torch.Generator().manual_seed(frames)) * 10 + 15


def test_parameters_are_those_of_the_base_model() -> None:
    with torch.device("meta"):
        encoder = BEATs(BEATsOptions(), bands=128)
    width = 768
    block = 4 * (width**2 + width) + 2 * 4 * width**2 + 5 * width + 4 * width + 2 * 65 + 12
    patches = 256 * 512 + 2 * 512 + 513 * width
    places = width * (48 * 128 + 1) + 2 * width
    assert sum(p.numel() for p in encoder.parameters()) == 12 * block + patches + places + 320 * 12


@pytest.mark.parametrize(
    ("step", "frames", "steps"), [(16, 998, 62), (4, 1000, 250), (4, 100, 25), (4, 15, 3), (16, 1, 1)]
)
def test_ten_seconds_are_as_many_steps_as_published(step: int, frames: int, steps: int) -> None:
    encoder = small(step)
    assert encoder.reduction == step
    assert encoder(features(1, frames)).embeddings.shape == (1, steps, 8)


@pytest.mark.parametrize("step", [16, 4])
def test_a_clip_beside_longer_ones_is_encoded_as_alone(step: int, check_alone: Callable[..., object]) -> None:
    check_alone(small(step), 32, [1, 5, 15, 16, 17, 40, 63, 64, 79, 160])
    check_alone(small(step), 32, [1, 2, 3])  # all shorter than a patch


@torch.no_grad()
def test_a_step_of_a_patch_is_the_mean_over_its_bands() -> None:
    encoder = small(16)
    patches = encoder._transform(encoder._patches((features(1, 64) - 15.41663) / 13.11164), None)
    torch.testing.assert_close(
        encoder(features(1, 64)).embeddings[0], patches[0].unflatten(0, (4, 2)).mean(1), atol=1e-6, rtol=1e-5
    )


@torch.no_grad()
@pytest.mark.parametrize("frames", [64, 79, 90, 160, 1000])
def test_shorter_steps_share_the_patches_as_adaptive_pooling_does(frames: int) -> None:
    encoder = small(4, bands=128)
    x = features(1, frames, 128)
    patches = encoder._transform(encoder._patches((x - 15.41663) / 13.11164), None)
    pooled = nn.functional.adaptive_avg_pool1d(patches.transpose(1, 2), frames // 4).transpose(1, 2)
    torch.testing.assert_close(encoder(x).embeddings, pooled, atol=1e-6, rtol=1e-5)


@torch.no_grad()
def test_the_bias_is_the_number_of_the_distance_times_a_factor_of_the_query() -> None:
    attention = GatedAttention(width=8, heads=2)
    for parameter in attention.parameters():
        nn.init.normal_(parameter)
    queries, near = torch.randn(1, 2, 3, 4), torch.randn(2, 3, 3)
    found = attention.bias(queries, near)
    for head in range(2):
        for i in range(3):
            g, h = torch.sigmoid(attention.gate.weight @ queries[0, head, i] + attention.gate.bias)
            factor = g * (h * attention.sharpness[head] - 1) + 2
            torch.testing.assert_close(found[0, head, i], factor * near[head, i])


@torch.no_grad()
def test_distances_have_numbers_by_direction_and_far_ones_share_them() -> None:
    distances = Distances(buckets=8, farthest=10, heads=1)
    distances.numbers.copy_(torch.arange(8.0)[:, None])
    found = distances(30)[0]
    assert [found[5, 5 - back].item() for back in range(6)] == [0, 1, 2, 2, 2, 3]  # a number each below two
    assert [found[5, 5 + ahead].item() for ahead in range(1, 6)] == [5, 6, 6, 6, 7]
    assert found[29, 0] == 3  # of the farthest, and whatever lies beyond
    assert found[0, 29] == 7


@pytest.mark.parametrize(("half", "farthest"), [(160, 800), (8, 16), (16, 1280)])
def test_buckets_are_single_at_first_and_then_grow(half: int, farthest: int) -> None:
    bucket = bucket_of(half, farthest).tolist()
    assert bucket[: half // 2] == list(range(half // 2))
    assert all(0 <= after - before <= 1 or before < half // 2 for before, after in pairwise(bucket))
    assert bucket[-1] == half - 1
    for distance in range(half // 2, farthest):
        exact = half // 2 + math.log(distance / (half // 2)) / math.log(farthest / (half // 2)) * (half - half // 2)
        assert bucket[distance] == math.floor(exact + 1e-9)


def test_it_learns_in_half_precision() -> None:
    encoder = small(4).train()
    with torch.autocast("cpu", torch.bfloat16):
        out = encoder(features(3, 70), torch.tensor([70, 33, 1])).embeddings
    out.float().square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in encoder.parameters())


def test_what_is_added_starts_smaller() -> None:
    encoder = BEATs(BEATsOptions(**SMALL | {"width": 64, "depth": 32}), bands=32)
    attention = encoder.blocks[0].attention
    glorot = math.sqrt(6 / (64 + 192))
    assert attention.qkv.weight[:128].abs().max() > 0.9 * glorot
    assert attention.qkv.weight[128:].abs().max() <= 0.25 * glorot


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"step": 5}, r"step \(5\) must divide the 16 frames of a patch"),
        ({"groups": 7}, "a width of 768 cannot be divided evenly among 7 groups"),
        ({"farthest": 80}, r"farthest \(80\) must be more than a quarter of buckets \(320\)"),
    ],
)
def test_options_that_make_no_sense_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        BEATsOptions.parse(changes, "encoder")


def test_too_few_bands_are_refused() -> None:
    with pytest.raises(ValueError, match="beats needs at least 16 bands, got 8"):
        BEATs(BEATsOptions(**SMALL), bands=8)
