"""Few clips and a model to begin with: the head first, then the whole network, and of the two the better one.

1. The pooling learns alone, on what the model's encoder says of the clips (`head.py`): seconds, and no harm done to the
   encoder by a head that knows nothing yet. With a frozen encoder that is the whole training. What
   the encoder says can be kept on disk (`kept.py`).
2. The whole network is trained as the recipe says, the encoder at its share of the rate (`encoder_rate`).
3. The head alone stays, with the encoder as it came, unless the whole ranks the validation clips better.

The head's weights lie in MODEL/training/head.safetensors, so that a run that is stopped can still choose it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import safetensors.torch

from earmark.data.store import ClipStore
from earmark.data.targets import Targets
from earmark.files import write_aside
from earmark.metrics.tagging import tagging_metrics
from earmark.models.network import Network, fill_weights
from earmark.reporter import Progress
from earmark.training.callbacks import Row
from earmark.training.head import Embeddings, at_levels, beginnings, embed, fit_head, scores
from earmark.training.kept import Kept, embed_kept
from earmark.training.options import HeadOptions

HEAD = "head.safetensors"  # in the folder of a run's state


def train_head(
    network: Network,
    clips: ClipStore,
    state: Path,
    options: HeadOptions,
    *,
    seed: int,
    device: str = "cpu",
    progress: Progress | None = None,
    kept: Kept | None = None,
) -> None:
    """Train the pooling of `network` alone, in place, and keep its weights in the folder `state`.

    What the encoder says of the clips is taken from `kept`, and kept there.
    """
    embeddings = _embedded(
        network, at_levels(beginnings(clips, network.clip_rate, progress), options, seed), device, kept
    )
    network.cpu()
    fit_head(network.pooling, embeddings, _targets(clips, network).repeat(1 + options.copies, axis=0), options, seed)
    weights = {name: tensor.detach().contiguous() for name, tensor in network.pooling.state_dict().items()}
    with write_aside(state / HEAD) as temporary:
        temporary.write_bytes(safetensors.torch.save(weights))


def take_head(network: Network, state: Path) -> None:
    """Give `network` the head that was trained alone. `ModelError` when its weights are missing or damaged."""
    fill_weights(state / HEAD, network.pooling.state_dict())


def better(
    whole: Network, alone: Callable[[], Network], valid: ClipStore, device: str = "cpu", kept: Kept | None = None
) -> tuple[Network, dict[str, float]]:
    """The network that ranks the validation clips better, and the mean average precision of each.

    Where they rank alike, the head alone: less of it was fitted to few clips. `kept` is that of the head's encoder.
    """
    candidates = {"whole": whole, "head": alone()}
    found = {
        name: ranking(network, valid, device, kept if name == "head" else None) for name, network in candidates.items()
    }
    return candidates["whole" if found["whole"] > found["head"] else "head"], found


def ranking(network: Network, clips: ClipStore, device: str = "cpu", kept: Kept | None = None) -> float:
    """Mean average precision of a network's clip scores."""
    embeddings = _embedded(network, beginnings(clips, network.clip_rate), device, kept)
    network.cpu()
    ranked = tagging_metrics(_targets(clips, network), network.labels, scores=scores(network.pooling, embeddings))
    return float(ranked.map)


def row_of_head(options: HeadOptions, seconds: float, figures: dict[str, float]) -> Row:
    """The row of the log for a training that was that of the head alone."""
    return {"epoch": 1, "step": options.updates, "seconds": round(seconds, 1), **figures}


def _embedded(network: Network, clips: Iterable[npt.NDArray[np.float32]], device: str, kept: Kept | None) -> Embeddings:
    return embed(network, clips, device)[0] if kept is None else embed_kept(network, clips, kept, device)


def _targets(clips: ClipStore, network: Network) -> npt.NDArray[np.bool_]:
    return Targets.of_clips(clips.clips, network.labels)[list(range(len(clips)))]
