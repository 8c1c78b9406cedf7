"""3 x 3 convolutions of small maps with many channels, as one matrix product.

The last blocks of a deep network see few cells (steps times bands) and many channels: Cnn14's last has 31 x 2 cells and
2,048 channels. A convolution kernel, which reorders its weights at every call and makes blocks of neighbouring cells,
then reaches a fifth of what the processor can do. Written out, the neighbourhoods of all cells are one short matrix
(cells, 9 * inputs), and

    y[c, o] = sum over (dt, db, i) of x[c + (dt, db), i] * w[o, dt, db, i]

one product with the weights as they lie in memory (channels last), in the same sum but for its order. Without
gradients, on a processor and from the sizes on that `pays` gives; measured with oneDNN and MKL on AVX-512.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def pays(x: Tensor, weight: Tensor) -> bool:
    """Whether the product is the faster form for x (batch, inputs, steps, bands), `weight` (outputs, inputs, 3, 3)."""
    if x.device.type != "cpu" or torch.is_grad_enabled() or weight.shape[2:] != (3, 3):
        return False
    cells, inputs = x.shape[2] * x.shape[3], x.shape[1]
    if x.dtype == weight.dtype == torch.bfloat16:
        return inputs >= 512 and cells <= 256
    return inputs >= 1024 and cells <= 64


def conv_3x3(conv: nn.Conv2d, x: Tensor) -> Tensor:
    """What `conv`, 3 x 3 with padding 1, gives of x (batch, inputs, steps, bands), in the faster form.

    >>> conv = nn.Conv2d(1024, 8, 3, padding=1)
    >>> x = torch.randn(2, 1024, 5, 2)
    >>> with torch.inference_mode():
    ...     torch.allclose(conv_3x3(conv, x), conv(x), atol=1e-4)
    True
    """
    if not pays(x, conv.weight):
        out: Tensor = conv(x)
        return out
    batch, inputs, steps, bands = x.shape
    padded = F.pad(x.permute(0, 2, 3, 1), (0, 0, 1, 1, 1, 1)).contiguous()  # (batch, steps + 2, bands + 2, inputs)
    clip, step, band, channel = padded.stride()
    around = padded.as_strided((batch, steps, bands, 3, 3, inputs), (clip, step, band, step, band, channel))
    weight = conv.weight.permute(0, 2, 3, 1).reshape(len(conv.weight), -1)  # no copy, with channels last
    product = F.linear(around.reshape(-1, 9 * inputs), weight, conv.bias)
    return product.view(batch, steps, bands, -1).permute(0, 3, 1, 2)
