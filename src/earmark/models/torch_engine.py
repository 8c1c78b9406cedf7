"""Who listens together: taggers that take a recording in the same windows, and those that hear the same features.

A fused model reads a recording once for each panel; within a panel, features are computed once for all taggers whose
front-ends and scaling are equal. Epochs of one training share both, so a further epoch costs its network alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from earmark.models.tagger import Tagger
from earmark.pooling import Pooled
from earmark.runtime.windows import WindowPlan
from earmark.stopwatch import Stopwatch, stage

_WINDOWS = 4  # twice as many: a twentieth less time with the default recipe's network, and half as much memory again
_VALUES = 2**18  # of features, in a batch: with 64 filters in float32, 64 MB of activations a layer


@dataclass(frozen=True, eq=False)
class Panel:
    """Taggers, by their place in the model, that listen at one rate in windows of one plan."""

    rate: int
    plan: WindowPlan
    taggers: Mapping[int, Tagger]
    alike: tuple[tuple[int, ...], ...]  # places of those that hear the same features

    def batch(self) -> int:
        """Windows that are enough to keep a processor busy; more would take memory and no less time."""
        samples = torch.tensor(self.plan.size)
        values = [int(tagger.front_end.frames_in(samples)) * tagger.front_end.bands for tagger in self.taggers.values()]
        return max(1, min(_WINDOWS, _VALUES // max(values)))

    def listen(self, waveform: Tensor, lengths: Tensor, watch: Stopwatch | None = None) -> Iterator[tuple[int, Pooled]]:
        """What each tagger, by its place, says of a batch (batch, samples) of which `lengths` (batch,) are valid."""
        for places in self.alike:
            with stage(watch, "features"):
                features, frames = self.taggers[places[0]].features(waveform, lengths)
            for place in places:
                with stage(watch, "model"):
                    pooled = self.taggers[place].classify(features, frames)
                yield place, pooled


def seat(taggers: Sequence[Tagger]) -> list[Panel]:
    """The panels of a model's taggers, in the order of their first."""
    seats: dict[tuple[int, WindowPlan], dict[int, Tagger]] = {}
    for place, tagger in enumerate(taggers):
        seats.setdefault((tagger.rate, WindowPlan.of(tagger)), {})[place] = tagger
    return [Panel(rate, plan, members, _alike(members)) for (rate, plan), members in seats.items()]


def _alike(taggers: Mapping[int, Tagger]) -> tuple[tuple[int, ...], ...]:
    groups: list[list[int]] = []
    for place, tagger in taggers.items():
        for group in groups:
            if _hear_the_same(taggers[group[0]], tagger):
                group.append(place)
                break
        else:
            groups.append([place])
    return tuple(map(tuple, groups))


def _hear_the_same(one: Tagger, other: Tagger) -> bool:
    """Whether front-ends and per-band scaling are equal, anything learned in them included."""
    if one.options.features != other.options.features:
        return False
    for part in ("front_end", "scaling"):
        first, second = (tagger.get_submodule(part).state_dict() for tagger in (one, other))
        if first.keys() != second.keys() or not all(torch.equal(first[name], second[name]) for name in first):
            return False
    return True
