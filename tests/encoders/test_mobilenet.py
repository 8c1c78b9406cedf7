from collections.abc import Callable
from fractions import Fraction

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from earmark.encoders import Encoded, MobileNet, MobileNetOptions
from earmark.encoders.contract import rest_of, shift_of
from earmark.encoders.mobilenet import SqueezeExcitation, even_sigmoid, over_all, rounded

SMALL = MobileNetOptions(width=0.1, blocks=6)


@torch.no_grad()
@pytest.mark.parametrize(("steps", "reduction"), [("coarse", 32), ("fine", 4)])
def test_a_clip_has_a_step_for_every_stretch_it_begins(
    warm_up: Callable[..., nn.Module], steps: str, reduction: int
) -> None:
    encoder = warm_up(MobileNet(MobileNetOptions(width=0.1, steps=steps), bands=128))
    assert (encoder.reduction, rest_of(encoder)) == (reduction, reduction - 1)
    for frames in (1, 3, 31, 32, 33, 100):
        embeddings, lengths = encoder(torch.randn(1, frames, 128))
        assert embeddings.shape == (1, -(-frames // reduction), encoder.channels)
        assert lengths is None


@pytest.mark.parametrize("steps", ["coarse", "fine"])
def test_a_clip_is_the_same_alone_and_beside_longer_ones(check_alone: Callable[..., Encoded], steps: str) -> None:
    encoder = MobileNet(SMALL.model_copy(update={"steps": steps}), bands=64)
    together = check_alone(encoder, 64, [50, 9, 1, 33])
    for embeddings, valid in zip(together.embeddings, together.lengths, strict=True):
        assert not embeddings[valid:].any()


@torch.no_grad()
def test_a_step_sees_nothing_that_is_far_away_but_for_the_weighing_of_channels(
    warm_up: Callable[..., nn.Module],
) -> None:
    """Blocks without squeeze and excitation look around themselves alone; the clock's shift puts them in the middle."""
    encoder = warm_up(MobileNet(MobileNetOptions(width=0.1, steps="fine", blocks=3), bands=64))
    features = torch.randn(1, 80, 64)
    changed = features.clone()
    changed[0, 40] += 1.0
    moved = (encoder(changed).embeddings - encoder(features).embeddings)[0].abs().amax(dim=1)
    seen = moved.nonzero().flatten().tolist()
    assert (seen[0], seen[-1]) == (8, 12)  # around step 10, which has its middle on frame 40


def test_the_coarse_clock_has_step_0_around_frame_0() -> None:
    coarse = MobileNet(SMALL, bands=64)
    assert shift_of(coarse) == Fraction(1 - coarse.reduction, 2)
    assert shift_of(MobileNet(SMALL.model_copy(update={"steps": "fine"}), bands=64)) == Fraction(1, 2)


@torch.no_grad()
def test_channels_are_weighed_by_their_means() -> None:
    squeeze = SqueezeExcitation(16)
    x = torch.randn(2, 16, 5, 3)
    means = x.mean(dim=(2, 3))
    inner = torch.clamp(means @ squeeze.narrow.weight.T + squeeze.narrow.bias, min=0)
    weights = 1 / (1 + torch.exp(-(inner @ squeeze.wide.weight.T + squeeze.wide.bias)))
    expected = x * weights[:, :, None, None]
    torch.testing.assert_close(squeeze(x.clone(), None), expected)


def test_a_mean_leaves_out_what_is_beyond_the_end() -> None:
    x = torch.tensor([[[[1.0, 3.0], [5.0, 7.0], [90.0, 90.0]]]])  # (1, 1, 3, 2)
    assert over_all(x, torch.tensor([2])).item() == 4.0
    assert over_all(x, torch.tensor([3])).item() == over_all(x, None).item()


@pytest.mark.parametrize(("wanted", "given"), [(1, 8), (12, 16), (19, 24), (20, 24), (100, 104), (576, 576)])
def test_channels_are_multiples_of_eight_and_never_a_tenth_too_few(wanted: int, given: int) -> None:
    assert rounded(wanted) == given
    assert rounded(wanted) >= 0.9 * wanted


def test_statistics_are_of_valid_steps_alone() -> None:
    """Trained on a padded clip, the normalisations learn what they learn of the clip alone."""
    clip = torch.randn(1, 32, 64)
    alone, padded = (MobileNet(SMALL, bands=64).train() for _ in range(2))
    padded.load_state_dict(alone.state_dict())
    alone(clip)
    padded(nn.functional.pad(clip, (0, 0, 0, 32)), torch.tensor([32]))
    theirs = dict(padded.named_buffers())
    for name, buffer in alone.named_buffers():
        torch.testing.assert_close(buffer, theirs[name], atol=1e-4, rtol=1e-3)


@given(size=st.integers(1, 100), at=st.integers(0, 40))
@torch.no_grad()
def test_a_weight_is_the_same_at_every_place_of_an_array(size: int, at: int) -> None:
    x = 3 * torch.randn(200, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(even_sigmoid(x[at : at + size].clone()), even_sigmoid(x)[at : at + size], rtol=0, atol=0)
    torch.testing.assert_close(even_sigmoid(x), torch.sigmoid(x), rtol=1e-6, atol=0)
    assert even_sigmoid(torch.tensor([-200.0, 0.0, 200.0])).tolist() == [0.0, 0.5, 1.0]
