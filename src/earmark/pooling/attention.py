"""The temporal attention of Xu et al. 2018, section 3.

Two parallel heads look at each frame's embedding: O(t) = sigmoid(.) classifies, Z(t) = softmax(.) localises, and

    O'(t) = O(t) . Z(t)                             (3)
    O''   = sum_t O'(t) / sum_t Z(t)                (4)

The clip score is the Z-weighted mean of the frame scores; the frame score is O(t) alone (xu2018 facts, section 5).

`axis` says over what the softmax runs. `class`: over the classes of a frame, as in the authors' code, where eq. 4's
denominator turns it into a weight over time; `time`: over a clip's frames, as the paper's words ("attend on the most
salient frames for each class") suggest. With `time` eq. 4's denominator is one.

Differs from the paper in: Z is kept above `floor` in numerator and denominator, as in the authors' later code, so that
a class no frame attends to still has a mean.
"""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from earmark.encoders.masking import valid_steps
from earmark.options import Options
from earmark.pooling.contract import Pooled


class AttentionOptions(Options):
    """Choices of the temporal attention."""

    kind: Literal["attention"] = "attention"
    axis: Literal["class", "time"] = "class"  # what the softmax normalises over
    floor: float = Field(1e-7, gt=0)  # smallest Z


class TemporalAttention(nn.Module):
    """Embeddings (batch, steps, channels) to clip and frame probabilities (eqs. 3, 4).

    >>> pooled = TemporalAttention(AttentionOptions(), channels=32, classes=5)(torch.zeros(2, 25, 32))
    >>> pooled.clip.shape, pooled.frames.shape
    (torch.Size([2, 5]), torch.Size([2, 25, 5]))
    """

    def __init__(self, options: AttentionOptions, channels: int, classes: int) -> None:
        super().__init__()
        self.options = options
        self.classify = nn.Linear(channels, classes)
        self.localise = nn.Linear(channels, classes)
        for head in (self.classify, self.localise):
            nn.init.xavier_uniform_(head.weight)
            nn.init.zeros_(head.bias)

    def forward(self, embeddings: Tensor, lengths: Tensor | None = None) -> Pooled:
        """Pool over each clip's valid steps (`lengths` (batch,), None: all)."""
        with torch.autocast(embeddings.device.type, enabled=False):
            embeddings = embeddings.float()
            frames = torch.sigmoid(self.classify(embeddings))  # O, (batch, steps, classes)
            logits = self.localise(embeddings)
            if lengths is not None:
                beyond = ~valid_steps(lengths, embeddings.shape[1])[:, :, None]
                frames = frames.masked_fill(beyond, 0.0)
            if self.options.axis == "time" and lengths is not None:
                logits = logits.masked_fill(beyond, -torch.inf)
            z = logits.softmax(dim=2 if self.options.axis == "class" else 1).clamp(min=self.options.floor)
            if lengths is not None:
                z = z.masked_fill(beyond, 0.0)
            weights = z / z.sum(dim=1, keepdim=True)
            return Pooled((frames * weights).sum(dim=1), frames, weights)
