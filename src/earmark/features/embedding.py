"""Embeddings computed elsewhere, as a front-end: what comes in is features already.

A training gives a network the vectors (batch, vectors, bands) themselves, with lengths in vectors: they pass as they
are (`Network.features`). An engine (`earmark.engine`) and an ONNX file take one row a clip, whatever it holds; for them
this front-end folds rows of values back into vectors,

    values (batch, vectors * bands) -> (batch, vectors, bands)

and counts them. Bytes are turned into numbers where they are read, not here.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Literal, Self

from pydantic import Field, model_validator
from torch import Tensor, nn

from earmark.clock import Clock
from earmark.features.contract import Count, at_least
from earmark.options import Options


class EmbeddingOptions(Options):
    """What the embeddings are."""

    kind: Literal["embedding"] = "embedding"
    bands: int = Field(128, gt=0)  # values of a vector
    step_seconds: float = Field(1.0, gt=0)  # from one vector to the next
    fill: int | None = Field(None, gt=0)  # vectors to which shorter clips are filled with zeros, as content

    @property
    def rate(self) -> int:
        """Values a second, of rows."""
        return int(self._exact_rate())

    def _exact_rate(self) -> Fraction:
        return self.bands / Fraction(str(self.step_seconds))

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self._exact_rate().denominator != 1:
            raise ValueError(
                f"{self.bands} values every {self.step_seconds} s do not make a whole number per second: "
                f"{self._exact_rate()}"
            )
        return self


class Embedding(nn.Module):
    """Rows of values (batch, vectors * bands) to vectors (batch, vectors, bands).

    >>> import torch
    >>> Embedding(EmbeddingOptions())(torch.zeros(2, 1280)).shape
    torch.Size([2, 10, 128])
    """

    def __init__(self, options: EmbeddingOptions) -> None:
        super().__init__()
        self.options = options
        self.bands = options.bands

    @property
    def clock(self) -> Clock:
        """The clock of the vectors."""
        return Clock.from_hop(self.bands, self.options.rate)

    def frames_in(self, samples: Count) -> Count:
        """Number of whole vectors in this many values; at least one."""
        return at_least(samples // self.bands, 1)

    def forward(self, waveform: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Vectors (batch, vectors, bands), float32; what is left over at the end is dropped."""
        needed = self.frames_in(waveform.shape[1]) * self.bands
        padded = nn.functional.pad(waveform.float(), (0, max(0, needed - waveform.shape[1])))
        return padded[:, :needed].reshape(padded.shape[0], -1, self.bands)  # (batch, vectors, bands)
