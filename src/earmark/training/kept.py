"""What an encoder gives, kept on disk: a second head for the same encoder and clips takes seconds.

    $EARMARK_CACHE/embeddings/ENCODER/16/ab/abcdef....npy   (steps, channels) float16 of a clip's beginning
                                      32/...                float32 of a window that was scored

ENCODER is a digest of everything the embeddings follow from besides the sound: front-end, per-band scaling, encoder,
weights, and the kind of device. A file's name is a digest of the samples. So neither another table of the same clips,
another split, another seed nor another pooling makes anything to be computed again, and a clip or a model that changed
is never taken for the old one.

The folder is a cache: it may be removed at any time. A damaged file is as good as none, and one that cannot be written
is done without. No more than `MOST_BYTES` are kept of an encoder, and nothing where the disk is nearly full.
"""

from __future__ import annotations

import contextlib
import hashlib
import shutil
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from earmark.arrays import FloatArray, IntArray
from earmark.errors import OutputError
from earmark.files import write_aside
from earmark.hub.cache import cache_folder
from earmark.models.network import Network
from earmark.models.torch_engine import TorchEngine, probabilities
from earmark.stopwatch import Stopwatch, stage
from earmark.training.head import Embeddings

FOLDER = "embeddings"  # in the cache
MOST_BYTES = 8e9  # of an encoder
SPARE = 2e9  # bytes that stay free on the disk
_PARTS = ("front_end", "scaling", "encoder")  # of a network, that embeddings depend on
_LAYOUT = 1  # raised where kept files of before would be misread

Computed = Callable[[], Tensor]


class Kept:
    """The embeddings of one encoder.

    `used` and `made` count what was there and what had to be computed, `added` what of that was stored.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.used = self.made = self.added = 0
        self._size: float | None = None  # bytes in the folder, counted before the first is added

    @classmethod
    def of(cls, network: Network, device: str) -> Kept:
        """Those of the encoder of a network, as it is now."""
        options = network.options.model_dump_json(include={"features", "encoder"})
        digest = hashlib.sha256(f"{_LAYOUT}\n{device.partition(':')[0]}\n{options}\n".encode())
        for part in _PARTS:
            for name, tensor in sorted(network.get_submodule(part).state_dict().items()):
                digest.update(name.encode())
                digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
        return cls(cache_folder() / FOLDER / digest.hexdigest()[:24])

    def get(self, samples: FloatArray, dtype: type[np.floating], compute: Computed) -> npt.NDArray[np.floating]:
        """The embeddings (steps, channels) of samples (samples,): from disk, or `compute` (1, steps, channels)."""
        path = self._path(samples, dtype)
        with contextlib.suppress(OSError, ValueError, EOFError):  # not there, or damaged
            found: npt.NDArray[np.floating] = np.load(path, allow_pickle=False)
            if found.dtype == dtype and found.ndim == 2:
                self.used += 1
                return found
        made: npt.NDArray[np.floating] = compute()[0].float().cpu().numpy().astype(dtype)
        self.made += 1
        self._add(path, made)
        return made

    def _path(self, samples: FloatArray, dtype: type[np.floating]) -> Path:
        name = hashlib.blake2b(np.ascontiguousarray(samples, np.float32).tobytes(), digest_size=20).hexdigest()
        return self.folder / str(8 * np.dtype(dtype).itemsize) / name[:2] / f"{name}.npy"

    def _add(self, path: Path, values: npt.NDArray[np.floating]) -> None:
        if self._size is None:
            self._size = float(sum(each.stat().st_size for each in self.folder.rglob("*.npy")))
        with contextlib.suppress(OSError, OutputError):
            self.folder.mkdir(parents=True, exist_ok=True)
            spare = shutil.disk_usage(self.folder).free - SPARE
            if self._size + values.nbytes > MOST_BYTES or values.nbytes > spare:
                return
            with write_aside(path) as temporary, temporary.open("wb") as stream:
                np.save(stream, values, allow_pickle=False)
            self._size += path.stat().st_size
            self.added += 1


@torch.no_grad()
def embed_kept(
    network: Network, clips: Iterable[npt.NDArray[np.float32]], kept: Kept, device: str = "cpu"
) -> Embeddings:
    """What the encoder says of clips (samples,), as `head.embed` gives it, where it is not kept already."""
    training = network.training
    network.to(device).eval()

    found = [kept.get(samples, np.float16, partial(_encoded, network, samples, device)) for samples in clips]
    network.train(training)
    return Embeddings.joined(cast(list[npt.NDArray[np.float16]], found))


class KeptEngine(TorchEngine):
    """A network whose encoder's output is kept: window by window, in float32."""

    def __init__(self, network: Network, device: str, kept: Kept) -> None:
        super().__init__(network, device)
        self.kept = kept

    @torch.inference_mode()
    def listen(
        self, waveform: FloatArray, lengths: IntArray, watch: Stopwatch | None = None
    ) -> tuple[FloatArray, FloatArray]:
        """Clip and frame scores of a batch; see `earmark.engine.Engine.listen`."""
        with stage(watch, "model"):
            rows = [self._row(row[:length]) for row, length in zip(waveform, lengths.tolist(), strict=True)]
            steps = torch.tensor([len(row) for row in rows], device=self.device)
            whole = bool((lengths == waveform.shape[1]).all())
            embeddings = nn.utils.rnn.pad_sequence(rows, batch_first=True)  # (batch, steps, channels)
            pooled = self.network.pooling(embeddings, None if whole else steps)
        return probabilities(pooled.clip), probabilities(pooled.frames)

    def _row(self, samples: FloatArray) -> Tensor:
        """Embeddings (steps, channels) of a window (samples,)."""
        found = self.kept.get(samples, np.float32, partial(_encoded, self.network, samples, self.device))
        return torch.from_numpy(found).to(self.device)


def _encoded(network: Network, samples: FloatArray, device: str) -> Tensor:
    """What the encoder gives for samples (samples,): (1, steps, channels)."""
    features, lengths = network.features(torch.from_numpy(samples)[None].to(device))
    return network.encoder(features, lengths).embeddings
