from collections.abc import Callable

import pytest
import torch
from torch import nn

from earmark.encoders import ATST, ATSTOptions
from earmark.errors import ConfigError

SMALL = {"width": 8, "depth": 2, "heads": 2, "hidden": 16, "places": 6}


@pytest.fixture
def small() -> ATST:
    torch.manual_seed(0)
    return ATST(ATSTOptions(**SMALL), bands=16).eval()


def decibels(clips: int, frames: int, bands: int = 16) -> torch.Tensor:
    return torch.randn(clips, frames, bands, generator=torch.Generator().manual_seed(frames)) * 20 - 15


def test_parameters_are_those_of_the_base_model() -> None:
    """A block: four matrices of the width squared, of which one has a bias; two of 4 x that; two normalisations."""
    with torch.device("meta"):
        encoder = ATST(ATSTOptions(), bands=64)
    width = 768
    block = 4 * width**2 + width + 2 * 4 * width**2 + 5 * width + 4 * width
    assert sum(p.numel() for p in encoder.parameters()) == 12 * block + (256 + 1) * width + 250 * width + 2 * width


def test_a_clip_beside_longer_ones_is_encoded_as_alone(small: ATST, check_alone: Callable[..., object]) -> None:
    check_alone(small, 16, [1, 3, 4, 9, 23, 24, 25, 30, 61])  # some longer than there are places
    check_alone(small, 16, [1, 2, 3])  # all shorter than a step


@torch.no_grad()
def test_what_is_longer_falls_into_stretches_that_are_encoded_alone(small: ATST) -> None:
    x = decibels(1, 61)
    whole = small(x).embeddings
    assert whole.shape == (1, 15, 8)
    pieces = [small(x[:, begin : begin + 24]).embeddings for begin in (0, 24, 48)]
    torch.testing.assert_close(whole, torch.cat(pieces, dim=1), atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_places_tell_steps_apart(small: ATST) -> None:
    """Of a sound that never changes all steps would be alike."""
    same = torch.full((1, 24, 16), -10.0)
    assert not torch.allclose(small(same).embeddings[0, 0], small(same).embeddings[0, 1], atol=1e-3)
    nn.init.zeros_(small.places)
    torch.testing.assert_close(small(same).embeddings[0, 0], small(same).embeddings[0, 1], atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_faint_and_loud_values_are_cut(small: ATST) -> None:
    x = decibels(1, 12)
    x[0, 0, 0], x[0, 0, 1] = -50.0, 80.0
    beyond = x.clone()
    beyond[0, 0, 0], beyond[0, 0, 1] = -99.0, 200.0
    torch.testing.assert_close(small(beyond).embeddings, small(x).embeddings)
    x[0, 0, 0] = -40.0
    assert not torch.allclose(small(beyond).embeddings, small(x).embeddings, atol=1e-4)


def test_it_learns_in_half_precision(small: ATST) -> None:
    with torch.autocast("cpu", torch.bfloat16):
        out = small.train()(decibels(3, 30), torch.tensor([30, 9, 1])).embeddings
    out.float().square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in small.parameters())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"least": 90}, r"least \(90\.0\) must be below most \(80\.0\)"),
        ({"low": 60}, r"low \(60\.0\) must be below high \(50\.6842\)"),
        ({"depth": 0}, "depth"),
    ],
)
def test_options_that_make_no_sense_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ATSTOptions.parse(changes, "encoder")
