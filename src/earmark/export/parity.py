"""Whether an ONNX file scores as the module that it was made from.

The two add in different orders, so each rounds differently. Where the network's weights let a rounding grow (a
recurrence whose states do not die away doubles it step by step), its own scores are no more certain than that, and no
other program can give the same ones. `sensitivity` tells this cause from a fault of the export: it moves every weight
to the next float32 and looks how far the module's own scores move.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from earmark.errors import ModelError
from earmark.models.network import Network
from earmark.runtime.onnx import TwinCard, open_session, runtime_errors

TOLERANCE = 1e-5  # by which a score may differ


def check(path: Path, network: Network, name: str) -> None:
    """`ModelError` unless the twin's scores are the network's, within `TOLERANCE`."""
    session = open_session(path)
    card = TwinCard.from_metadata(session.get_modelmeta().custom_metadata_map, path)
    for said, waveform, lengths in probes(network.rate, card.plan.size):
        with torch.inference_mode():
            wanted = network(waveform, lengths)
        steps = network.steps_in(waveform.shape[1])  # what a front-end fills beyond a clip's own frames means nothing
        given = {"waveform": waveform.numpy(), "lengths": lengths.numpy()}
        try:
            scores = session.run(["clip", "frames"], given)
        except runtime_errors() as error:
            reason = " ".join(str(error).split())[:200]
            raise ModelError(f"{name}: the ONNX model cannot run on {said}: {reason}; nothing was written") from error
        pairs = (("clip", scores[0], wanted.clip), ("frame", scores[1], wanted.frames[:, :steps]))
        for what, found, expected in pairs:
            apart = _apart(found, expected.numpy())
            if not apart <= TOLERANCE:
                raise ModelError(
                    f"{name}: the ONNX model's {what} scores differ by {apart:.1e} from the model's on {said}, "
                    f"more than {TOLERANCE:g}{_reason(network, waveform, lengths)}; nothing was written"
                )
    for samples in (1, card.first - 1, card.first, card.plan.size, 3 * card.plan.size + 1):
        if card.steps_in(samples) != network.steps_in(samples):
            raise ModelError(f"{name}: the ONNX model counts other frames than the model at {samples} samples")


def sensitivity(network: Network, waveform: Tensor, lengths: Tensor) -> float:
    """The largest change of a score when every weight of the network moves to the next larger float32."""
    nudged = copy.deepcopy(network)
    for tensor in (*nudged.parameters(), *nudged.buffers()):
        if tensor.is_floating_point():
            tensor.data = torch.nextafter(tensor.data, torch.full_like(tensor.data, float("inf")))
    with torch.inference_mode():
        before, after = network(waveform, lengths), nudged(waveform, lengths)
    return max(_apart(after.clip.numpy(), before.clip.numpy()), _apart(after.frames.numpy(), before.frames.numpy()))


def _reason(network: Network, waveform: Tensor, lengths: Tensor) -> str:
    """What to add to a refusal where the network itself is the cause."""
    moved = sensitivity(network, waveform, lengths)
    if moved <= TOLERANCE:
        return ""
    return (
        f"; the model's own scores there move by {moved:.1e} when its weights change by one rounding of float32, so "
        "no other program can give them: train it further, or with a smaller learning rate"
    )


def probes(rate: int, window: int) -> Iterator[tuple[str, Tensor, Tensor]]:
    """Batches on which twin and model are compared: what they are, waveform (batch, samples), lengths (batch,)."""
    random = torch.Generator().manual_seed(0)
    noise = torch.randn(window, generator=random)
    click = torch.zeros(window)
    click[window // 3] = 1.0
    swelling = 0.2 * noise * torch.linspace(0, 1, window).square()
    short = max(1, rate // 10)
    yield "digital silence", torch.zeros(1, window), torch.tensor([window])
    yield "faint noise", 1e-5 * noise[None], torch.tensor([window])
    yield "noise", swelling[None], torch.tensor([window])
    yield "a tenth of a second", 0.1 * noise[None, :short], torch.tensor([short])
    batch = torch.stack([swelling, click, 1e-3 * noise, torch.zeros(window)])
    lengths = torch.tensor([window, window * 3 // 4, short, window // 2])
    batch[torch.arange(window) >= lengths[:, None]] = 0.0
    yield "a batch of clips of different lengths", batch, lengths
    minute = (0.05 * torch.randn(1, 60 * rate, generator=random)).square()
    yield "a minute", minute, torch.tensor([60 * rate])


def _apart(found: Any, expected: Any) -> float:
    """The largest difference; infinite where shapes differ or a score is no number."""
    if found.shape != expected.shape or not np.isfinite(found).all():
        return float("inf")
    return float(np.abs(found - expected).max())
