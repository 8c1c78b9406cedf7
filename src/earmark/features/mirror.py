"""Clips continued beyond both ends by their own mirror image, as centred transforms with reflect padding see them.

    d c b | a b c d | c b a          the sample at the end is not repeated

A clip shorter than the stretch it is continued by is mirrored again and again, as `numpy.pad(mode="reflect")` does;
a single sample goes on for ever. The mirror of a clip stands at its own end, whatever it is batched with.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


def mirror_ends(waveform: Tensor, lengths: Tensor | None, before: int, after: int) -> Tensor:
    """Waveform (batch, samples) with `before` samples ahead of it and `after` beyond the end of each clip.

    `lengths` (batch,) counts the valid samples of each clip, None: all. Comes back as
    (batch, before + samples + after), zero beyond the mirror image.

    >>> mirror_ends(torch.tensor([[1.0, 2.0, 3.0, 0.0]]), torch.tensor([3]), 2, 1).tolist()
    [[3.0, 2.0, 1.0, 2.0, 3.0, 2.0, 0.0]]
    """
    if lengths is None:
        lengths = torch.full((waveform.shape[0],), waveform.shape[1], device=waveform.device)
    ends = lengths[:, None]
    ahead = torch.arange(-before, 0, device=waveform.device).expand(waveform.shape[0], -1)  # (batch, before)
    beyond = ends + torch.arange(after, device=waveform.device)  # (batch, after)
    padded = nn.functional.pad(waveform, (0, after + 1))  # one more, so that even a clip without samples has one
    tail = padded.gather(1, _mirrored(beyond, ends))
    return torch.cat([padded.gather(1, _mirrored(ahead, ends)), padded.scatter(1, beyond, tail)[:, :-1]], dim=1)


def _mirrored(place: Tensor, ends: Tensor) -> Tensor:
    """Samples inside clips of `ends` (batch, 1) samples that stand at these places, inside or outside of them."""
    last = (ends - 1).clamp(min=0)
    period = (2 * last).clamp(min=1)
    return last - (last - place.remainder(period)).abs()
