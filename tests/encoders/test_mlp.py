import pytest
import torch
from torch import nn

from earmark.encoders import MLP, MLPOptions
from earmark.encoders.mlp import with_context
from earmark.errors import ConfigError

LENGTHS = torch.tensor([1, 9, 4])


def test_each_frame_stands_beside_its_neighbours() -> None:
    """The slow way: frame by frame, the ends' own frames beyond them."""
    x = torch.randn(3, 9, 2)
    for lengths in (None, LENGTHS):
        found = with_context(x, 5, lengths)
        for row, length in enumerate([9] * 3 if lengths is None else LENGTHS.tolist()):
            for t in range(length):
                seen = [x[row, min(max(t + offset, 0), length - 1)] for offset in (-2, -1, 0, 1, 2)]
                torch.testing.assert_close(found[row, t], torch.cat(seen))


def test_the_baseline_has_its_published_parameters() -> None:
    """docs/papers/xu2018.md, section 2.8: 40 bands, five frames, two layers of 50, 17 classes."""
    assert sum(p.numel() for p in MLP(MLPOptions(), bands=40).parameters()) + 50 * 17 + 17 == 13_467


@torch.no_grad()
def test_it_is_two_layers_written_out() -> None:
    encoder = MLP(MLPOptions(), bands=4).eval()
    first, second = [layer for layer in encoder.layers if isinstance(layer, nn.Linear)]
    x = torch.randn(2, 7, 4)
    wide = with_context(x, 5)
    hidden = (wide @ first.weight.T + first.bias).clamp(min=0)
    expected = (hidden @ second.weight.T + second.bias).clamp(min=0)
    torch.testing.assert_close(encoder(x).embeddings, expected)


@torch.no_grad()
def test_a_clip_beside_longer_ones_is_encoded_as_alone() -> None:
    encoder = MLP(MLPOptions(units=(6,)), bands=4).eval()
    x = torch.randn(3, 9, 4)
    together = encoder(x, LENGTHS)
    torch.testing.assert_close(together.lengths, LENGTHS)
    for row, length in enumerate(LENGTHS.tolist()):
        alone = encoder(x[row : row + 1, :length]).embeddings[0]
        torch.testing.assert_close(together.embeddings[row, :length], alone, atol=1e-6, rtol=1e-5)


def test_kernels_start_small_and_even() -> None:
    kernel = next(MLP(MLPOptions(), bands=40).parameters())
    assert kernel.min() < -0.0495
    assert 0.0495 < kernel.max() <= 0.05


def test_an_even_context_has_no_middle() -> None:
    with pytest.raises(ConfigError, match=r"context must be odd \(as many frames before as after\), got 4"):
        MLPOptions.parse({"context": 4}, "encoder")
