"""The model in the package, run by ONNX Runtime or by PyTorch, a batch of windows at a time."""

from __future__ import annotations

import time
from typing import Any

import numpy as np


def start(engine: str, precision: str = "float32") -> dict[str, Any]:
    """Jobs of an engine: `scores` takes a batch as large as the engine wants it, and returns the clips in it."""
    from earmark.hub import box
    from earmark.opening import open_tagger

    model: Any = open_tagger([box.directory()], device="cpu", precision=precision, engine=engine).model
    if engine == "torch":
        from earmark.devices import tune_allocator

        tune_allocator()
    noise = np.random.default_rng(0).standard_normal((model.batch, model.plan.size), np.float32)
    waveform, lengths = 0.05 * noise, np.full(model.batch, model.plan.size)

    def scores() -> int:
        model.listen(waveform, lengths)
        return len(waveform)

    return {
        "scores": scores,
        "clip": lambda: model.listen(waveform[:1], lengths[:1])[0].tolist(),
        "floor": lambda: floor(waveform[:1]),
    }


def floor(waveform: np.ndarray) -> tuple[float, float]:
    """Operations of the convolutions of a window, and how many a second this core does in float32 at best."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from earmark.hub import box
    from earmark.models.fast import PackedLinear
    from earmark.models.network import Network

    network = Network.from_pretrained(box.directory())
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        network(torch.from_numpy(waveform))
    counts = counter.get_flop_counts()["Global"]
    operations = sum(count for operator, count in counts.items() if "convolution" in str(operator))
    rows, size = 2048, 512
    layer, x = PackedLinear(torch.nn.Linear(size, size), torch.float32), torch.randn(rows, size)
    taken = []
    with torch.inference_mode():
        for _ in range(50):
            begin = time.thread_time()
            layer(x)
            taken.append(time.thread_time() - begin)
    return float(operations), 2 * rows * size * size / min(taken)
