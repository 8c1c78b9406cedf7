"""The default recipe and what could be otherwise in it: budgets, and variants one change away from the baseline.

A variant is a list of changes as `earmark train --set` takes them. Sizes go by the budget's own: a variant twice as
wide is twice as wide as that budget's baseline. All variants of a budget make as many updates, but for those of the
group "longer", and those that say so.
"""

from __future__ import annotations

from dataclasses import dataclass

BASELINE = "baseline"


@dataclass(frozen=True)
class Budget:
    """How large a network, how many updates; what `full` says of sizes repeats the default recipe."""

    name: str
    said: str
    channels: tuple[int, ...] = (32, 64, 64)
    last: int = 256
    units: int = 128
    epochs: int = 12
    steps: int | None = None  # updates an epoch; None: one pass

    @property
    def whole(self) -> bool:
        """Whether it is the recipe as it is."""
        return self.name == "full"

    @property
    def changes(self) -> tuple[str, ...]:
        """What makes a recipe one of this budget."""
        if self.whole:
            return ()
        steps = () if self.steps is None else (f"training.steps_per_epoch={self.steps}",)
        student = f"training.self_training.epochs={max(1, self.epochs // 2)}"
        return (*width(self, 1), f"training.epochs={self.epochs}", student, *steps)


_HALF = ((16, 32, 32), 128, 64)
BUDGETS = {
    budget.name: budget
    for budget in (
        Budget("small", "a network half as wide and 248 + 124 updates of 32 clips", *_HALF, epochs=8, steps=31),
        Budget("medium", "a network half as wide and as many updates as the default recipe", *_HALF),
        Budget("full", "the default recipe itself"),
    )
}


@dataclass(frozen=True)
class Variant:
    """One change, and what a table says of it."""

    name: str
    group: str
    said: str
    changes: tuple[str, ...]


def width(budget: Budget, factor: float) -> tuple[str, ...]:
    """The network's sizes, times a factor."""
    channels = [round(factor * count) for count in budget.channels]
    sizes = {"channels": channels, "last": round(factor * budget.last), "units": round(factor * budget.units)}
    return tuple(f"network.encoder.{name}={size}" for name, size in sizes.items())


def variants(budget: Budget) -> dict[str, Variant]:
    """All variants by name, groups together."""
    rows = [*_self_training(), *_augmentation(), *_batches(), *_poolings()]
    rows += [*_optimisation(budget), *_networks(budget), *_front_ends()]
    return {row.name: row for row in rows}


def _poolings() -> list[Variant]:
    hidden = ", hidden: 128, dropout: 0.2"  # of a classifier; the default, 512 units half of them dropped, is for CNNs
    options = {
        "max": "kind: max",
        "average": "kind: average",
        "linear-softmax": "kind: linear-softmax",
        "exp-softmax": "kind: exp-softmax",
        "auto": "kind: auto",
        "attention-time": "kind: attention, axis: time",
        "attention-scores": "kind: attention, axis: class, localise_from: scores",
        "decision-attention": "kind: decision-attention",
        "decision-attention-time": "kind: decision-attention, attend: time",
        "feature-attention": "kind: feature-attention, dropout: 0.2",
        "multi-level": "kind: multi-level-attention, levels: 2",
        "embedding-max": "kind: embedding-max" + hidden,
        "embedding-average": "kind: embedding-average" + hidden,
        "max-average": "kind: max-average" + hidden,
        "embedding-attention": "kind: embedding-attention" + hidden,
        "single-head": "kind: single-head" + hidden,
        "gmap": "kind: gmap" + hidden,
        "gmap-1-layer": "kind: gmap, hidden: null, dropout: 0.2",
        "single-head-1-layer": "kind: single-head, hidden: null, dropout: 0.2",
    }
    found = [Variant(name, "pooling", text, (f"network.pooling={{{text}}}",)) for name, text in options.items()]
    return [*found, _one("frame-supervision", "pooling", "training.frame_supervision=0.2")]


def _batches() -> list[Variant]:
    return [
        Variant("unbalanced", "batches", "clips as they come", ("training.balance.max_ratio=null",)),
        _one("balance-1", "batches", "training.balance.max_ratio=1"),
        _one("balance-2", "batches", "training.balance.max_ratio=2"),
        _one("balance-20", "batches", "training.balance.max_ratio=20"),
        Variant("queue", "batches", "Xu's queue", ("training.balance={method: queue, queue_step: 39}",)),
    ]


def _augmentation() -> list[Variant]:
    few = "{time_stripes: 1, time_width: 10, band_stripes: 1, band_width: 8}"
    bands = "{time_stripes: 0, band_stripes: 2, band_width: 8}"
    changes = {
        "overlay-0": "overlay=0",
        "overlay-0.25": "overlay=0.25",
        "overlay-0.8": "overlay=0.8",
        "overlay-12-db": "overlay_db=12",
        "mixup-0.2": "mixup=0.2",
        "mixup-1": "mixup=1.0",
        "no-spec-augment": "spec_augment=null",
        "spec-augment-few": f"spec_augment={few}",
        "spec-augment-bands": f"spec_augment={bands}",
        "no-time-shift": "time_shift=false",
        "gain-6-db": "gain_db=6",
    }
    found = [Variant(name, "augmentation", text, (f"training.augment.{text}",)) for name, text in changes.items()]
    instead = ("training.augment.overlay=0", "training.augment.mixup=0.5")
    neither = ("training.augment.spec_augment=null", "training.augment.time_shift=false")
    return [
        *found,
        Variant("neither", "augmentation", "neither SpecAugment nor time shift", neither),
        Variant("mixup-instead", "augmentation", "mixup=0.5 in place of overlay", instead),
    ]


def _self_training() -> list[Variant]:
    def taught(name: str, said: str, *changes: str) -> Variant:
        return Variant(name, "self-training", said, tuple(f"training.{text}" for text in changes))

    neither = ("augment.spec_augment=null", "augment.time_shift=false")
    return [
        taught("no-self-training", "none: the teacher alone", "self_training=null"),
        taught("overlay-alone", "none, neither SpecAugment nor time shift", "self_training=null", *neither),
        taught("student-anew", "a student of its own, as long as its teacher", "self_training={}"),
        taught("student-twice", "weight=2", "self_training.weight=2"),
        taught("student-half", "weight=0.5", "self_training.weight=0.5"),
        taught("student-threshold", "threshold=0.2", "self_training.threshold=0.2"),
    ]


def _optimisation(budget: Budget) -> list[Variant]:
    said = (
        "average_last=1",
        "average_last=6",
        "label_smoothing=0.05",
        "learning_rate=5e-4",
        "learning_rate=2e-3",
        "learning_rate=3e-3",
        "weight_decay=0.01",
        "weight_decay=0.1",
        "gradient_clip=1.0",
        "schedule=constant",
        "settle=30",
    )
    found = [Variant(_name(text), "optimisation", text, (f"training.{text}",)) for text in said]
    steps = budget.steps or 62
    half = ("training.batch_size=16", f"training.steps_per_epoch={steps}")
    same = ("training.batch_size=16", f"training.steps_per_epoch={2 * steps}")
    return [
        *found,
        Variant("batch-16", "optimisation", "batches of 16, as many updates", half),
        Variant("batch-16-more", "optimisation", "batches of 16, twice the updates", same),
        Variant("epochs-x2", "longer", "twice the epochs", (f"training.epochs={2 * budget.epochs}",)),
        Variant("epochs-x4", "longer", "four times the epochs", (f"training.epochs={4 * budget.epochs}",)),
    ]


def _networks(budget: Budget) -> list[Variant]:
    encoder = {
        "relu": "activation=relu",
        "convs-1": "convs=1",
        "convs-3": "convs=3",
        "dropout-0.1": "dropout=0.1",
        "dropout-0.3": "dropout=0.3",
        "pools-4": "pools=[4, 2, 2]",
        "pools-average": "pool_kind=average",
        "gru-layers-2": "layers=2",
        "units-half": f"units={budget.units // 2}",
        "units-double": f"units={2 * budget.units}",
        "last-double": f"last={2 * budget.last}",
        "frequency-dynamic": "basis_kernels=4",
    }
    found = [Variant(name, "network", text, (f"network.encoder.{text}",)) for name, text in encoder.items()]
    deep = [*budget.channels, budget.channels[-1]]
    four = (f"network.encoder.channels={deep}", "network.encoder.pools=[2, 2, 2, 2]")
    return [
        *found,
        Variant("narrower", "network", "half as wide", width(budget, 0.5)),
        Variant("wider-1.5", "network", "half as wide again", width(budget, 1.5)),
        Variant("wider-2", "network", "twice as wide", width(budget, 2)),
        Variant("blocks-4", "network", "a fourth block", four),
    ]


def _front_ends() -> list[Variant]:
    options = {
        "bands-40": ("bands=40",),
        "bands-96": ("bands=96",),
        "bands-128": ("bands=128",),
        "hop-640": ("hop=640",),
        "window-1280": ("window=1280", "n_fft=2048"),
        "window-1024-hop-640": ("window=1024", "hop=640"),
        "window-4096": ("window=4096",),
        "fmin-50": ("fmin=50",),
        "16-khz": ("rate=16000", "window=1024", "hop=640"),
    }
    return [
        Variant(name, "front-end", ", ".join(texts), tuple(f"network.features.{text}" for text in texts))
        for name, texts in options.items()
    ]


def _one(name: str, group: str, change: str) -> Variant:
    """What is said is the change, without the sections that its key stands in."""
    key, _, value = change.partition("=")
    return Variant(name, group, f"{key.rpartition('.')[2]}={value}", (change,))


def _name(text: str) -> str:
    """A file's name for a change.

    >>> _name("self_training={}"), _name("learning_rate=5e-4")
    ('self-training', 'learning-rate-5e-4')
    """
    return text.removesuffix("={}").replace("_", "-").replace("=", "-")
