"""What a family of public checkpoints must state, so that they can be recognised and converted.

Each `hub/FAMILY.py` ends with `FAMILY = Family(...)`, which `importing` lists. Names are those within the family,
"cnn14"; shapes are tuples of numbers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from earmark.decisions import OperatingPoint, named_point
from earmark.errors import ModelError
from earmark.labels import Labels
from earmark.models.network import Network

Shapes = dict[str, tuple[int, ...]]
State = Mapping[str, Tensor]  # the tensors of a checkpoint, under the names that its authors gave them
_NOTHING = re.compile(r"(?!)")


def _default_point(_: str, labels: Labels) -> OperatingPoint:
    return named_point("default", labels)


@dataclass(frozen=True)
class Family:
    """How the checkpoints of a family become models."""

    names: tuple[str, ...]
    expected: Callable[[str], Shapes]  # of a name: the tensors that its checkpoint must hold
    converted: Callable[[State, str], Network]  # tensors as `expected` wants them, to a network in evaluation mode
    point: Callable[[str, Labels], OperatingPoint] = _default_point  # how its scores are decided, untuned
    unused: re.Pattern[str] = _NOTHING  # tensors that may be in a checkpoint, and are not read (matched at the start)
    refused: Callable[[State, str], str | None] = lambda state, file: None  # a relative that cannot be imported
    changes: str = "tensors renamed, kernels turned, their values unchanged"  # what the model's card says of them
    renamed: Callable[[State], State] = lambda state: state  # tensors that files spell in more than one way, in one
    finished: Callable[[Network, str, Path], Network] = lambda network, name, path: network  # by what else a file says
    read: Callable[[Path], State | None] | None = None  # a format that is not PyTorch's; None: the file is not in it

    def differences(self, state: State, name: str) -> list[str]:
        """What of a checkpoint's tensors is not as in this architecture, a phrase each; nothing where it is one."""
        return differences(self.renamed(state), self.expected(name), self.unused)

    def fitting(self, state: State) -> tuple[list[str], str, list[str]]:
        """The architectures that tensors may be of; the nearest, and what parts them from it."""
        found = {name: self.differences(state, name) for name in self.names}
        nearest = min(found, key=lambda name: len(found[name]))
        return [name for name, wrong in found.items() if not wrong], nearest, found[nearest]


def differences(state: State, wanted: Shapes, unused: re.Pattern[str] = _NOTHING) -> list[str]:
    """What of a checkpoint's tensors is not as wanted, a phrase each.

    >>> differences({"fc.weight": torch.zeros(3)}, {"fc.weight": (4,), "fc.bias": (4,)})
    ["missing 'fc.bias'", "'fc.weight' is (3,), not (4,)"]
    """
    found = {key: tuple(tensor.shape) for key, tensor in state.items() if not unused.match(key)}
    return [
        *(f"missing {key!r}" for key in wanted if key not in found),
        *(f"unexpected {key!r}" for key in found if key not in wanted),
        *(f"{key!r} is {found[key]}, not {shape}" for key, shape in wanted.items() if found.get(key, shape) != shape),
    ]


def some(wrong: list[str], most: int = 4) -> str:
    """The first few of many, in a line.

    >>> some(["a", "b", "c"], most=2)
    'a, b and 1 more'
    """
    return ", ".join(wrong[:most]) + (f" and {len(wrong) - most} more" if len(wrong) > most else "")


def filled(network: Network, weights: State) -> Network:
    """The network in evaluation mode with these values, which are all but those of its scaling.

    `ModelError` where one is not finite.
    """
    check_finite(weights)
    wrong = network.load_state_dict(weights, strict=False)
    missing = [name for name in wrong.missing_keys if not name.startswith("scaling.")]
    if missing or wrong.unexpected_keys:
        raise ValueError(f"missing {missing}, unexpected {wrong.unexpected_keys}")
    return network.eval()


def check_finite(weights: State) -> None:
    """`ModelError` that names the tensors whose values are not finite."""
    broken = [name for name, tensor in weights.items() if not bool(torch.isfinite(tensor).all())]
    if broken:
        raise ModelError(f"the checkpoint is damaged: {some(broken)} with values that are not finite")
