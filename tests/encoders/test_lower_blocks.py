"""The convolution blocks of a CRNN without what lies above them."""

from collections.abc import Callable

import pytest
import torch

from earmark.encoders import CRNN, CRNNOptions, Encoded, LowerBlocks, LowerBlocksOptions

OPTIONS = CRNNOptions(channels=(4, 6, 5), pools=(2, 2, 2), convs=1, last=10, units=5)


def test_embeddings_are_the_features_and_the_means_over_bands_of_all_blocks_but_the_first() -> None:
    torch.manual_seed(0)
    encoder = LowerBlocks(LowerBlocksOptions.of(OPTIONS), bands=16).eval()
    features = torch.randn(2, 9, 16)
    with torch.no_grad():
        found = encoder(features).embeddings
        first = encoder.blocks[0](features[:, None])
        second = encoder.blocks[1](first)
        third = encoder.blocks[2](second)
    assert found.shape == (2, 9, encoder.channels) == (2, 9, 16 + 6 + 5)
    torch.testing.assert_close(found[..., :16], features)
    torch.testing.assert_close(found[..., 16:22], second.mean(dim=3).transpose(1, 2))
    torch.testing.assert_close(found[..., 22:], third.mean(dim=3).transpose(1, 2))


def test_the_weights_are_those_of_the_crnn_s_blocks_by_name_and_shape() -> None:
    whole = {k: v.shape for k, v in CRNN(OPTIONS, bands=16).state_dict().items() if k.startswith("blocks.")}
    assert {k: v.shape for k, v in LowerBlocks(LowerBlocksOptions.of(OPTIONS), bands=16).state_dict().items()} == whole


def test_a_clip_beside_longer_ones_is_encoded_as_alone(check_alone: Callable[..., Encoded]) -> None:
    torch.manual_seed(0)
    check_alone(LowerBlocks(LowerBlocksOptions.of(OPTIONS), bands=16), 16, [1, 9, 30, 2])


def test_pools_that_leave_no_band_are_refused() -> None:
    with pytest.raises(ValueError, match="4 bands are too few"):
        LowerBlocks(LowerBlocksOptions.of(OPTIONS), bands=4)
