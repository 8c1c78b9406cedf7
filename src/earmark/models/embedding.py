"""A network's embeddings: the output of its encoder, which is what its pooling is given.

    waveform -> front-end -> scaling -> encoder -> embeddings (batch, steps, channels)        the pooling is not run

These are the values before any layer of the classifier, hidden ones included. Of a fusion there are none: its members
have encoders of their own.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import torch

from earmark.arrays import FloatArray, IntArray
from earmark.devices import Precision, resolve_device
from earmark.errors import ConfigError
from earmark.formats.embeddings import Per
from earmark.labels import Labels
from earmark.models.directory import fast, precision_of
from earmark.models.network import Network
from earmark.models.torch_engine import Coming, Later, TorchEngine, fingerprint_of
from earmark.runtime.directory import fusion_options
from earmark.runtime.embedder import Embedder
from earmark.stopwatch import Stopwatch


class EmbeddingEngine(TorchEngine):
    """Runs a network as far as its encoder; an `earmark.engine.Engine` that gives vectors in place of frame scores."""

    def __init__(
        self, network: Network, device: str = "cpu", precision: Precision = "float32", fingerprint: str | None = None
    ) -> None:
        super().__init__(network, device, precision)
        self._fingerprint = fingerprint
        self._labels = Labels(f"value {number}" for number in range(network.encoder.channels))

    @property
    def labels(self) -> Labels:
        """A name for each value of a vector."""
        return self._labels

    def fingerprint(self) -> str:
        """Digest of the model as it is on disk: the same, in whatever precision it computes."""
        return super().fingerprint() if self._fingerprint is None else self._fingerprint

    @torch.inference_mode()
    def listen_later(self, waveform: FloatArray, lengths: IntArray, watch: Stopwatch | None = None) -> Later:
        """Zeros (batch, channels) and embeddings (batch, steps, channels), by a function that waits for them."""
        encoded = self._computed(self.network.encoder, waveform, lengths, watch)
        vectors = Coming(encoded.embeddings)
        nothing = np.zeros((len(waveform), encoded.embeddings.shape[2]), np.float32)
        return Later(lambda: (nothing, vectors()), vectors.done)


def open_embedder(
    directory: str | os.PathLike[str], per: Per = "frame", *, device: str = "auto", precision: Precision = "auto"
) -> Embedder:
    """A model directory, ready to embed recordings. `ModelError` where it is missing or damaged.

    `ConfigError` where it is a fusion of several models.
    """
    fusion = fusion_options(Path(directory))
    if fusion is not None:
        members = ", ".join(fusion.members)
        raise ConfigError(
            f"{directory} is a fusion of several models, each with embeddings of its own; choose one of its members: "
            f"{members}"
        )
    network, device = Network.from_pretrained(directory), resolve_device(device)
    precision = precision_of([network], device, precision)
    fingerprint = fingerprint_of(network)
    network = fast(network, device, precision)
    return Embedder(EmbeddingEngine(network, device, precision, fingerprint), per)
