import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from earmark.features.mirror import mirror_ends


@given(st.lists(st.integers(1, 12), min_size=1, max_size=4), st.integers(0, 30), st.integers(0, 30))
def test_each_clip_is_mirrored_at_its_own_end_as_numpy_would(lengths: list[int], before: int, after: int) -> None:
    batch = np.zeros((len(lengths), max(lengths) + 2), np.float32)
    for row, length in zip(batch, lengths, strict=True):
        row[:length] = 1 + np.arange(length)
    padded = mirror_ends(torch.from_numpy(batch), torch.tensor(lengths), before, after).numpy()
    assert padded.shape == (len(lengths), before + batch.shape[1] + after)
    for row, length, clip in zip(padded, lengths, batch, strict=True):
        whole = np.pad(clip[:length], (before, after), mode="reflect")
        np.testing.assert_array_equal(row[: len(whole)], whole)
        assert not row[len(whole) :].any()


def test_without_lengths_all_of_it_counts() -> None:
    batch = torch.randn(2, 9)
    torch.testing.assert_close(mirror_ends(batch, None, 4, 5), mirror_ends(batch, torch.tensor([9, 9]), 4, 5))
    torch.testing.assert_close(mirror_ends(batch, None, 4, 5), torch.nn.functional.pad(batch, (4, 5), mode="reflect"))


def test_a_clip_without_samples_is_silence() -> None:
    assert not mirror_ends(torch.zeros(1, 0), None, 3, 4).any()
    assert mirror_ends(torch.ones(2, 3), torch.tensor([3, 0]), 2, 2).shape == (2, 7)
