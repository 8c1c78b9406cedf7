"""Frames of padded batches: filling makes every clip as long as asked, and counts as content."""

import pytest
import torch

from earmark.features.contract import at_least, fill_frames


@pytest.mark.parametrize("least", [1, 4, 9])
def test_every_clip_has_at_least_the_frames_asked_for_and_padding_is_zero(least: int) -> None:
    features, frames = fill_frames(torch.ones(3, 6, 2), torch.tensor([1, 5, 6]), least)
    assert features.shape == (3, max(6, least), 2)
    assert features.sum(dim=(1, 2)).tolist() == [2, 10, 12]  # of each clip's own frames, nothing else
    if least < 6:
        assert frames is not None
        assert frames.tolist() == [max(least, count) for count in (1, 5, 6)]


def test_frames_that_are_enough_stay_as_they_are() -> None:
    given = torch.randn(2, 5, 3)
    features, frames = fill_frames(given, None, 5)
    torch.testing.assert_close(features, given)
    assert frames is None


def test_a_number_stays_a_number_and_a_tensor_a_tensor() -> None:
    assert at_least(3, 5) == 5
    assert at_least(torch.tensor([3, 7]), 5).tolist() == [5, 7]
