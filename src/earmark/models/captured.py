"""A network's way from features to probabilities as one launch on an NVIDIA GPU: a CUDA graph.

A network is some hundred kernels, each a few microseconds of work for the host; a GPU is done with windows of ten
seconds before the host has launched them. Recorded once and replayed, they are one launch. A recording is of one shape
of input and holds the memory of all that lies between, so that only batches of one shape are recorded, the full ones;
all others take the usual way. It holds the weights by their place in memory, and is made anew when they were changed.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from earmark.models.network import Network
from earmark.pooling import Pooled


class CapturedNetwork:
    """`Network.classify` in evaluation, recorded for features of one shape (batch, frames, bands), all valid."""

    def __init__(self, network: Network, shape: tuple[int, int, int]) -> None:
        self.network, self.shape = network, shape
        self._state: tuple[Any, ...] | None = None
        self._features: Tensor
        self._graph: Any
        self._made: Pooled

    def __call__(self, features: Tensor, lengths: Tensor | None = None) -> Pooled:
        """As `Network.classify`; to be called within the precision and the inference mode of always the same kind."""
        if lengths is not None or tuple(features.shape) != self.shape or not features.is_cuda:
            return self.network.classify(features, lengths)
        state = self._of_weights()
        if state != self._state:
            self._record(features)
            self._state = state
        self._features.copy_(features)
        self._graph.replay()
        return Pooled(*(None if part is None else part.clone() for part in self._made))  # the next replay writes there

    def _of_weights(self) -> tuple[Any, ...]:
        return tuple((weight.data_ptr(), weight._version) for weight in self.network.parameters())

    def _record(self, features: Tensor) -> None:
        self._graph = torch.cuda.CUDAGraph()
        self._features = features.clone()
        tries = torch.backends.cudnn.benchmark
        torch.backends.cudnn.benchmark = True  # the fastest algorithms for this shape are looked for once
        try:
            with torch.autocast(
                "cuda", dtype=torch.bfloat16, enabled=torch.is_autocast_enabled("cuda"), cache_enabled=False
            ):
                beside = torch.cuda.Stream()
                beside.wait_stream(torch.cuda.current_stream())
                with torch.cuda.stream(beside):
                    self.network.classify(self._features)  # what happens once happens before the recording
                torch.cuda.current_stream().wait_stream(beside)
                with torch.cuda.graph(self._graph):
                    self._made = self.network.classify(self._features)
        finally:
            torch.backends.cudnn.benchmark = tries
