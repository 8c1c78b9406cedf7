import pytest
import torch

from earmark.encoders import SegmentCNN, SegmentCNNOptions

SMALL = {"channels": (4, 6), "convs": 1}


def settled(segment: int | None) -> SegmentCNN:
    torch.manual_seed(0)
    encoder = SegmentCNN(SegmentCNNOptions(**SMALL, segment=segment), bands=16)
    encoder(torch.randn(8, 20, 16))  # gives the normalisations something to shift by
    return encoder.eval()


@pytest.mark.parametrize(("segment", "frames", "steps"), [(None, 37, 9), (None, 2, 1), (10, 37, 3), (10, 4, 1)])
@torch.no_grad()
def test_a_step_is_a_segment_or_what_pooling_leaves(segment: int | None, frames: int, steps: int) -> None:
    encoder = settled(segment)
    assert encoder.reduction == (segment or 4)
    assert encoder(torch.randn(2, frames, 16)).embeddings.shape == (2, steps, 6)


@torch.no_grad()
def test_a_segment_is_heard_as_if_it_were_a_clip() -> None:
    encoder = settled(10)
    x = torch.randn(2, 37, 16)
    whole = encoder(x).embeddings
    for index in range(3):
        alone = encoder(x[:, 10 * index : 10 * (index + 1)]).embeddings
        torch.testing.assert_close(whole[:, index : index + 1], alone, atol=1e-6, rtol=1e-5)


@torch.no_grad()
def test_a_whole_clip_is_heard_across_its_segments() -> None:
    x, y = torch.randn(1, 40, 16), torch.randn(1, 40, 16)
    mixed = torch.cat([x[:, :20], y[:, 20:]], dim=1)
    whole, apart = settled(None), settled(10)
    assert not torch.allclose(whole(x).embeddings[:, :5], whole(mixed).embeddings[:, :5])
    torch.testing.assert_close(apart(x).embeddings[:, :2], apart(mixed).embeddings[:, :2])


@torch.no_grad()
@pytest.mark.parametrize("segment", [None, 10])
def test_a_clip_beside_longer_ones_is_encoded_as_alone(segment: int | None) -> None:
    encoder = settled(segment)
    lengths = torch.tensor([1, 9, 40, 23])
    batch = torch.zeros(4, 40, 16)
    for row, length in zip(batch, lengths, strict=True):
        row[:length] = torch.randn(length, 16)
    together = encoder(batch, lengths)
    assert together.lengths.tolist() == ([1, 1, 4, 2] if segment else [1, 2, 10, 5])
    for row, length in enumerate(lengths.tolist()):
        alone = encoder(batch[row : row + 1, :length]).embeddings[0]
        torch.testing.assert_close(together.embeddings[row, : len(alone)], alone, atol=1e-5, rtol=1e-4)


def test_what_lies_beyond_a_clips_end_is_no_statistic() -> None:
    options = SegmentCNNOptions(**SMALL, segment=10, dropout=0.0)
    one, other = SegmentCNN(options, bands=16), SegmentCNN(options, bands=16)
    other.load_state_dict(one.state_dict())
    x, lengths = torch.randn(2, 40, 16), torch.tensor([40, 23])
    one(x, lengths)
    other(torch.where(torch.arange(40)[None, :, None] < lengths[:, None, None] // 10 * 10, x, 1e6), lengths)
    for name, value in one.state_dict().items():
        torch.testing.assert_close(value, other.state_dict()[name])


@pytest.mark.parametrize(
    ("bands", "segment", "message"),
    [(3, None, r"3 bands are too few for 2 poolings by 2"), (16, 3, "segment of 3 frames is too short")],
)
def test_what_leaves_nothing_is_refused(bands: int, segment: int | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SegmentCNN(SegmentCNNOptions(**SMALL, segment=segment), bands)
