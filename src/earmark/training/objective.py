"""The training objective: binary cross-entropy of the clip scores (Xu et al. 2018, eq. 1).

Differs from the paper in: the mean over clips and classes is taken, not the sum (as in the authors' code), and the sign
and both terms apply to every class.
"""

from __future__ import annotations

from torch import Tensor

_EPS = 1e-7  # probabilities are kept this far from 0 and 1


def clip_loss(clip: Tensor, targets: Tensor) -> Tensor:
    """Mean binary cross-entropy of clip probabilities (batch, classes) against targets in [0, 1].

    >>> import torch
    >>> clip_loss(torch.tensor([[0.5]]), torch.tensor([[1.0]])).item()
    0.693...
    """
    probability = clip.float().clamp(_EPS, 1 - _EPS)
    return -(targets * probability.log() + (1 - targets) * (1 - probability).log()).mean()
