"""What a recipe says about training."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from earmark.augment import AugmentOptions
from earmark.options import Options


class BalanceOptions(Options):
    """How clips are drawn (Xu et al. 2018, section 2.3)."""

    method: Literal["shares", "queue"] = "shares"  # data/balance.py, or the authors' own rule, data/balance.py
    max_ratio: float | None = Field(5.0, ge=1)  # shares: commonest class this often the rarest; null: as they come
    queue_step: int = Field(1000, gt=0)  # queue: clips of a class for each unit of its weight, 1 to 5


class FuseOptions(Options):
    """Epochs whose models are fused into one (Xu et al. 2018, section 2.4): every n-th, to the end."""

    first: int = Field(20, gt=0)  # counted from 1
    every: int = Field(10, gt=0)


class SelfTrainingOptions(Options):
    """A second training, taught frame by frame by the model that the first one made (`stages.py`)."""

    begin: Literal["anew", "teacher"] = "anew"  # with weights of its own draw, or where the teacher ended
    epochs: int | None = Field(None, gt=0)  # of the student; null: as many as the teacher's
    learning_rate: float | None = Field(None, gt=0, allow_inf_nan=False)  # of the student; null: the teacher's
    threshold: float = Field(0.1, ge=0, lt=1)  # of the teacher's frame scores, above which a clip's label is active
    onset: float = Field(0.0, ge=0, lt=1)  # a stretch above the threshold counts where it somewhere passes this too
    median_seconds: float = Field(0.44, ge=0)  # of the filter over those scores
    gap_seconds: float = Field(0.0, ge=0)  # shorter gaps between two stretches are active too
    weight: float = Field(1.0, gt=0)  # of the frames' part of the loss; the clips' part counts once


class HeadOptions(Options):
    """A pooling that is trained alone first, on kept embeddings (`head.py`)."""

    updates: int = Field(150, gt=0)
    batch_size: int = Field(256, gt=0)  # clips; where there are fewer, all of them each time
    learning_rate: float = Field(1e-3, gt=0, allow_inf_nan=False)  # of Adam, falling to zero along a line
    penalty: float = Field(1 / 30, gt=0, allow_inf_nan=False)  # of squared weights, for a head that is fitted at once
    copies: int = Field(0, ge=0)  # more of each clip, at levels drawn evenly from
    gain_db: float = Field(12.0, ge=0)  # ... this much below to this much above its own


class TrainingOptions(Options):
    """How a model is trained."""

    epochs: int = Field(12, gt=0)  # of `steps_per_epoch` updates each; validated and checkpointed after each
    steps_per_epoch: int | None = Field(None, gt=0)  # null: as many as one pass over the clips takes
    batch_size: int = Field(32, gt=0)
    learning_rate: float = Field(1e-3, gt=0, allow_inf_nan=False)  # of Adam
    least_updates: int = Field(0, ge=0)  # in all: few clips are passed over more often, in as many epochs
    warmup_steps: int = Field(50, ge=0)  # over which the rate rises from zero; at most a quarter of all updates
    encoder_rate: float = Field(1.0, gt=0, le=1)  # share of the rate for an encoder that came from another model
    layer_decay: float = Field(1.0, gt=0, le=1)  # rate of a block of the encoder, as a share of the next higher one's
    schedule: Literal["constant", "cosine"] = "cosine"  # of the rate, down to zero at the end
    amsgrad: bool = False  # of Adam
    frame_supervision: float = Field(0.0, ge=0, le=1)  # share of the loss that teaches every frame its clip's labels
    label_smoothing: float = Field(0.0, ge=0, lt=1)  # a target y becomes y (1 - e) + e / 2
    weight_decay: float = Field(0.0, ge=0, allow_inf_nan=False)
    gradient_clip: float | None = Field(None, gt=0)  # largest norm
    clip_seconds: float = Field(10.0, gt=0)  # longer clips give a random cut of this length
    average_last: int = Field(1, gt=0)  # epochs whose weights are averaged into the model
    fuse: FuseOptions | None = None  # in place of that average: the model is these epochs' models, fused
    settle: int = Field(0, ge=0)  # batches over which batch normalisation's statistics are taken anew at the end
    keep_epochs: bool = False  # leave the weights of those epochs beside the model, for fusing
    head: HeadOptions | None = None  # with a model to begin with: its new pooling learns alone first
    self_training: SelfTrainingOptions | None = None  # what is trained so is a teacher, and the model its student
    balance: BalanceOptions = BalanceOptions()
    operating_point: Literal["tuned", "default", "xu2018", "dcase2017"] = "tuned"  # on validation clips, or by name
    augment: AugmentOptions = AugmentOptions()

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.fuse is not None and self.fuse.first > self.epochs:
            raise ValueError(f"fuse.first ({self.fuse.first}) is larger than the number of epochs ({self.epochs})")
        if self.fuse is not None and self.self_training is not None:
            raise ValueError(
                "fuse and self_training cannot be combined, because a student has a single teacher; use average_last"
            )
        return self

    @property
    def model_epochs(self) -> range:
        """Epochs, counted from 1, whose weights the model is made of: averaged, or fused."""
        if self.fuse is not None:
            return range(self.fuse.first, self.epochs + 1, self.fuse.every)
        return range(max(1, self.epochs - self.average_last + 1), self.epochs + 1)

    def updates_per_epoch(self, clips: int) -> int:
        """Updates in an epoch of this many training clips.

        >>> [TrainingOptions(epochs=10, least_updates=200).updates_per_epoch(clips) for clips in (24, 640, 2000)]
        [20, 20, 62]
        """
        if self.steps_per_epoch is not None:
            return self.steps_per_epoch
        return max(1, round(clips / self.batch_size), -(-self.least_updates // self.epochs))

    def warmup(self, total: int) -> int:
        """Updates over which the rate rises, of this many in all.

        >>> [TrainingOptions(warmup_steps=50).warmup(total) for total in (60, 200, 558)]
        [15, 50, 50]
        """
        return min(self.warmup_steps, total // 4)

    @property
    def of_student(self) -> Self:
        """The options of the second training, of the student."""
        assert self.self_training is not None
        epochs = self.self_training.epochs or self.epochs
        least = self.least_updates * epochs // self.epochs
        rate = self.self_training.learning_rate or self.learning_rate
        return self.model_copy(update={"epochs": epochs, "learning_rate": rate, "least_updates": least})

    def self_trained(self) -> Self:
        """The same options with self-training, by its defaults where it was off. `ConfigError` where it cannot be."""
        if self.self_training is not None:
            return self
        return self.parse({**self.model_dump(), "self_training": {}}, "training")

    def lasting(self, epochs: int | None = None, steps: int | None = None) -> Self:
        """The same options for another number of epochs, or of updates in all; its stages move in proportion.

        Who asks for a number gets that one: `least_updates` no longer counts.
        """
        changes: dict[str, Any] = {} if epochs is None and steps is None else {"least_updates": 0}
        if steps is not None:
            epochs = max(1, min(epochs or self.epochs, steps))
            changes["steps_per_epoch"] = -(-steps // epochs)
        if epochs is not None:
            changes["epochs"] = epochs
            if self.fuse is not None:
                first, every = (max(1, round(at * epochs / self.epochs)) for at in (self.fuse.first, self.fuse.every))
                changes["fuse"] = FuseOptions(first=first, every=every)
            if self.self_training is not None and self.self_training.epochs is not None:
                taught = max(1, round(self.self_training.epochs * epochs / self.epochs))
                changes["self_training"] = self.self_training.model_copy(update={"epochs": taught})
        return self.model_copy(update=changes)
