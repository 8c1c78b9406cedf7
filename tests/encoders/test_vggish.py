from collections.abc import Callable

import pytest
import torch

from earmark.encoders import EmbeddingNetOptions, VGGish, VGGishOptions
from earmark.encoders.vggish import SILENCE

SMALL = {"patch": 8, "convs": ((2,), (3, 3)), "units": (6,), "values": 5}


def test_parameters_are_those_of_vggish() -> None:
    with torch.device("meta"):
        encoder = VGGish(VGGishOptions(), bands=64)
    assert sum(p.numel() for p in encoder.parameters()) == 72_141_184
    assert encoder.reduction == 96


@pytest.mark.parametrize("head", [None, EmbeddingNetOptions(units=(7, 4))])
def test_a_clip_beside_longer_ones_is_encoded_as_alone(
    head: EmbeddingNetOptions | None, check_alone: Callable[..., object]
) -> None:
    encoder = VGGish(VGGishOptions(**SMALL, head=head), bands=8)
    assert encoder.channels == (5 if head is None else 4)
    check_alone(encoder, 8, [1, 40, 8, 15, 16])
    check_alone(encoder, 8, [1, 5])  # both shorter than a patch


@torch.no_grad()
def test_every_patch_is_by_itself_and_a_short_one_ends_in_silence() -> None:
    encoder = VGGish(VGGishOptions(**SMALL), bands=8)
    x = torch.randn(1, 20, 8)
    whole = encoder(x).embeddings
    assert whole.shape == (1, 2, 5)
    torch.testing.assert_close(whole[:, 1:], encoder(x[:, 8:16]).embeddings)
    filled = torch.cat([x[:, :3], torch.full((1, 5, 8), SILENCE)], dim=1)
    torch.testing.assert_close(encoder(x[:, :3]).embeddings, encoder(filled).embeddings)


@torch.no_grad()
def test_values_are_rectified_where_asked_for() -> None:
    plain, rectified = (VGGish(VGGishOptions(**SMALL, rectify=rectify), bands=8) for rectify in (False, True))
    rectified.load_state_dict(plain.state_dict())
    x = torch.randn(2, 8, 8)
    assert (plain(x).embeddings < 0).any()
    torch.testing.assert_close(rectified(x).embeddings, plain(x).embeddings.relu())


def test_a_patch_too_small_for_the_poolings_is_refused() -> None:
    with pytest.raises(ValueError, match="a patch of 96 x 8 is too small for 4 poolings"):
        VGGish(VGGishOptions(), bands=8)
