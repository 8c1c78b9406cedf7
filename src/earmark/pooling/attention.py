"""The temporal attention of Xu et al. 2018, section 3.

Two parallel heads look at each frame's embedding: O(t) = sigmoid(.) classifies, Z(t) = softmax(.) localises, and

    O'(t) = O(t) . Z(t)                             (3)
    O''   = sum_t O'(t) / sum_t Z(t)                (4)

The clip score is the Z-weighted mean of the frame scores; the frame score is O(t) alone (docs/papers/xu2018.md, section
5).

`axis` is the axis of the softmax. `class`: over the classes of a frame, as in the authors' code, where eq. 4's
denominator turns it into a weight over time; `time`: over a clip's frames, as the paper's words ("attend on the most
salient frames for each class") suggest. With `time` eq. 4's denominator is one.

`localise_from` is the input of Z. `embedding`: the same as of O, the paper's two parallel networks and the authors'
later code; `scores`: the outputs O(t) of the sigmoid, as in their code of September 2017 (docs/papers/xu2018.md,
section 2.4).

`clamp` selects where Z is kept above `floor`. `both`: in numerator and denominator, the later code; a class no frame
attends to then still has a mean. `denominator`: there alone, the code of 2017; such a class scores 0, its weights sum
to less than one. `none`: nowhere, the paper; the ratio is taken without ever forming a vanishing sum.

Differs from the paper in: the default `clamp`.
"""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from earmark.masking import valid_steps
from earmark.options import Options
from earmark.pooling.contract import Pooled


class AttentionOptions(Options):
    """Choices of the temporal attention."""

    kind: Literal["attention"] = "attention"
    axis: Literal["class", "time"] = "class"  # what the softmax normalises over
    localise_from: Literal["embedding", "scores"] = "embedding"  # what Z looks at
    clamp: Literal["both", "denominator", "none"] = "both"  # where Z is kept above `floor`
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
        self.localise = nn.Linear(channels if options.localise_from == "embedding" else classes, classes)
        for head in (self.classify, self.localise):
            nn.init.xavier_uniform_(head.weight)
            nn.init.zeros_(head.bias)

    def forward(self, embeddings: Tensor, lengths: Tensor | None = None) -> Pooled:
        """Pool over each clip's valid steps (`lengths` (batch,), None: all)."""
        with torch.autocast(embeddings.device.type, enabled=False):
            embeddings = embeddings.float()
            frames = torch.sigmoid(self.classify(embeddings))  # O, (batch, steps, classes)
            logits = self.localise(embeddings if self.options.localise_from == "embedding" else frames)
            beyond = None if lengths is None else ~valid_steps(lengths, embeddings.shape[1])[:, :, None]
            weights = self._weights(logits, beyond)
            if beyond is not None:
                frames = frames.masked_fill(beyond, 0.0)
            return Pooled((frames * weights).sum(dim=1), frames, weights)

    def _weights(self, logits: Tensor, beyond: Tensor | None) -> Tensor:
        """Z(t) / sum_t Z(t), (batch, steps, classes), zero `beyond` (batch, steps, 1) each clip's end."""
        if self.options.axis == "time" and beyond is not None:
            logits = logits.masked_fill(beyond, -torch.inf)
        over = 2 if self.options.axis == "class" else 1
        if self.options.clamp == "none":
            log_z = logits.log_softmax(dim=over)
            return (log_z if beyond is None else log_z.masked_fill(beyond, -torch.inf)).softmax(dim=1)
        z = logits.softmax(dim=over)
        kept = z.clamp(min=self.options.floor)
        if beyond is not None:
            z, kept = z.masked_fill(beyond, 0.0), kept.masked_fill(beyond, 0.0)
        return (kept if self.options.clamp == "both" else z) / kept.sum(dim=1, keepdim=True)
