"""The blocks of an encoder by depth: what `--freeze N` counts and `training.layer_decay` goes by.

An encoder need not state its blocks. They are found in its children, in the order in which these were registered, which
is that in which the sound passes them:

- the entries of a `ModuleList` are blocks; where there is none, those of a `Sequential`, or of the `ModuleList` of a
  child, and so on inwards: of the two, where most parameters are;
- what was registered before the first entry of a `ModuleList` lies under it and belongs to the first block: an input
  normalisation, the embedding of patches, parameters of the encoder itself;
- what was registered later is a block each: a last convolution, a recurrent layer;
- a part without kernels (normalisation, activation, dropout) belongs to the block before it.

An encoder whose children are not in that order (parallel branches, outputs at several depths) has a method
`ordered_blocks() -> list[list[nn.Module]]`: the modules of each block, from the input on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from torch import nn


@dataclass(frozen=True)
class Block:
    """Some modules of an encoder that lie at one depth."""

    name: str  # of its largest module, within the encoder: "blocks.0"
    modules: tuple[nn.Module, ...]
    parameters: tuple[nn.Parameter, ...]  # of these modules; of the first block also those of the encoder itself


def blocks_in_order(encoder: nn.Module) -> tuple[Block, ...]:
    """The blocks from the input to the embeddings; every parameter is in exactly one of them.

    >>> net = nn.Sequential(nn.Linear(4, 8), nn.LayerNorm(8), nn.ReLU(), nn.Linear(8, 2))
    >>> [(block.name, len(block.modules), len(block.parameters)) for block in blocks_in_order(net)]
    [('0', 3, 4), ('3', 1, 2)]
    """
    own = getattr(encoder, "ordered_blocks", None)
    groups: list[list[nn.Module]] = own() if own is not None else _grouped(encoder)
    names = {module: name for name, module in encoder.named_modules()}
    inside = {parameter for group in groups for module in group for parameter in module.parameters()}
    rest = [parameter for parameter in encoder.parameters() if parameter not in inside]
    if not groups:
        return (Block("", (encoder,), tuple(rest)),) if rest else ()
    taken: set[nn.Parameter] = set(rest)
    blocks: list[Block] = []
    for group in groups:
        parameters = [parameter for module in group for parameter in module.parameters() if parameter not in taken]
        parameters = list(dict.fromkeys(parameters))  # shared ones once, in the lowest block
        taken.update(parameters)
        largest = max(group, key=lambda module: _size([module]))
        blocks.append(Block(names[largest], tuple(group), tuple(parameters if blocks else rest + parameters)))
    return tuple(blocks)


def _grouped(encoder: nn.Module) -> list[list[nn.Module]]:
    """The modules of each block."""
    groups: list[list[nn.Module]] = []
    under: list[nn.Module] = []  # modules that lie under the first block
    for module, is_under in _units(encoder):
        if is_under or (not groups and not _has_kernels(module)):
            under.append(module)
        elif _has_kernels(module):
            groups.append([*under, module])
            under = []
        else:
            groups[-1].append(module)
    return groups if groups or not under else [under]


def _units(module: nn.Module) -> Iterator[tuple[nn.Module, bool]]:
    """The parts of a module in order, and of each whether it lies under the list of blocks."""
    children = list(module.children())
    if isinstance(module, nn.ModuleList | nn.Sequential):
        yield from ((child, False) for child in children)
        return
    opened: list[nn.Module] = [child for child in children if isinstance(child, nn.ModuleList) and _has_kernels(child)]
    under = True
    if not opened:
        rows: list[nn.Module] = [
            child for child in children if isinstance(child, nn.Sequential) and _has_kernels(child)
        ]
        nests = [child for child in children if child not in rows and _has_list(child)]
        opened, under = (rows, False) if _size(rows) >= _size(nests) else (nests, True)
        under = under and bool(opened)
    for child in children:
        if child in opened:
            under = False
            yield from _units(child)
        else:
            yield child, under


def _has_list(module: nn.Module) -> bool:
    return any(isinstance(part, nn.ModuleList) for part in module.modules())


def _size(modules: Iterable[nn.Module]) -> int:
    return sum(parameter.numel() for module in modules for parameter in module.parameters())


def _has_kernels(module: nn.Module) -> bool:
    return any(parameter.ndim > 1 for parameter in module.parameters())
