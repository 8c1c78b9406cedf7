"""A network's way from features to probabilities as one launch on an NVIDIA GPU: a CUDA graph.

A network is some hundred kernels, each a few microseconds of work for the host; a GPU is done with ten seconds of sound
before the host has launched them. Recorded once and replayed, they are one launch. A recording is of one shape of
input and holds the memory of all that lies between, so that only batches of one shape are recorded, the full ones; all
others take the usual way. It has the weights by their place in memory, and is made anew when they were changed.
"""

from __future__ import annotations

import threading
from typing import Any

import torch
from torch import Tensor

from earmark.models.network import Network
from earmark.pooling import Pooled


class CapturedNetwork:
    """`Network.classify` in evaluation, recorded for features of one shape (batch, frames, bands), all valid."""

    def __init__(self, network: Network, shape: tuple[int, int, int]) -> None:
        self.network, self.shape = network, shape
        self.possible = True  # until a network does what cannot be recorded
        self._lock = threading.Lock()  # there is one place for the input
        self._state: tuple[Any, ...] | None = None
        self._features: Tensor
        self._graph: Any
        self._made: Pooled

    def __call__(self, features: Tensor, lengths: Tensor | None = None) -> Pooled:
        """As `Network.classify`; to be called in inference mode, and always in the same precision."""
        if not (features.is_cuda and lengths is None and tuple(features.shape) == self.shape and self.possible):
            return self.network.classify(features, lengths)
        with self._lock:
            state = tuple((weight.data_ptr(), weight._version) for weight in self.network.parameters())
            if state != self._state:
                try:
                    self._record(features)
                except RuntimeError:
                    self.possible = False
                    return self.network.classify(features)
                self._state = state
            self._features.copy_(features)
            self._graph.replay()
            found: Any = (None if part is None else part.clone() for part in self._made)  # the next replay writes there
            return Pooled(*found)

    def _record(self, features: Tensor) -> None:
        self._graph, self._features = torch.cuda.CUDAGraph(), features.clone()
        before, torch.backends.cudnn.benchmark = torch.backends.cudnn.benchmark, True  # looked for once, at the trial
        bf16 = torch.is_autocast_enabled("cuda")
        try:
            with torch.autocast("cuda", dtype=torch.bfloat16, enabled=bf16, cache_enabled=False):
                beside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
                beside.wait_stream(torch.cuda.current_stream())
                with torch.cuda.stream(beside):
                    self.network.classify(self._features)  # what happens once happens here
                torch.cuda.current_stream().wait_stream(beside)
                with torch.cuda.graph(self._graph, capture_error_mode="thread_local"):
                    self._made = self.network.classify(self._features)
        finally:
            torch.backends.cudnn.benchmark = before
