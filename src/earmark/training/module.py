"""The network as the training engine sees it (Lightning).

The engine brings devices, precision and processes; everything random is set from (seed, step) before each step, so the
engine has no randomness of its own to remember.

The figures of one validation are cheap enough to be taken after every epoch: tagging mAP of the clip scores and, where
clips have strong labels, the segment-based F1 (1 s) that the best single threshold reaches. Tuning proper, per class
and with smoothing, comes after training.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, cast

import lightning
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from earmark.augment import augment_clips, augment_features, step_generator, step_seed
from earmark.clock import Clock
from earmark.data.batches import Batch
from earmark.data.records import Clip
from earmark.devices import seed_generators
from earmark.encoders import blocks_in_order
from earmark.labels import Labels
from earmark.metrics.tagging import tagging_metrics
from earmark.models.network import Network
from earmark.pooling import Pooled
from earmark.training.captured import CapturedLoss
from earmark.training.objective import clip_loss, frame_loss
from earmark.training.options import TrainingOptions
from earmark.training.transfer import settle


class TrainingModule(lightning.LightningModule):
    """One training of one network; `scored` holds the figures of the last validation, for the log."""

    def __init__(self, network: Network, options: TrainingOptions, total_steps: int, seed: int) -> None:
        super().__init__()
        self.tagger, self.options, self.total_steps, self.seed = network, options, total_steps, seed
        self.losses: list[Tensor] = []  # of this epoch's steps
        self.scored: list[tuple[list[int], Tensor, Tensor]] = []  # clips, clip scores, frame scores of a validation
        self.valid_losses: list[Tensor] = []
        self._captured = CapturedLoss(network, self._loss)
        self._underway: tuple[list[int], Tensor, Tensor] | None = None  # scores that the device is still computing

    def on_train_epoch_start(self) -> None:
        """Forget the last epoch's losses; a frozen encoder stays in evaluation mode."""
        self.losses = []
        settle(self.tagger)

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        """Set all randomness and the learning rate of this step."""
        seed_generators(step_seed(self.seed, self.global_step, f"network/{self.global_rank}"), self.device)
        rate = learning_rate(self.options, self.global_step, self.total_steps)
        for group in self.trainer.optimizers[0].param_groups:
            group["lr"] = rate * group.get("share", 1.0)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Loss of one batch, augmented."""
        features, lengths, targets = self.augmented(batch, self.global_step)
        if not self._alone:  # several processes exchange gradients while they go back
            loss = self._loss(features, lengths, targets)
        else:
            if lengths is not None and self._captured.usable(features):
                features, targets = self._filled(features, targets)
            loss = self._captured(features, lengths, targets)
        self.losses.append(loss.detach())
        return loss

    @property
    def _alone(self) -> bool:
        """Whether this process trains alone."""
        return self._trainer is None or self._trainer.world_size == 1

    def _loss(self, features: Tensor, lengths: Tensor | None, targets: Tensor) -> Tensor:
        return self.loss_of(self.tagger.classify(features, lengths), lengths, targets)

    def _filled(self, features: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Padded clips, filled with more zeros to the frames of the longest clips of all, if they have half of them.

        Padding changes nothing, and batches of one shape can be recorded.
        """
        full = self.tagger.front_end.frames_in(round(self.options.clip_seconds * self.tagger.rate))
        missing = full - features.shape[1]
        if not 0 < missing <= full // 2:
            return features, targets
        features = functional.pad(features, (0, 0, 0, missing))
        if targets.ndim == 3:
            steps = self.tagger.steps_of(full)
            targets = functional.pad(targets, (0, 0, 0, 1 + steps - targets.shape[1]))
        return features, targets

    def loss_of(self, pooled: Pooled, lengths: Tensor | None, targets: Tensor) -> Tensor:
        """The objective: of clip scores, and of frame scores where they are taught; `lengths` (batch,) valid frames."""
        steps = None if lengths is None else self.tagger.steps_of(lengths)
        share, smoothing = self.options.frame_supervision, self.options.label_smoothing
        weak = targets if targets.ndim == 2 else targets[:, 0]
        loss = clip_loss(pooled.clip, weak, smoothing) if share < 1 else torch.zeros(())
        if share:
            loss = (1 - share) * loss + share * frame_loss(pooled, weak, steps, smoothing)
        if targets.ndim == 3 and self.options.self_training is not None:
            loss = loss + self.options.self_training.weight * frame_loss(pooled, targets[:, 1:], steps, smoothing)
        return loss

    @torch.no_grad()
    def augmented(self, batch: Batch, step: int) -> tuple[Tensor, Tensor | None, Tensor]:
        """What the network is given of a batch at a step, augmented: features, valid frames (None: all), targets.

        Targets of steps, where the batch has them, are as many as the network's steps.
        """
        generator = step_generator(self.seed, step, f"augment/{self.global_rank}")
        augment = self.options.augment
        clips, valid, targets = augment_clips(batch.inputs, batch.lengths, batch.targets, augment, generator)
        features, lengths = self.tagger.features(clips, None if batch.whole else valid)
        if targets.ndim == 3:
            steps = self.tagger.steps_of(features.shape[1])
            targets = functional.pad(targets, (0, 0, 0, 1 + steps - targets.shape[1]))  # or cut, where it is negative
        features, targets = augment_features(features, targets, augment, generator, whole=lengths is None)
        return features, lengths, targets

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Score one batch of validation clips."""
        pooled = self.tagger(batch.inputs, None if batch.whole else batch.lengths)
        self.valid_losses.append(clip_loss(pooled.clip, batch.targets).detach() * len(batch.clips))
        self._collect()  # those of the batch before: the device has this one's work by now
        self._underway = (batch.clips, pooled.clip, pooled.frames)

    def on_validation_epoch_start(self) -> None:
        """Forget the last validation's scores."""
        self.scored, self.valid_losses, self._underway = [], [], None

    def on_validation_epoch_end(self) -> None:
        """Take what the last batch came to."""
        self._collect()

    def _collect(self) -> None:
        if self._underway is not None:
            clips, clip, frames = self._underway
            self.scored.append((clips, clip.cpu(), frames.cpu()))
            self._underway = None

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam, with decoupled weight decay where asked for; the encoder, and each of its blocks, at its own rate."""
        return torch.optim.AdamW(
            parameters(self.tagger, self.options.encoder_rate, self.options.layer_decay),
            lr=self.options.learning_rate,
            weight_decay=self.options.weight_decay,
            amsgrad=self.options.amsgrad,
            fused=True if next(self.tagger.parameters()).is_cuda else None,  # one kernel for all weights
        )


def parameters(network: Network, share: float, decay: float = 1.0) -> list[dict[str, Any]]:
    """Groups of parameters for an optimiser, each with its `share` of the learning rate, if it is not all of it.

    The encoder has its `share`. With `decay` below 1 its highest block has it, and every other block `decay` times the
    rate of the block above it (Howard and Ruder 2018, "Universal language model fine-tuning for text classification",
    section 3.2, who divide by 2.6). The rate in the log is the first group's.
    """
    if share == 1 and decay == 1:
        return [{"params": list(network.parameters())}]
    encoder = list(network.encoder.parameters())  # type: ignore[attr-defined]
    own = {id(parameter) for parameter in encoder}
    others = [parameter for parameter in network.parameters() if id(parameter) not in own]
    if decay == 1:
        return [{"params": others}, {"params": encoder, "share": share}]
    blocks = reversed(blocks_in_order(cast(nn.Module, network.encoder)))
    lower = [{"params": list(block.parameters), "share": share * decay**depth} for depth, block in enumerate(blocks)]
    return [{"params": others}, *lower]


def learning_rate(options: TrainingOptions, step: int, total: int) -> float:
    """The rate at a step: a linear rise, then constant or half a cosine down to zero.

    >>> options = TrainingOptions(learning_rate=1.0, warmup_steps=10)
    >>> [round(learning_rate(options, step, 100), 2) for step in (0, 10, 50, 99)]
    [0.09, 0.98, 0.5, 0.0]
    """
    rise = min(1.0, (step + 1) / (options.warmup(total) + 1))
    fall = 0.5 * (1 + math.cos(math.pi * step / total)) if options.schedule == "cosine" else 1.0
    return options.learning_rate * rise * fall


_THRESHOLDS = np.linspace(0.02, 0.98, 49, dtype=np.float32)


class Validation:
    """Turns what a validation pass scored into numbers for the log."""

    def __init__(self, clips: Sequence[Clip], labels: Labels, clock: Clock) -> None:
        self.clips, self.labels, self.clock = clips, labels, clock
        self.targets = np.stack([labels.encode(clip.labels) for clip in clips])

    def __call__(self, module: TrainingModule) -> dict[str, float]:
        """`valid_loss`, `valid_map` and, with strong labels, `valid_segment_f1`."""
        clip_scores = np.zeros(self.targets.shape, np.float32)
        found: list[npt.NDArray[np.float32]] = []
        truth: list[npt.NDArray[np.bool_]] = []
        for clips, clip, frames in module.scored:
            clip_scores[clips] = clip.float().numpy()
            for row, index in enumerate(clips):
                if self.clips[index].events is not None:
                    maxima = self.segment_maxima(frames[row].float().numpy())
                    found.append(maxima)
                    truth.append(self.active_segments(index, len(maxima)))
        figures = {"valid_loss": float(torch.stack(module.valid_losses).sum()) / len(self.clips)}
        figures["valid_map"] = float(tagging_metrics(self.targets, self.labels, scores=clip_scores).map)
        if found:
            figures["valid_segment_f1"] = best_f1(np.concatenate(found), np.concatenate(truth))
        return figures

    def segment_maxima(self, frames: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Largest score of each class in each second: (steps, classes) to (seconds, classes)."""
        seconds = max(1, round(self.clock.time(len(frames))))
        first = np.minimum([max(0, self.clock.frame_at(second)) for second in range(seconds)], len(frames) - 1)
        return np.maximum.reduceat(frames, first, axis=0)

    def active_segments(self, index: int, seconds: int) -> npt.NDArray[np.bool_]:
        """Which classes a clip's events touch in each second: (seconds, classes)."""
        active = np.zeros((seconds, len(self.labels)), np.bool_)
        for event in self.clips[index].events or ():
            active[int(event.onset) : int(np.ceil(event.offset)), self.labels.index(event.label)] = True
        return active


def best_f1(scores: npt.NDArray[np.float32], truth: npt.NDArray[np.bool_]) -> float:
    """Micro F1 at the best of a grid of common thresholds.

    >>> best_f1(np.array([[0.9], [0.3]], np.float32), np.array([[True], [False]]))
    1.0
    """
    best = 0.0
    for threshold in _THRESHOLDS:
        found = scores >= threshold
        best = max(best, 2 * float((found & truth).sum()) / max(1, int(found.sum() + truth.sum())))
    return best
