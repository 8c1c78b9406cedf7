"""The network: front-end, encoder and pooling in one module, clips in, clip and frame probabilities out.

A model directory explains itself:

    config.json           `ModelOptions`: labels, front-end, encoder, pooling, window; with a format version
    model.safetensors     weights, per-band scaling included
    operating_point.json  per-label thresholds and smoothing (read by the decisions, not here)
    README.md             the model card
    recipe.yaml, log.csv  how it was trained

Nothing is pickled and nothing is guessed at load: a key too many or too few, or a later version, is refused.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, Self, cast

import safetensors
import safetensors.torch
import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from earmark.clock import Clock
from earmark.encoders import CRNNOptions, Encoder, EncoderOptions, build_encoder
from earmark.encoders.contract import rest_of, shift_of
from earmark.errors import ConfigError, ModelError
from earmark.features import BandScaling, Embedding, FeatureOptions, FrontEnd, LogMelOptions, build_features
from earmark.features.contract import Count, at_least, fill_frames
from earmark.files import read_json, write_aside, write_text
from earmark.labels import Labels
from earmark.masking import valid_steps
from earmark.options import Options, shown
from earmark.pooling import AttentionOptions, Pooled, PoolingOptions, build_pooling
from earmark.runtime.directory import CONFIG, FORMAT_VERSION, check_model
from earmark.runtime.onnx import TWIN, WEIGHTS

LARGEST, FASTEST = 65_536, 1_000_000  # of any size of a network, and of the sample rate in Hz
LONGEST = 86_400.0  # seconds of a window


class NetworkOptions(Options):
    """The part of a recipe that describes the network: everything except the labels."""

    features: FeatureOptions = LogMelOptions()
    encoder: EncoderOptions = CRNNOptions()
    pooling: PoolingOptions = AttentionOptions()
    scale_bands: bool = True  # features to zero mean and unit deviation per band over the training data
    window_seconds: float = Field(10.0, gt=0)  # longest stretch scored in one piece; longer recordings are cut
    overlap_seconds: float = Field(2.0, ge=0)  # by which neighbouring windows overlap, scores cross-faded

    @model_validator(mode="after")
    def _check(self) -> Self:
        for part in ("features", "encoder", "pooling"):
            for key, size in sizes(getattr(self, part).model_dump()):
                if size > (FASTEST if key == "rate" else LARGEST):
                    raise ValueError(f"{part}.{key}: {shown(size)} is more than any network has")
        if self.window_seconds > LONGEST:
            raise ValueError(f"window_seconds: {self.window_seconds:g} s is more than a day")
        if self.overlap_seconds > self.window_seconds / 2:
            raise ValueError(
                f"overlap_seconds ({self.overlap_seconds}) is more than half of window_seconds ({self.window_seconds})"
            )
        return self


class ModelOptions(NetworkOptions):
    """The content of config.json."""

    format_version: Literal[1] = 1
    labels: tuple[str, ...] = Field(min_length=1)


class Network(nn.Module):
    """Waveforms (batch, samples), or embeddings (batch, vectors, bands), to clip and frame probabilities.

    >>> options = ModelOptions(labels=("dog", "siren"), encoder=CRNNOptions(channels=(8,), pools=(8,), units=8))
    >>> network = Network(options)
    >>> pooled = network(torch.zeros(1, 32_000))
    >>> pooled.clip.shape, pooled.frames.shape
    (torch.Size([1, 2]), torch.Size([1, 25, 2]))
    """

    def __init__(self, options: ModelOptions) -> None:
        super().__init__()
        self.options = options
        self.labels = Labels(options.labels)
        try:
            self.front_end = cast(FrontEnd, build_features(options.features))
        except ValueError as error:
            raise ConfigError(f"features: {error}") from error
        self.scaling = BandScaling(self.front_end.bands)
        try:
            self.encoder = cast(Encoder, build_encoder(options.encoder, self.front_end.bands))
        except ValueError as error:
            raise ConfigError(f"encoder: {error}") from error
        self.pooling = build_pooling(options.pooling, self.encoder.channels, len(self.labels))
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    @property
    def rate(self) -> int:
        """Samples a second that the waveform must have; of embeddings, values a second."""
        return self.options.features.rate

    @property
    def clip_rate(self) -> Fraction:
        """What clips have a second in a training: samples of sound, or vectors of embeddings."""
        return 1 / self.front_end.clock.step if isinstance(self.front_end, Embedding) else Fraction(self.rate)

    @property
    def clock(self) -> Clock:
        """The clock of the frame scores."""
        front = self.front_end.clock
        return Clock(front.step * self.encoder.reduction, front.start + front.step * shift_of(self.encoder))

    def steps_in(self, samples: Count) -> Count:
        """Steps of the frame scores of clips of this many samples."""
        return self.steps_of(self.front_end.frames_in(samples))

    def steps_of(self, frames: Count) -> Count:
        """Steps of the frame scores for this many frames of features."""
        reduction = self.encoder.reduction
        return at_least((frames + rest_of(self.encoder)) * reduction.denominator // reduction.numerator, 1)

    def features(self, clips: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """Scaled features (batch, frames, bands) and the valid frames of each clip.

        `clips` are waveforms (batch, samples), or embeddings (batch, vectors, bands) for a network that takes them.
        `lengths` (batch,) counts the valid samples or vectors of each clip; what lies beyond must be zero. None says
        that all are valid, which is faster: the caller, which knows the lengths as numbers, decides it, for here
        their values are never read. Frames beyond a clip's end are zero, unless the front-end fills short clips
        (`fill`).
        """
        features, frames = self.unscaled(clips, lengths)
        features = self.scaling(features)
        if frames is None:
            return features, None
        return features * valid_steps(frames, features.shape[1])[:, :, None], frames

    def unscaled(self, clips: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """Features as the front-end gives them, and the valid frames of each clip (None: all).

        `ValueError` for embeddings where the front-end takes sound, or vectors of another width.
        """
        if clips.ndim == 3:
            features, frames = self._vectors(clips), lengths
        else:
            features = self.front_end(clips, lengths)
            frames = None if lengths is None else self.front_end.frames_in(lengths)
        least = self.options.features.fill
        return (features, frames) if least is None else fill_frames(features, frames, least)

    def _vectors(self, clips: Tensor) -> Tensor:
        """Embeddings (batch, vectors, bands), which are features as they are."""
        if not isinstance(self.front_end, Embedding) or clips.shape[2] != self.front_end.bands:
            kind = self.options.features.kind
            raise ValueError(f"the front-end {kind!r} takes no clips of shape {tuple(clips.shape)}")
        return clips.float()

    def classify(self, features: Tensor, lengths: Tensor | None = None) -> Pooled:
        """Scaled features (batch, frames, bands) to probabilities; `lengths` counts valid frames."""
        encoded = self.encoder(features, lengths)
        pooled: Pooled = self.pooling(encoded.embeddings, encoded.lengths)
        return pooled

    def forward(self, clips: Tensor, lengths: Tensor | None = None) -> Pooled:
        """Probabilities of a batch of clips; both as in `features`."""
        return self.classify(*self.features(clips, lengths))

    def parameter_count(self) -> int:
        """Trainable parameters."""
        return sum(parameter.numel() for parameter in self.parameters() if parameter.requires_grad)

    def save_pretrained(self, directory: str | os.PathLike[str]) -> None:
        """Write config.json and model.safetensors; each appears whole or not at all. `OutputError` if it cannot.

        An ONNX twin of former weights is removed.
        """
        folder = Path(directory)
        state = {name: tensor.detach().cpu().contiguous() for name, tensor in self.state_dict().items()}
        with write_aside(folder / WEIGHTS) as temporary:
            temporary.write_bytes(safetensors.torch.save(state, metadata={"format": "pt"}))
        (folder / TWIN).unlink(missing_ok=True)
        write_text(folder / CONFIG, self.options.model_dump_json(indent=2) + "\n")

    @classmethod
    def from_pretrained(cls, directory: str | os.PathLike[str], device: str = "cpu") -> Self:
        """Read a model directory, in evaluation mode. `ModelError` if it is missing, damaged or of a later version."""
        folder = Path(directory)
        options = read_options(folder)
        try:
            with _Undrawn():
                network = cls(options)
        except (RuntimeError, MemoryError) as error:  # sizes that are each allowed can ask for too much together
            raise ModelError(f"{folder / CONFIG}: no memory for so large a network") from error
        fill_weights(folder / WEIGHTS, network.state_dict())
        return network.to(device).eval()


def sizes(data: Any, key: str = "") -> Iterator[tuple[str, int]]:
    """Every whole number in plain options, with the key it stands under.

    >>> list(sizes({"channels": (8, 16), "gate": {"units": 4}, "bias": True}))
    [('channels', 8), ('channels', 16), ('units', 4)]
    """
    if isinstance(data, dict):
        for name, value in data.items():
            yield from sizes(value, name)
    elif isinstance(data, list | tuple):
        for value in data:
            yield from sizes(value, key)
    elif isinstance(data, int) and not isinstance(data, bool):
        yield key, data


class _Undrawn(TorchFunctionMode):
    """Within, weights are not drawn (from uniform distributions, as most are): they stay memory not yet touched.

    On the device `meta` they would take none at all, but that loads half a second of library first.
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in (Tensor.uniform_, nn.init.uniform_, nn.init.kaiming_uniform_):
            return args[0] if args else kwargs["tensor"]
        if func is Tensor.to and (layout := (kwargs or {}).get("memory_format")) is not None:
            return torch.empty_like(args[0], memory_format=layout)  # of kernels alone, and nothing is in them yet
        return func(*args, **(kwargs or {}))


def read_options(folder: Path) -> ModelOptions:
    """The checked content of config.json; `ModelError` when it is missing, damaged or of a later version."""
    check_model(folder)
    path = folder / CONFIG
    try:
        data: Any = read_json(path)
    except ValueError as error:  # no JSON, no UTF-8, nested too deep
        raise ModelError(f"{path} is damaged: {error}") from error
    if not isinstance(data, dict):
        raise ModelError(f"{path} is damaged: expected an object, got {type(data).__name__}")
    if data.get("kind") == "fusion":
        raise ModelError(
            f"{folder} is a fusion of several models, but a single model is needed; choose one of its members/"
        )
    version = data.get("format_version")
    if version != FORMAT_VERSION:
        hint = ": it was made by a newer earmark; upgrade to use it" if isinstance(version, int) and version > 1 else ""
        raise ModelError(f"{path}: format_version is {version!r}, this earmark reads {FORMAT_VERSION}{hint}")
    try:
        return ModelOptions.parse(data, str(path))
    except ConfigError as error:
        raise ModelError(str(error)) from error


def read_weights(path: Path, expected: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights with exactly the names and shapes expected; `ModelError` otherwise."""
    state = {name: torch.empty_like(tensor, device="cpu") for name, tensor in expected.items()}
    fill_weights(path, state)
    return state


@torch.no_grad()
def fill_weights(path: Path, state: dict[str, Tensor]) -> None:
    """Overwrite tensors by those of the same names in a file; `ModelError` where names or shapes are not the same."""
    if not path.is_file():
        raise ModelError(f"{path} is missing; the model directory is incomplete")
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            found = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118 - no mapping
        wanted = {name: tuple(tensor.shape) for name, tensor in state.items()}
        wrong = sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))
        if wrong:
            raise ModelError(f"{path} does not fit {CONFIG}: {len(wrong)} tensors differ; the first: {wrong[0]!r}")
        for name, tensor in state.items():
            # Opened again for each: an open file keeps in memory what was read of it, all weights a second time.
            with safetensors.safe_open(path, framework="pt") as file:
                stored = file.get_tensor(name)
                if stored.is_floating_point() != tensor.is_floating_point():
                    raise ModelError(f"{path}: tensor {name!r} is of {stored.dtype}, expected {tensor.dtype}")
                tensor.copy_(stored)
            if tensor.is_floating_point() and not torch.isfinite(tensor).all():
                raise ModelError(f"{path}: tensor {name!r} holds values that are not numbers; the model is damaged")
    except safetensors.SafetensorError as error:
        raise ModelError(f"{path} is damaged (cut short while copying?): {error}") from error
