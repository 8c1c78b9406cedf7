import pytest
import torch
from torch import nn

from earmark.masking import MaskedBatchNorm2d, valid_steps

LENGTHS = torch.tensor([7, 3, 1, 12])


def batch() -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return 3 + 2 * torch.randn(4, 5, 12, 6, generator=generator)


def together(x: torch.Tensor) -> torch.Tensor:
    """The valid steps of all clips, one after the other, as one clip (1, channels, steps, bands)."""
    return torch.cat([clip[:, :length] for clip, length in zip(x, LENGTHS, strict=True)], dim=1)[None]


def test_steps_up_to_the_length_are_valid() -> None:
    assert valid_steps(torch.tensor([0, 1, 3]), 3).int().tolist() == [[0, 0, 0], [1, 0, 0], [1, 1, 1]]


def test_statistics_are_those_of_the_valid_steps_alone() -> None:
    """The slow way: all valid steps put together into one clip, through torch's own layer."""
    ours, slow = MaskedBatchNorm2d(5), nn.BatchNorm2d(5)
    x, mask = batch(), valid_steps(LENGTHS, 12)
    nn.init.uniform_(ours.weight), nn.init.uniform_(ours.bias)
    slow.load_state_dict(ours.state_dict())
    for shift in (0.0, 1.0):  # twice, so that running statistics move on from their own
        torch.testing.assert_close(together(ours(x + shift, mask)), slow(together(x + shift)), atol=1e-5, rtol=1e-5)
    for name in ("running_mean", "running_var", "num_batches_tracked"):
        torch.testing.assert_close(getattr(ours, name), getattr(slow, name), atol=1e-6, rtol=1e-6)


def test_gradients_are_those_of_the_valid_steps_alone() -> None:
    ours, slow = MaskedBatchNorm2d(5), nn.BatchNorm2d(5)
    x, mask = batch(), valid_steps(LENGTHS, 12)
    a, b = x.clone().requires_grad_(), x.clone().requires_grad_()
    together(ours(a, mask)).pow(3).sum().backward()
    slow(together(b)).pow(3).sum().backward()
    torch.testing.assert_close(a.grad, b.grad, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(ours.weight.grad, slow.weight.grad, atol=1e-3, rtol=1e-4)


def test_what_lies_beyond_a_clips_end_is_never_seen() -> None:
    x, mask = batch(), valid_steps(LENGTHS, 12)
    ours, other = MaskedBatchNorm2d(5), MaskedBatchNorm2d(5)
    loud = torch.where(mask[:, None, :, None], x, 1e6)
    torch.testing.assert_close(together(other(loud, mask)), together(ours(x, mask)), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(other.running_var, ours.running_var)


@pytest.mark.parametrize("training", [True, False])
def test_without_padding_it_is_torchs_layer(training: bool) -> None:
    ours, theirs = MaskedBatchNorm2d(5).train(training), nn.BatchNorm2d(5).train(training)
    x = batch()
    torch.testing.assert_close(ours(x, None), theirs(x), atol=0, rtol=0)
    torch.testing.assert_close(ours(x, torch.ones(4, 12, dtype=torch.bool)), theirs(x), atol=1e-5, rtol=1e-5)
