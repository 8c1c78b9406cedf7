"""Figures of one validation: cheap enough to be taken after every epoch.

Tagging mAP of the clip scores and, where clips have strong labels, the segment-based F1 (1 s) that the best single
threshold reaches. Tuning proper, per class and with smoothing, comes after training.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from earmark.clock import Clock
from earmark.data.records import Clip
from earmark.labels import Labels
from earmark.metrics.tagging import tagging_metrics
from earmark.training.module import TrainingModule

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
