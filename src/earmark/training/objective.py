"""The training objective: binary cross-entropy of the clip scores (Xu et al. 2018, eq. 1).

Differs from the paper in: the mean over clips and classes is taken, not the sum (as in the authors' code), and the sign
and both terms apply to every class.
"""

from __future__ import annotations

from torch import Tensor

from earmark.masking import valid_steps
from earmark.pooling import Pooled

_EPS = 1e-7  # probabilities are kept this far from 0 and 1


def clip_loss(clip: Tensor, targets: Tensor, smoothing: float = 0.0, weights: Tensor | None = None) -> Tensor:
    """Mean binary cross-entropy of clip probabilities (batch, classes) against targets in [0, 1].

    Clips count by their `weights` (batch,), where given.

    Smoothed (Szegedy et al. 2016, section 7, for two outcomes), a target y becomes y (1 - e) + e / 2: no score need be
    driven to 0 or 1, and a wrong label costs less.

    >>> import torch
    >>> clip_loss(torch.tensor([[0.5]]), torch.tensor([[1.0]])).item()
    0.693...
    """
    likelihood = _log_likelihood(clip, targets, smoothing)
    return -(likelihood if weights is None else likelihood * weights[:, None]).mean()


def _log_likelihood(probability: Tensor, targets: Tensor, smoothing: float) -> Tensor:
    if smoothing:
        targets = targets * (1 - smoothing) + smoothing / 2
    probability = probability.float().clamp(_EPS, 1 - _EPS)
    return targets * probability.log() + (1 - targets) * (1 - probability).log()


def frame_loss(pooled: Pooled, targets: Tensor, steps: Tensor | None = None, smoothing: float = 0.0) -> Tensor:
    """Mean binary cross-entropy of every frame against its clip's weak labels: frame supervision.

    `targets` (batch, classes), or each frame's own (batch, steps, classes): self-training; `steps` (batch,) counts the
    valid steps of each clip, None: all are. Where the network scores frames at several depths (`Pooled.levels`), each
    depth is taught. So the DCASE2017 baseline is trained, and the frame-level supervision of Chou et al. 2017.
    """
    frames = pooled.frames[:, :, None] if pooled.levels is None else pooled.levels  # (batch, steps, levels, classes)
    wanted = (targets[:, None, None] if targets.ndim == 2 else targets[:, :, None]).expand_as(frames)
    if steps is None:
        return clip_loss(frames, wanted, smoothing)
    likelihood = _log_likelihood(frames, wanted, smoothing)
    valid = valid_steps(steps, frames.shape[1])
    count = valid.sum() * (likelihood.shape[2] * likelihood.shape[3])
    return -(likelihood * valid[:, :, None, None]).sum() / count
