"""A network as the runtime sees it: an `earmark.engine.Engine` over PyTorch.

Networks whose front-ends and scaling are equal share their features: epochs of one training do, so a further epoch of
a fusion costs its encoder and pooling alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import torch
from torch import Tensor

from earmark.arrays import FloatArray, IntArray
from earmark.clock import Clock
from earmark.devices import Precision, arithmetic_of, resolve_precision
from earmark.engine import WindowPlan, rounded_to_one
from earmark.features import EmbeddingOptions
from earmark.labels import Labels
from earmark.models.captured import CapturedNetwork
from earmark.models.fusion import Fusion, Model
from earmark.models.network import Network
from earmark.pooling import Pooled
from earmark.runtime.ensemble import Ensemble
from earmark.stopwatch import Stopwatch, stage

_WINDOWS = 4  # twice as many: a twentieth less time with the default recipe's network, and half as much memory again
_VALUES = 2**18  # of features, in a batch: with 64 filters in float32, 64 MB of activations a layer
_WINDOWS_GPU = 32
_ALONE_GPU = 8  # of these it is as soon done as with one

Made = TypeVar("Made")


class TorchEngine:
    """Runs a network, which is moved to `device` and put into evaluation mode."""

    def __init__(
        self, network: Network, device: str = "cpu", precision: Precision = "float32", features: Features | None = None
    ) -> None:
        self.network = network.to(device).eval()
        self.device, self.precision = device, resolve_precision(precision, device)
        self.features = features or Features(network)
        self._captured: CapturedNetwork | None = None
        options = network.options
        self.plan = WindowPlan.of(options.window_seconds, options.overlap_seconds, network.rate, network.clock)

    @property
    def labels(self) -> Labels:
        """Labels, in the order of the scores."""
        return self.network.labels

    @property
    def rate(self) -> int:
        """Samples a second of the waveforms it takes."""
        return self.network.rate

    @property
    def clock(self) -> Clock:
        """The clock of its frame scores."""
        return self.network.clock

    @property
    def takes(self) -> Literal["sound", "embeddings"]:
        """What its waveforms hold."""
        return "embeddings" if isinstance(self.network.options.features, EmbeddingOptions) else "sound"

    @property
    def batch(self) -> int:
        """Windows that keep the device busy at once; on a CPU a power of two.

        Matrix products of three rows, as a recurrence makes of three windows, are rounded by place.
        """
        if self.device != "cpu":
            return _WINDOWS_GPU
        front = self.network.front_end
        values = front.frames_in(self.plan.size) * front.bands
        fitting = max(1, min(_WINDOWS, _VALUES // values))
        return 1 << (fitting.bit_length() - 1)

    @property
    def alone(self) -> int:
        """Windows in a batch of a length that few have (`earmark.runtime.ensemble.Panel`)."""
        return 1 if self.device == "cpu" else _ALONE_GPU

    @property
    def arithmetic(self) -> str:
        """Where and in which precision it computes: "cpu, bf16"."""
        return f"{self.device}, {self.precision}"

    @property
    def parameters(self) -> int:
        """Number of trainable parameters."""
        return self.network.parameter_count()

    def fingerprint(self) -> str:
        """Digest of the network's options and weights."""
        return fingerprint_of(self.network)

    def steps_in(self, samples: int) -> int:
        """Frames of the scores of a waveform of this many samples."""
        return self.network.steps_in(samples)

    def listen(
        self, waveform: FloatArray, lengths: IntArray, watch: Stopwatch | None = None
    ) -> tuple[FloatArray, FloatArray]:
        """Clip and frame scores of a batch; see `earmark.engine.Engine.listen`.

        On a CPU a clip has the same scores, bit for bit, at every place of a batch and whatever the other clips of
        the batch are. In a batch of another size, with another number of threads or on another machine they may
        differ by about 1e-7: matrix products are then computed in another order.
        """
        return self.listen_later(waveform, lengths, watch)()

    def memory(self, samples: int) -> FloatArray:
        """An array for samples that the device reads by itself: bringing it there makes nobody wait."""
        made: FloatArray = torch.zeros(samples, pin_memory=self.device.startswith("cuda")).numpy()
        return made

    @torch.inference_mode()
    def listen_later(self, waveform: FloatArray, lengths: IntArray, watch: Stopwatch | None = None) -> Later:
        """`listen` as a function that waits for the scores: a GPU computes until it is called.

        Until then the arrays must stay as they are.
        """
        pooled = self._computed(self._classify, waveform, lengths, watch)
        clip, frames = Coming(pooled.clip), Coming(pooled.frames)
        return Later(lambda: (rounded_to_one(clip()), rounded_to_one(frames())), frames.done)

    def _classify(self, features: Tensor, lengths: Tensor | None) -> Pooled:
        """As `Network.classify`; on a CPU each clip is pooled alone.

        PyTorch computes the sigmoid of most values of an array with vector instructions and of the last few, which do
        not fill a vector, in another way; with several threads those are the last few of each thread's part. The
        classes of a frame seldom fill whole vectors, so these few would fall on other frames of a clip at other places
        of the batch. In encoders whole maps do fill them, and `even_sigmoid` (`encoders.mobilenet`) is used where they
        do not.
        """
        if self.device.startswith("cuda"):
            return self._recorded(features, lengths)
        if self.device != "cpu" or len(features) == 1:
            return self.network.classify(features, lengths)
        embeddings, steps = self.network.encoder(features, lengths)
        pooled: list[Pooled] = []
        for row in range(len(features)):
            own = slice(row, row + 1)
            pooled.append(self.network.pooling(embeddings[own], None if steps is None else steps[own]))
        clip, frames, weights, *_ = zip(*pooled, strict=True)
        return Pooled(torch.cat(clip), torch.cat(frames), torch.cat(weights))

    def _recorded(self, features: Tensor, lengths: Tensor | None) -> Pooled:
        """As `Network.classify`; full batches by a recording of what the device does for them."""
        if self._captured is None:
            self._captured = CapturedNetwork(self.network, self.batch)
        return self._captured(features, lengths)

    def _computed(
        self,
        compute: Callable[[Tensor, Tensor | None], Made],
        waveform: FloatArray,
        lengths: IntArray,
        watch: Stopwatch | None,
    ) -> Made:
        """What `compute` makes of the features of a batch and their valid frames (None: all)."""
        kind = self.device.partition(":")[0]
        with (
            arithmetic_of(self.precision),
            torch.autocast(kind, dtype=torch.bfloat16, enabled=self.precision == "bf16"),
        ):
            with stage(watch, "features"):
                features, frames = self.features.of(waveform, lengths, self.device)
                self._wait(watch)
            with stage(watch, "model"):
                made = compute(features, frames)
                self._wait(watch)
        return made

    def _wait(self, watch: Stopwatch | None) -> None:
        """A GPU returns before its work is done; a measured stage ends when it is."""
        if watch is not None and self.device.startswith("cuda"):
            torch.cuda.synchronize(self.device)


def fingerprint_of(network: Network) -> str:
    """Digest of a network's options and weights."""
    digest = hashlib.sha256(network.options.model_dump_json().encode())
    for name, tensor in sorted(network.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


class Features:
    """Features of the batch at hand, computed once for all networks that share them."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self._waveform: FloatArray | None = None
        self._made: tuple[Tensor, Tensor | None] | None = None

    def of(self, waveform: FloatArray, lengths: IntArray, device: str) -> tuple[Tensor, Tensor | None]:
        """Features (batch, frames, bands) of waveforms (batch, samples), and the valid frames of each (None: all)."""
        if self._made is None or self._waveform is not waveform:
            self._made = None  # the features of the last batch need not stay while these are computed
            whole = bool((lengths == waveform.shape[1]).all())
            valid = None if whole else torch.from_numpy(lengths).to(device)
            self._made = self.network.features(torch.from_numpy(waveform).to(device, non_blocking=True), valid)
            self._waveform = waveform
        return self._made


def engine_of(model: Model, device: str = "cpu", precision: Precision = "float32") -> TorchEngine | Ensemble:
    """The engine of a network, or of several fused. `ConfigError` on an unknown device or precision."""
    return _engine(model, device, resolve_precision(precision, device), [])


def _engine(model: Model, device: str, precision: Precision, known: list[Features]) -> TorchEngine | Ensemble:
    if isinstance(model, Fusion):
        return Ensemble([_engine(member, device, precision, known) for member in model.members], model.names)
    features = next((each for each in known if share_features(each.network, model)), None)
    if features is None:
        features = Features(model)
        known.append(features)
    return TorchEngine(model, device, precision, features)


def share_features(one: Network, other: Network) -> bool:
    """Whether front-ends and per-band scaling are equal, anything learned in them included."""
    if one.options.features != other.options.features:
        return False
    for part in ("front_end", "scaling"):
        first, second = (network.get_submodule(part).state_dict() for network in (one, other))
        if first.keys() != second.keys() or not all(torch.equal(first[name], second[name]) for name in first):
            return False
    return True


def network_of(model: TorchEngine | Ensemble | object) -> Network:
    """The network behind an engine; of an ensemble its first. `TypeError` where it is not in PyTorch."""
    if isinstance(model, Ensemble):
        return network_of(model.members[0])
    if isinstance(model, TorchEngine):
        return model.network
    raise TypeError(f"{type(model).__name__} has no network in PyTorch")


def probabilities(tensor: Tensor) -> FloatArray:
    """Probabilities as numpy."""
    return rounded_to_one(Coming(tensor)())


class Coming:
    """A tensor on its way to the host, as float32; from a GPU it sets out at once."""

    def __init__(self, tensor: Tensor) -> None:
        self._event: Any = None
        self._tensor = tensor.float()
        if tensor.is_cuda:
            self._tensor = torch.empty(tensor.shape, dtype=torch.float32, pin_memory=True)
            self._tensor.copy_(tensor, non_blocking=True)
            self._event = torch.cuda.Event()  # type: ignore[no-untyped-call]
            self._event.record()

    def done(self) -> bool:
        """Whether it is there."""
        return self._event is None or bool(self._event.query())

    def __call__(self) -> FloatArray:
        """The values, once they are there."""
        if self._event is not None:
            self._event.synchronize()
        found: FloatArray = self._tensor.numpy()
        return found


@dataclass(frozen=True)
class Later:
    """Scores that a device may still compute: called, it waits for them; `done` says whether it would."""

    wait: Callable[[], tuple[FloatArray, FloatArray]]
    done: Callable[[], bool]

    def __call__(self) -> tuple[FloatArray, FloatArray]:
        """The scores."""
        return self.wait()
