"""A network's way from features to probabilities as one launch on an NVIDIA GPU: a CUDA graph.

A network is some hundred kernels, each a few microseconds of work for the host; a GPU is done with ten seconds of sound
before the host has launched them. Recorded once and replayed, they are one launch. A recording is of one shape of
input and holds the memory of all that lies between, so that only full batches are recorded, of whole windows and of
the longest recordings that are not cut; all others take the usual way. It has the weights by their place in memory, and
is made anew when they were changed.

What is recorded is what the usual way does, by the algorithms that cuDNN chooses without trying: a run that is stopped
and goes on gives the same scores.
"""

from __future__ import annotations

import logging
import threading
from typing import Any

import torch
from torch import Tensor

from earmark.devices import recording
from earmark.models.network import Network
from earmark.pooling import Pooled

_LOG = logging.getLogger(__name__)
_MOST = 2  # recordings


class CapturedNetwork:
    """`Network.classify` in evaluation, recorded for features of `batch` clips, all valid, of the first lengths."""

    def __init__(self, network: Network, batch: int) -> None:
        self.network, self.batch = network, batch
        self.possible = True  # until a network does what cannot be recorded
        self._made: dict[tuple[Any, ...], _Recording] = {}
        self._lock = threading.Lock()  # there is one place for the input

    def __call__(self, features: Tensor, lengths: Tensor | None = None) -> Pooled:
        """As `Network.classify`; to be called in inference mode, and always in the same precision."""
        if not (features.is_cuda and lengths is None and len(features) == self.batch and self.possible):
            return self.network.classify(features, lengths)
        with self._lock:
            made = self._of(features)
            return self.network.classify(features) if made is None else made(features)

    def _of(self, features: Tensor) -> _Recording | None:
        """The recording for these features, which may be made now; None where there are enough, or can be none."""
        state = tuple((weight.data_ptr(), weight._version) for weight in self.network.parameters())
        kind = tuple(features.shape)
        known = self._made.get(kind)
        if known is not None and known.state == state:
            return known
        if known is None and len(self._made) >= _MOST:
            return None
        try:
            self._made[kind] = _Recording(self.network, features, state)
        except RuntimeError as error:
            self.possible = False
            _LOG.warning(
                "batches are not recorded as CUDA graphs, so each takes longer: %s", str(error).partition("\n")[0]
            )
            return None
        return self._made[kind]


class _Recording:
    """What a network does with features of one shape, and with weights in one `state`."""

    def __init__(self, network: Network, features: Tensor, state: tuple[Any, ...]) -> None:
        self.state, self.features = state, features.clone()
        self.graph = torch.cuda.CUDAGraph()
        bf16 = torch.is_autocast_enabled("cuda")
        with torch.autocast("cuda", dtype=torch.bfloat16, enabled=bf16, cache_enabled=False):
            beside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
            beside.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(beside):
                network.classify(self.features)  # what happens once, such as compiling, happens here
            torch.cuda.current_stream().wait_stream(beside)
            with recording(self.graph, torch.cuda.graph_pool_handle()):
                self.made = network.classify(self.features)

    def __call__(self, features: Tensor) -> Pooled:
        self.features.copy_(features)
        self.graph.replay()
        found: Any = (None if part is None else part.clone() for part in self.made)  # the next replay writes there
        return Pooled(*found)
