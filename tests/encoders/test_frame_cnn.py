import pytest
import torch

from earmark.encoders import FrameCNN, FrameCNNOptions
from earmark.errors import ConfigError

SMALL = {"channels": (4, 6, 8), "pools": ((1, 2), (2, 2), (2, 4)), "embedding": 5}


@pytest.mark.parametrize(("frames", "steps"), [(1, 1), (7, 1), (8, 2), (37, 9)])
@torch.no_grad()
def test_every_depth_speaks_at_the_pace_of_the_deepest(frames: int, steps: int) -> None:
    encoder = FrameCNN(FrameCNNOptions(**SMALL), bands=16).eval()
    assert encoder.reduction == 4
    assert encoder(torch.randn(2, frames, 16)).embeddings.shape == (2, steps, 15) == (2, steps, encoder.channels)


@torch.no_grad()
def test_a_shallow_depth_is_the_mean_over_the_frames_of_a_step() -> None:
    encoder = FrameCNN(FrameCNNOptions(**SMALL, dropout=0.0), bands=16).eval()
    x = torch.randn(1, 11, 16)
    shallow = encoder.blocks[0](x[:, None])  # (1, channels, frames, bands)
    frames = torch.relu(encoder.heads[0](shallow.mean(dim=3)[0].T))
    found = encoder(x).embeddings[0, :, :5]
    torch.testing.assert_close(found, torch.stack([frames[0:4].mean(0), frames[4:8].mean(0)]))


@torch.no_grad()
def test_a_clip_beside_longer_ones_is_encoded_as_alone() -> None:
    torch.manual_seed(0)
    encoder = FrameCNN(FrameCNNOptions(**SMALL), bands=16)
    encoder(torch.randn(8, 20, 16))  # gives the normalisations something to shift by
    encoder.eval()
    lengths = torch.tensor([1, 9, 30, 7])
    batch = torch.zeros(4, 30, 16)
    for row, length in zip(batch, lengths, strict=True):
        row[:length] = torch.randn(length, 16)
    together = encoder(batch, lengths)
    assert together.lengths.tolist() == [1, 2, 7, 1]
    for row, length in enumerate(lengths.tolist()):
        alone = encoder(batch[row : row + 1, :length]).embeddings[0]
        torch.testing.assert_close(together.embeddings[row, : len(alone)], alone, atol=1e-5, rtol=1e-4)


def test_more_pools_than_blocks_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"pools \(4\) and channels \(2\)"):
        FrameCNNOptions.parse({"channels": [4, 4]}, "encoder")


def test_too_few_bands_for_the_pools_are_refused() -> None:
    with pytest.raises(ValueError, match="8 bands are too few for pools"):
        FrameCNN(FrameCNNOptions(**SMALL), bands=8)
