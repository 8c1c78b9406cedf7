"""What stands around a pooling: an optional hidden layer, and the linear layer that gives a logit for each class.

    (..., channels) -> dropout -> [linear -> activation -> hidden dropout] -> linear -> (..., classes)

Poolings over frame probabilities classify frames with it (the frame-level systems of Kong et al. 2020, "PANNs", have
the hidden layer), poolings over embeddings the bag (Hong et al. 2020, section 4.3: "two fully connected layers and a
sigmoid layer"). The clip-level PANNs define a dropout after the hidden layer and then classify what did not pass
through it (docs/papers/hong2020.md, section 3.2): hence a separate `hidden_dropout`, zero by default.

Batch normalisation within poolings is of frames (`FrameNorm`) or of bags (`BagNorm`). Frames take their statistics from
the valid steps alone. A bag's statistics are those of the clips of a batch, which a batch of one does not have, and the
one-frame bags that frame scores ask about are not a sample of the training data: both are normalised by the running
statistics.
"""

from __future__ import annotations

from typing import Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from earmark.masking import MaskedBatchNorm2d
from earmark.options import Options


class ClassifierOptions(Options):
    """Choices that every pooling with such a classifier has."""

    hidden: int | None = Field(None, gt=0)  # units of the hidden layer; None: there is none
    dropout: float = Field(0.0, ge=0, lt=1)  # of what goes in
    hidden_dropout: float = Field(0.0, ge=0, lt=1)  # of what the hidden layer gives
    activation: Literal["relu", "hardswish"] = "relu"  # of the hidden layer

    @model_validator(mode="after")
    def _check_hidden(self) -> Self:
        if self.hidden is None and self.hidden_dropout:
            raise ValueError(f"hidden_dropout is {self.hidden_dropout} but there is no hidden layer (hidden is null)")
        return self


def dense(inputs: int, outputs: int) -> nn.Linear:
    """A linear layer, its weights Glorot-uniform, its bias zero."""
    layer = nn.Linear(inputs, outputs)
    nn.init.xavier_uniform_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


class Hidden(nn.Module):
    """What comes before the last linear layer: dropout and, where asked for, a hidden layer. States its `width`.

    >>> Hidden(ClassifierOptions(hidden=16), channels=32)(torch.zeros(2, 25, 32)).shape
    torch.Size([2, 25, 16])
    """

    def __init__(self, options: ClassifierOptions, channels: int) -> None:
        super().__init__()
        self.width = options.hidden or channels
        self.dropout = nn.Dropout(options.dropout)
        self.linear = dense(channels, options.hidden) if options.hidden else None
        self.activation = nn.functional.hardswish if options.activation == "hardswish" else torch.relu
        self.after = nn.Dropout(options.hidden_dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., channels) to (..., width)."""
        x = self.dropout(x)
        if self.linear is None:
            return x
        out: Tensor = self.after(self.activation(self.linear(x)))
        return out


class FrameNorm(MaskedBatchNorm2d):
    """Batch normalisation of frames (batch, steps, features)."""

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Normalise; `mask` (batch, steps), None when every step is valid."""
        image = x.transpose(1, 2)[:, :, :, None]  # (batch, features, steps, 1)
        return super().forward(image, mask)[:, :, :, 0].transpose(1, 2)


class BagNorm(nn.BatchNorm1d):
    """Batch normalisation of bags (batch, features), and of one-frame bags (batch, steps, features)."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalise."""
        if x.ndim == 2 and (not self.training or len(x) > 1):
            return super().forward(x)
        if self.running_mean is None or self.running_var is None:
            raise ValueError("the normalisation has no running statistics")
        scale = self.weight * torch.rsqrt(self.running_var + self.eps)
        # Cloned: training updates the statistics in place, which must not reach what backward has kept.
        return x * scale + (self.bias - self.running_mean.clone() * scale)
