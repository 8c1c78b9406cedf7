"""Several networks whose scores are averaged, as one torch module: what a fused model directory holds.

Xu et al. 2018, section 2.4. The mean itself, of scores in plain numpy, is `earmark.runtime.ensemble`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from torch import nn

from earmark.clock import Clock
from earmark.labels import Labels
from earmark.models.network import Network
from earmark.runtime.ensemble import common_clock, common_labels


class Fusion(nn.Module):
    """Several models used as one: taggers, or fusions of them. `ConfigError` if their labels differ.

    It scores recordings, not batches: members may cut time differently, so there is no `forward`; `earmark.runtime`
    runs each network (`networks_of`) and averages their scores.
    """

    def __init__(self, members: Sequence[Network | Fusion], names: Sequence[str] = ()) -> None:
        super().__init__()
        self.names = tuple(names) or tuple(f"model {number}" for number in range(1, len(members) + 1))
        self.labels: Labels = common_labels([member.labels for member in members], self.names)
        self._members = nn.ModuleList(members)

    @property
    def members(self) -> tuple[Network | Fusion, ...]:
        """What is fused, as many as `names`."""
        return tuple(cast("Network | Fusion", member) for member in self._members)

    @property
    def clock(self) -> Clock:
        """The clock of the fused frame scores."""
        return common_clock(member.clock for member in self.members)

    @property
    def rate(self) -> int:
        """The highest sample rate of any member."""
        return max(network.rate for network in networks_of(self))

    def parameter_count(self) -> int:
        """Trainable parameters of all members."""
        return sum(member.parameter_count() for member in self.members)


Model = Network | Fusion


def networks_of(model: Model) -> tuple[Network, ...]:
    """The taggers that a model asks, in the order in which `fuse` takes their scores."""
    if isinstance(model, Fusion):
        return tuple(network for member in model.members for network in networks_of(member))
    return (model,)
