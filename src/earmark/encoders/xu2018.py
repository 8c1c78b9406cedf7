"""The encoder of Xu et al. 2018 as its authors trained it, and the CRNN they compare it with.

    features (batch, frames, bands)
      -> 3 x [two gated convolutions of 64 filters, max pooling 2 x 2 or 1 x 2]
      -> one more (code2017) or two more (v2), max pooling 1 x 2
      -> a convolution of 256 filters with bias and ReLU, max pooling 1 x 4: one band is left
      -> two bidirectional GRUs of 128 units on the same input, one with a linear, one with a sigmoid candidate,
         multiplied                                                                (batch, steps, 256)

What stands where (docs/papers/xu2018.md, sections 2.2 to 2.9):

    variant    gated convolutions   then                            recurrence
    paper      1, 1, 1              the 8 bands left side by side   one BiGRU, tanh
    code2017   2, 2, 2, 1           256 filters, ReLU               gated pair
    v2         2, 2, 2, 2           256 filters, ReLU               gated pair

`time_pooling` is the tagging network (a step is 8 frames), without it the detection network (a step is a frame).
The CRNN of rows (i) and noBatchBal is `activation: linear, recurrence: relu, last_pools: [3, 2]` as coded, its
convolutions followed by a normalisation and by nothing else, and `activation: relu` as written.

Differs from the paper in: with code2017 and v2 what the table shows, and nothing from the authors' code of that state
(their eighth block of September 2017 was built and not used; `v2` has it). With `paper`, where the text is silent: one
gated convolution a block, each with the batch normalisation of the code, and no layer to gather the bands left.
`cell: torch` is faster and another function, see `TorchBiGRUs`.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Literal

import torch
from torch import Tensor, nn

from earmark.encoders.blocks import Activation, ConvBlock, MaxPool
from earmark.encoders.contract import Encoded
from earmark.encoders.keras_gru import Candidate, KerasBiGRUs
from earmark.encoders.torch_gru import TorchBiGRUs
from earmark.masking import MaskedBatchNorm2d, fill_step, valid_steps
from earmark.options import Options

_FILTERS, _LAST, _UNITS = 64, 256, 128
_CONVS = {"paper": (1, 1, 1), "code2017": (2, 2, 2, 1), "v2": (2, 2, 2, 2)}
_CANDIDATES: dict[str, tuple[Candidate, ...]] = {
    "gated": ("linear", "sigmoid"),
    "relu": ("relu",),
    "tanh": ("tanh",),
}


class Xu2018Options(Options):
    """Which of the paper's networks."""

    kind: Literal["xu2018"] = "xu2018"
    variant: Literal["paper", "code2017", "v2"] = "code2017"  # see the table above
    time_pooling: bool = True  # the first three poolings halve time too: tagging; false: detection
    activation: Activation = "glu"  # of the convolutions
    recurrence: Literal["gated", "relu", "tanh"] | None = None  # pair, or one with this candidate; None: by variant
    cell: Literal["keras", "torch"] = "keras"
    last_pools: tuple[int, int] = (2, 4)  # over frequency, before and after the last convolution; not of `paper`


class Xu2018(nn.Module):
    """Gated convolutions, then a gated recurrence.

    >>> encoder = Xu2018(Xu2018Options(), bands=64)
    >>> encoder(torch.zeros(2, 240, 64)).embeddings.shape, encoder.reduction
    (torch.Size([2, 30, 256]), Fraction(8, 1))
    """

    def __init__(self, options: Xu2018Options, bands: int) -> None:
        super().__init__()
        time = 2 if options.time_pooling else 1
        self.reduction = Fraction(time**3)  # frames a step
        convs = _CONVS[options.variant]  # of each block
        self.pools = [(time, 2), (time, 2), (time, 2), (1, options.last_pools[0])][: len(convs)]
        self.blocks = nn.ModuleList(
            ConvBlock(
                _FILTERS if index else 1,
                _FILTERS,
                count,
                activation=options.activation,
                pool=pool,
                pool_kind="max",
                dropout=0.0,
            )
            for index, (count, pool) in enumerate(zip(convs, self.pools, strict=True))
        )
        for _, pool in self.pools:
            bands //= pool
        self.last: Last | None = None
        if options.variant != "paper":
            self.last = Last(_FILTERS, _LAST, options.last_pools[1])
            _check_bands(bands, options)
        width = _LAST if self.last else _FILTERS * bands
        recurrence = options.recurrence or ("tanh" if options.variant == "paper" else "gated")
        recurrent = KerasBiGRUs if options.cell == "keras" else TorchBiGRUs
        self.recurrent = recurrent(width, _UNITS, _CANDIDATES[recurrence])
        self.channels = 2 * _UNITS
        _initialise(self, options.activation)

    def forward(self, features: Tensor, lengths: Tensor | None = None) -> Encoded:
        """Encode scaled features (batch, frames, bands) with `lengths` (batch,) valid frames.

        A clip of fewer frames than a step needs is filled with zeros to one step.
        """
        features, lengths = fill_step(features, lengths, int(self.reduction))
        x = features[:, None].to(memory_format=torch.channels_last)  # (batch, 1, frames, bands)
        for block, (time, _) in zip(self.blocks, self.pools, strict=True):
            x = block(x, None if lengths is None else valid_steps(lengths, x.shape[2]))
            if lengths is not None:
                lengths = torch.div(lengths, time, rounding_mode="floor")
        if self.last is not None:
            x = self.last(x, None if lengths is None else valid_steps(lengths, x.shape[2]))
        steps = x.transpose(1, 2).flatten(2)  # (batch, steps, filters * bands)
        states = self.recurrent(steps, lengths)  # (gru, batch, steps, 256)
        return Encoded(states.prod(dim=0), lengths)


class Last(nn.Module):
    """The wide convolution 3 x 3 with bias and ReLU, without a normalisation, then pooling over frequency."""

    def __init__(self, inputs: int, outputs: int, pool: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.pool = MaxPool((1, pool))

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Map (batch, inputs, steps, bands) to (batch, outputs, steps, bands // pool)."""
        if mask is not None:
            x = x * mask[:, None, :, None]
        out: Tensor = self.pool(self.conv(x).relu_())
        return out


def _check_bands(bands: int, options: Xu2018Options) -> None:
    """`bands` are what is left before the last convolution."""
    left = bands // options.last_pools[1]
    if left != 1:
        raise ValueError(
            f"the poolings must leave one band, but these leave {left}; "
            f"last_pools {options.last_pools} suit 64 bands (2, 4) or (3, 2), and 120 coefficients (2, 4)"
        )


def _initialise(encoder: Xu2018, activation: Activation) -> None:
    """Glorot-uniform kernels and zero biases, as Keras starts them (docs/papers/xu2018.md, section 2.7).

    Linear part and gate were one convolution, so a kernel's fan-out counts both.
    """
    for module in encoder.modules():
        if isinstance(module, MaskedBatchNorm2d):
            module.eps, module.momentum = 1e-3, 0.01
        elif isinstance(module, nn.Conv2d):
            twins = 2 if activation == "glu" and module.bias is None else 1
            limit = math.sqrt(6 / (9 * (module.in_channels + twins * module.out_channels)))
            nn.init.uniform_(module.weight, -limit, limit)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
