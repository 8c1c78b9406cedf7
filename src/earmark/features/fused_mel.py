"""From the spectrum of frames to the logarithm of their mel bands in one pass, on an NVIDIA GPU under bfloat16.

PyTorch's operators read and write every bin five times: real part, imaginary part, both squared, their sum, and the
products with the filters. Here each is read once. All is float32; products are sums of three in TF32 (the larger parts
of what TF32 leaves of a float32), so that a band is as near to its value as in float32.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

_ROWS, _BLOCK, _WARPS = 32, 32, 4  # frames of a program, and bins that it has at a time


def log_bands(
    spectrum: Tensor,
    filters: Tensor,
    *,
    power: Literal[1, 2],
    log: Literal["ln", "db"],
    floor: float,
    floor_kind: Literal["add", "clamp"],
) -> Tensor:
    """Bands (batch, frames, bands) of a complex spectrum (batch, frames, bins), by filters (bins, bands).

    Of a spectrum with more bins than filters the first are taken.
    """
    from earmark.features.mel_kernels import mel_kernel

    batch, frames, bins = spectrum.shape
    bands = filters.shape[1]
    rows = torch.view_as_real(spectrum.contiguous())
    out = filters.new_empty(batch, frames, bands)
    if out.numel():
        padded = max(16, 1 << (bands - 1).bit_length())
        mel_kernel[(-(-batch * frames // _ROWS),)](
            rows, filters.contiguous(), out, batch * frames, min(bins, len(filters)), 2 * bins, floor, bands, padded,
            power, log == "db", floor_kind == "clamp", _ROWS, _BLOCK, num_warps=_WARPS,
        )  # fmt: skip
    return out
