"""YAMNet's encoder: its size, its patches, where they stand, and TensorFlow's padding."""

from collections.abc import Callable

import pytest
import torch

from earmark.encoders import YAMNet, YAMNetOptions
from earmark.encoders.yamnet import SILENCE, Separable
from earmark.recipes import load_recipe
from earmark.recipes.recipe import parameter_count

SMALL = {"channels": (3, 4, 5), "strides": (2, 1, 2)}
PATCHED = YAMNetOptions(**SMALL, patch=16, hop=8)
WHOLE = YAMNetOptions(**SMALL, patch=None)


def small(options: YAMNetOptions, bands: int = 8) -> YAMNet:
    torch.manual_seed(0)
    encoder = YAMNet(options, bands)
    with torch.no_grad():
        for name, buffer in encoder.named_buffers():
            if name.endswith("running_mean"):
                buffer.normal_(std=0.3)
    return encoder.eval()


def test_parameters_are_those_of_the_published_network() -> None:
    """Keras counts 3,751,369: two statistics and a shift for each of 10,944 channels, where ours is scale and shift."""
    recipe = load_recipe("yamnet/yamnet")
    with torch.device("meta"):
        encoder = YAMNet(recipe.network.encoder, bands=64)
    normed = sum(p.numel() for name, p in encoder.named_parameters() if name.endswith("norm.bias"))
    assert (parameter_count(recipe), normed) == (3_740_425, 10_944)
    assert parameter_count(recipe) + normed == 3_751_369
    assert (encoder.channels, encoder.reduction, encoder.lead) == (1024, 48, 24)


@pytest.mark.parametrize("options", [PATCHED, WHOLE], ids=["patches", "whole"])
def test_a_clip_beside_longer_ones_is_encoded_as_alone(
    options: YAMNetOptions, check_alone: Callable[..., object]
) -> None:
    check_alone(small(options), 8, [1, 40, 8, 15, 16])
    check_alone(small(options), 8, [1, 3])  # both shorter than a step


@torch.no_grad()
def test_every_patch_is_by_itself_and_centred_on_its_step() -> None:
    encoder, alone = small(PATCHED), small(PATCHED.model_copy(update={"lead": 0}))
    x = torch.randn(1, 40, 8)
    patches = encoder(x).embeddings
    assert patches.shape == (1, 5, 5)
    for step in (1, 2, 3):  # of frames 8 step .. 8 step + 7 the patch sees four more on both sides
        part = x[:, 8 * step - 4 : 8 * step + 12]
        torch.testing.assert_close(patches[:, step], alone(part).embeddings[:, 0])
    silent = torch.full((1, 4, 8), SILENCE)
    torch.testing.assert_close(patches[:, 0], alone(torch.cat([silent, x[:, :12]], 1)).embeddings[:, 0])
    torch.testing.assert_close(patches[:, 4], alone(torch.cat([x[:, 28:], silent], 1)).embeddings[:, 0])


@torch.no_grad()
def test_a_whole_clip_has_a_step_for_every_cell_and_sees_beyond_it() -> None:
    encoder = small(WHOLE)
    x = torch.randn(1, 41, 8)
    steps = encoder(x).embeddings
    assert (steps.shape, encoder.reduction) == ((1, 10, 5), 4)
    moved = x.clone()
    moved[:, 20:24] += 1.0
    changed = (encoder(moved).embeddings - steps).abs().sum(2)[0] > 0
    assert changed[5]
    assert changed.nonzero().flatten().tolist() == [4, 5, 6]  # as far to one side as to the other


@torch.no_grad()
def test_a_strided_layer_pads_after_the_last_cell_alone() -> None:
    layer = Separable(1, 1, 2).eval()
    layer.depth.weight.fill_(0.0)
    layer.depth.weight[0, 0, 0, 0] = 1.0  # looks at its first cell
    layer.point.weight.fill_(1.0)
    x = torch.arange(1.0, 17.0).reshape(1, 1, 4, 4)
    torch.testing.assert_close(layer(x)[0, 0], x[0, 0, ::2, ::2], rtol=2e-4, atol=0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"patch": 20, "hop": 8}, "a patch of 20 frames is not a whole number of hops of 8"),
        ({"strides": (2,)}, r"strides \(1\) and channels \(3\) differ in number"),
        ({"patch": 6, "hop": 3}, "strides of 4 in all do not divide 8 bands, or a patch of 6"),
        ({"patch": 16, "hop": 8, "lead": 9}, "a lead of 9 frames leaves no room for the clip; it can be 8"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        YAMNet(YAMNetOptions(**{**SMALL, **changes}), bands=8)
