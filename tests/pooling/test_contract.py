"""The steps of a batch that belong to a clip."""

import torch

from earmark.pooling.contract import valid_frames


def test_steps_beyond_a_clip_are_none_of_its_own() -> None:
    mask = valid_frames(torch.zeros(2, 4, 3), torch.tensor([1, 4]))
    assert mask.shape == (2, 4, 1)
    assert mask[:, :, 0].tolist() == [[True, False, False, False], [True] * 4]


def test_without_lengths_all_steps_are_valid() -> None:
    assert valid_frames(torch.zeros(2, 4, 3), None).all()
