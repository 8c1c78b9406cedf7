import pytest
import torch

from earmark.encoders import CRNN, CRNNOptions
from earmark.errors import ConfigError

SMALL = {"channels": (4, 6), "pools": (2, 4), "convs": 2, "last": 10, "units": 5}


@pytest.mark.parametrize("activation", ["glu", "relu", "linear"])
@pytest.mark.parametrize("frames", [1, 2, 37])
def test_frequency_alone_is_pooled(activation: str, frames: int) -> None:
    encoder = CRNN(CRNNOptions(**SMALL, activation=activation), bands=16).eval()
    assert encoder(torch.randn(3, frames, 16)).embeddings.shape == (3, frames, 10)
    assert encoder.reduction == 1
    assert encoder.channels == 10


def conv(inputs: int, outputs: int) -> int:
    """Parameters of a 3 x 3 convolution without bias and the scales and shifts of its normalisation."""
    return 9 * inputs * outputs + 2 * outputs


def gru(inputs: int, units: int) -> int:
    """Parameters of a bidirectional GRU: three gates, two kernels, two biases, two directions."""
    return 2 * 3 * units * (inputs + units + 2)


@pytest.mark.parametrize(("activation", "twin"), [("glu", 2), ("relu", 1)])
def test_parameters_are_as_counted_by_hand(activation: str, twin: int) -> None:
    encoder = CRNN(CRNNOptions(**SMALL, activation=activation), bands=16)
    blocks = conv(1, 4) + conv(4, 4) + conv(4, 6) + conv(6, 6)
    expected = twin * blocks + conv(6, 10) + gru(10, 5)
    assert sum(p.numel() for p in encoder.parameters()) == expected


def test_the_published_count_less_the_gates_of_the_recurrent_layer() -> None:
    """docs/papers/xu2018.md, section 2.8, "later code": 8 gated convolutions of 64, 256 filters, 17 classes.

    There the last convolution has a bias and no normalisation, and the GRU is a gated pair with one bias a gate.
    """
    options = CRNNOptions(channels=(64,) * 4, pools=(2, 2, 2, 2), convs=2, last=256, units=128)
    ours = sum(p.numel() for p in CRNN(options, bands=64).parameters())
    theirs = 1_267_106 - 2 * (256 * 17 + 17)  # without the two heads
    last = 2 * 256 - 256  # scales and shifts in place of biases
    recurrent = 2 * (2 * 3 * 128 * (256 + 128 + 1)) - gru(256, 128)
    assert ours == theirs + last - recurrent


@torch.no_grad()
@pytest.mark.parametrize("activation", ["glu", "relu", "linear"])
def test_a_clip_beside_longer_ones_is_encoded_as_alone(activation: str) -> None:
    torch.manual_seed(0)
    encoder = CRNN(CRNNOptions(**SMALL, activation=activation, layers=2, dropout=0.3), bands=16)
    encoder(torch.randn(8, 20, 16))  # gives the normalisations something to shift by
    encoder.eval()
    lengths = torch.tensor([1, 9, 30, 2])
    batch = torch.zeros(4, 30, 16)
    for row, length in zip(batch, lengths, strict=True):
        row[:length] = torch.randn(length, 16)
    together = encoder(batch, lengths)
    torch.testing.assert_close(together.lengths, lengths)
    for row, length in enumerate(lengths.tolist()):
        alone = encoder(batch[row : row + 1, :length]).embeddings[0]
        torch.testing.assert_close(together.embeddings[row, :length], alone, atol=1e-5, rtol=1e-5)


def test_kernels_start_glorot_and_recurrent_ones_orthogonal() -> None:
    encoder = CRNN(CRNNOptions(**SMALL), bands=16)
    for gate in encoder.gru.weight_hh_l0.chunk(3):
        torch.testing.assert_close(gate @ gate.T, torch.eye(5), atol=1e-5, rtol=0)
    assert all(not p.any() for name, p in encoder.gru.named_parameters() if "bias" in name)
    first = encoder.blocks[0].layers[0].linear.conv.weight
    assert 0 < first.abs().max() <= (6 / (9 + 9 * 4)) ** 0.5


def test_more_pools_than_blocks_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"pools \(3\) and channels \(2\)"):
        CRNNOptions.parse({"channels": [4, 4]}, "encoder")


def test_too_few_bands_for_the_pools_are_refused() -> None:
    with pytest.raises(ValueError, match=r"4 bands are too few for pools \(2, 4\)"):
        CRNN(CRNNOptions(**SMALL), bands=4)
