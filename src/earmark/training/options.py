"""What a recipe says about training."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field

from earmark.augment import AugmentOptions
from earmark.options import Options


class BalanceOptions(Options):
    """How clips are drawn (Xu et al. 2018, section 2.3)."""

    method: Literal["shares", "queue"] = "shares"  # data/balance.py, or the authors' own rule, data/queue.py
    max_ratio: float | None = Field(5.0, ge=1)  # shares: commonest class this often the rarest; null: as they come
    queue_step: int = Field(1000, gt=0)  # queue: clips of a class for each unit of its weight, 1 to 5


class TrainingOptions(Options):
    """How a model is trained."""

    epochs: int = Field(12, gt=0)  # of `steps_per_epoch` updates each; validated and checkpointed after each
    steps_per_epoch: int | None = Field(None, gt=0)  # null: as many as one pass over the clips takes
    batch_size: int = Field(32, gt=0)
    learning_rate: float = Field(1e-3, gt=0)  # of Adam
    warmup_steps: int = Field(50, ge=0)  # over which the rate rises from zero
    schedule: Literal["constant", "cosine"] = "cosine"  # of the rate, down to zero at the end
    amsgrad: bool = False  # of Adam
    frame_supervision: float = Field(0.0, ge=0, le=1)  # share of the loss that teaches every frame its clip's labels
    weight_decay: float = Field(0.0, ge=0)
    gradient_clip: float | None = Field(None, gt=0)  # largest norm
    clip_seconds: float = Field(10.0, gt=0)  # longer clips give a random cut of this length
    average_last: int = Field(1, gt=0)  # epochs whose weights are averaged into the model
    keep_epochs: bool = False  # leave the weights of those epochs beside the model, for fusing
    balance: BalanceOptions = BalanceOptions()
    operating_point: Literal["tuned", "default", "xu2018", "dcase2017"] = "tuned"  # on validation clips, or by name
    augment: AugmentOptions = AugmentOptions()

    def lasting(self, epochs: int | None = None, steps: int | None = None) -> Self:
        """The same options for another number of epochs, or of updates in all."""
        if steps is not None:
            epochs = max(1, min(epochs or self.epochs, steps))
            return self.model_copy(update={"epochs": epochs, "steps_per_epoch": -(-steps // epochs)})
        return self if epochs is None else self.model_copy(update={"epochs": epochs})
