from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from earmark.encoders import Encoded
from earmark.encoders.contract import rest_of


@torch.no_grad()
def _warm_up(module: nn.Module, seed: int = 0) -> nn.Module:
    generator = torch.Generator().manual_seed(seed)
    for layer in module.modules():
        if isinstance(layer, nn.modules.batchnorm._BatchNorm):
            for tensor, low, high in (
                (layer.running_mean, -0.5, 0.5),
                (layer.running_var, 0.5, 2.0),
                (layer.weight, 0.5, 1.5),
                (layer.bias, -0.5, 0.5),
            ):
                tensor.uniform_(low, high, generator=generator)
    return module.eval()


@pytest.fixture
def warm_up() -> Callable[..., nn.Module]:
    """Give every normalisation something to scale and shift by, as training would; then evaluation mode."""
    return _warm_up


@pytest.fixture
def check_alone() -> Callable[..., Encoded]:
    """An encoder gives each clip of random features the same alone and beside longer ones, by its own reduction."""

    @torch.no_grad()
    def check(encoder: nn.Module, bands: int, lengths: list[int]) -> Encoded:
        _warm_up(encoder)
        batch = torch.randn(len(lengths), max(lengths), bands, generator=torch.Generator().manual_seed(1))
        for row, length in zip(batch, lengths, strict=True):
            row[length:] = 0
        together = encoder(batch, torch.tensor(lengths))
        for row, length in enumerate(lengths):
            steps = max(1, (length + rest_of(encoder)) // int(encoder.reduction))
            alone, alone_lengths = encoder(batch[row : row + 1, :length])
            assert alone_lengths is None
            assert alone.shape == (1, steps, encoder.channels)
            assert together.lengths[row] == steps
            torch.testing.assert_close(together.embeddings[row, :steps], alone[0], atol=1e-5, rtol=1e-5)
        return together

    return check


@pytest.fixture
def kernels_on(monkeypatch: pytest.MonkeyPatch) -> str:
    """The device on which Triton's kernels are tried: a GPU, or else the CPU, by the interpreter; used by default."""
    pytest.importorskip("triton", reason="Triton, which comes with PyTorch for NVIDIA GPUs, is not installed")
    monkeypatch.setattr("earmark.encoders.fused_norm.usable", lambda x: True)
    if torch.cuda.is_available():
        return "cuda"
    from triton.runtime import interpreter

    patch_tensor = interpreter._patch_lang_tensor

    def patched(tensor: Any, scope: Any) -> None:
        patch_tensor(tensor, scope)
        scope.set_attr(tensor, "__index__", lambda self: self.handle.data.item())  # its own fails with numpy 2.4

    monkeypatch.setattr(interpreter, "_patch_lang_tensor", patched)
    monkeypatch.setattr(interpreter.InterpreterBuilder, "create_dot", _dot)
    return "cpu"


def _dot(self: Any, a: Any, b: Any, d: Any, *precision: Any) -> Any:
    """The interpreter's own multiplies the bits of bfloat16 numbers as if they were integers."""
    import triton.language as tl
    from triton.runtime.interpreter import TensorHandle

    def values(x: Any) -> Any:
        if x.dtype.scalar != tl.bfloat16:
            return x.data
        return (x.data.astype(np.uint32) << 16).view(np.float32)

    return TensorHandle(np.matmul(values(a), values(b), dtype=d.data.dtype) + d.data, d.dtype.scalar)
