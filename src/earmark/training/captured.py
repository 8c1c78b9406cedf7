"""The way from features to the loss and back as two launches on an NVIDIA GPU: CUDA graphs.

An update is some hundred kernels, each a few microseconds of work for the host; a GPU would wait for most of them.
Recorded once and replayed, the forward pass is one launch and the backward pass another. A recording is of one shape of
batch, of the weights by their place in memory and of the modes of all modules; anything else takes the usual way. What
a replay draws follows from the seed that the generator has then, so that dropout stays a function of (seed, step), the
same as without a recording.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from earmark.devices import recording

Given = tuple[Tensor, Tensor | None, Tensor]  # features (batch, frames, bands), valid frames (None: all), targets
Loss = Callable[[Tensor, Tensor | None, Tensor], Tensor]

_LOG = logging.getLogger(__name__)
_MOST = 2  # recordings, each of which holds the memory of an update
_TRIALS = 2  # before a recording: what happens once, such as the choice of algorithms, happens in these


class CapturedLoss:
    """The loss of a network in training, recorded for the first kinds of batches that come."""

    def __init__(self, network: nn.Module, loss: Loss) -> None:
        self.network, self.loss = network, loss
        self.possible = True  # until a network does what cannot be recorded
        self._made: dict[tuple[Any, ...], Recording] = {}

    def __call__(self, features: Tensor, lengths: Tensor | None, targets: Tensor) -> Tensor:
        """The loss, ready for `backward`, which must come before the next loss is asked for."""
        if not self.usable(features):
            return self.loss(features, lengths, targets)
        given = features, lengths, targets
        kind = self._kind(given)
        if kind not in self._made and len(self._made) < _MOST:
            self._record(kind, given)
        if kind not in self._made:
            return self.loss(features, lengths, targets)
        made = self._made[kind]
        made.take(given)
        found: Tensor = _Replayed.apply(made, *made.weights)  # type: ignore[no-untyped-call]
        return found

    def usable(self, features: Tensor) -> bool:
        """Whether recordings are for these features, at this moment."""
        return features.is_cuda and self.possible and torch.is_grad_enabled() and not features.requires_grad

    def _kind(self, given: Given) -> tuple[Any, ...]:
        shapes = tuple(None if tensor is None else tuple(tensor.shape) for tensor in given)
        weights = tuple((weight.data_ptr(), weight.requires_grad) for weight in self.network.parameters())
        modes = tuple(module.training for module in self.network.modules())
        return shapes, torch.is_autocast_enabled("cuda"), weights, modes

    def _record(self, kind: tuple[Any, ...], given: Given) -> None:
        """Make a recording, where the network does nothing that cannot be recorded; nothing else is changed."""
        buffers = [(buffer, buffer.clone()) for buffer in self.network.buffers()]
        generator = torch.cuda.default_generators[given[0].get_device()]
        before, seed, offset = generator.graphsafe_get_state(), generator.initial_seed(), generator.get_offset()
        generator.graphsafe_set_state(generator.clone_state())  # of a recording that fails the state is of no use
        try:
            bf16 = torch.is_autocast_enabled("cuda")
            with torch.autocast("cuda", dtype=torch.bfloat16, enabled=bf16, cache_enabled=False):
                self._made[kind] = Recording(self.network, self.loss, given)
        except RuntimeError as error:
            self.possible = False
            _LOG.warning(
                "updates are not recorded as CUDA graphs, so each takes longer: %s", str(error).partition("\n")[0]
            )
            generator.graphsafe_set_state(before)
        generator.manual_seed(seed)
        generator.set_offset(offset)
        with torch.no_grad():
            for buffer, value in buffers:
                buffer.copy_(value)


class Recording:
    """Forward and backward pass of one kind of batch, with the memory of all that lies between."""

    def __init__(self, network: nn.Module, loss: Loss, given: Given) -> None:
        self.weights = [weight for weight in network.parameters() if weight.requires_grad]
        features, lengths, targets = given
        self.given: Given = features.clone(), None if lengths is None else lengths.clone(), targets.clone()
        self.slope = torch.ones((), device=features.device)
        beside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        beside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(beside):
            for _ in range(_TRIALS):
                self._slopes(loss(*self.given))
        torch.cuda.current_stream().wait_stream(beside)
        self.forward, self.backward = torch.cuda.CUDAGraph(), torch.cuda.CUDAGraph()
        pool = torch.cuda.graph_pool_handle()
        with recording(self.forward, pool):
            found = loss(*self.given)
        with recording(self.backward, pool):
            self.slopes = self._slopes(found)
        self.loss = found.detach()  # and nothing of the graph of operators, which would tie the weights to a stream

    def take(self, given: Given) -> None:
        """Bring a batch to where the next replay looks for it."""
        for own, tensor in zip(self.given, given, strict=True):
            if own is not None and tensor is not None:
                own.copy_(tensor)

    def _slopes(self, loss: Tensor) -> tuple[Tensor | None, ...]:
        return torch.autograd.grad(loss, self.weights, self.slope, allow_unused=True)


class _Replayed(torch.autograd.Function):
    """A recording, as an operator with a gradient."""

    @staticmethod
    def forward(ctx: Any, made: Recording, *weights: Tensor) -> Tensor:
        made.forward.replay()
        ctx.made = made
        return made.loss.clone()  # the next replay writes there

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor | None, ...]:
        made: Recording = ctx.made
        for weight, slope in zip(made.weights, made.slopes, strict=True):
            if weight.grad is not None and slope is not None and weight.grad.data_ptr() == slope.data_ptr():
                weight.grad = weight.grad.clone()  # to be added to, and the replay writes there
        made.slope.copy_(slopes[0])
        made.backward.replay()
        return None, *(None if slope is None else slope.detach() for slope in made.slopes)
