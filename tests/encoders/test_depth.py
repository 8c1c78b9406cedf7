"""The blocks of an encoder by depth."""

from typing import Any

import pytest
import torch
from torch import nn

from earmark.encoders import blocks_in_order
from earmark.hub import box
from earmark.hub.panns import panns_network
from earmark.models.network import ModelOptions, Network
from earmark.recipes import load_recipe
from tests.pooling.test_matrix import BANDED, ENCODERS, FEATURES, HEARS


def names(encoder: nn.Module) -> list[str]:
    return [block.name for block in blocks_in_order(encoder)]


def network(kind: str) -> Network:
    features = next(name for name in FEATURES if name in HEARS.get(kind, BANDED))
    torch.manual_seed(0)
    data: dict[str, Any] = {
        "labels": ["a", "b"],
        "features": {"kind": features, **FEATURES[features]},
        "encoder": {"kind": kind, **ENCODERS[kind]},
        "pooling": {"kind": "levels", "levels": 2} if kind == "frame-cnn" else {"kind": "average"},
    }
    return Network(ModelOptions.parse(data, kind))


@pytest.mark.parametrize("kind", ENCODERS)
def test_every_parameter_of_every_encoder_is_in_one_block(kind: str) -> None:
    encoder = network(kind).encoder
    found = [id(parameter) for block in blocks_in_order(encoder) for parameter in block.parameters]
    assert sorted(found) == sorted(id(parameter) for parameter in encoder.parameters())


@pytest.mark.parametrize("kind", ENCODERS)
def test_sound_passes_the_blocks_in_their_order(kind: str) -> None:
    made = network(kind)
    passed: list[int] = []
    for depth, block in enumerate(blocks_in_order(made.encoder)):
        for module in block.modules:
            module.register_forward_hook(lambda *_, depth=depth: passed.append(depth))
    with torch.no_grad():
        made.eval()(torch.randn(1, made.rate))
    firsts = list(dict.fromkeys(passed))
    assert firsts == sorted(firsts)
    assert firsts, "no block was passed"


@pytest.mark.parametrize("kind", ENCODERS)
def test_where_the_lower_blocks_are_frozen_only_higher_ones_get_gradients(kind: str) -> None:
    made = network(kind).train()
    blocks = blocks_in_order(made.encoder)
    for depth in range(1, len(blocks)):
        made.zero_grad()
        for parameter in blocks[depth - 1].parameters:
            parameter.requires_grad_(False)
        made(torch.randn(2, made.rate)).frames.square().sum().backward()
        moved = [any(parameter.grad is not None for parameter in block.parameters) for block in blocks]
        assert moved[:depth] == [False] * depth
        assert moved[-1]


def test_the_blocks_of_a_transformer_within_a_module_of_its_own() -> None:
    class Inner(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.positions = nn.Conv1d(4, 4, 3)
            self.layers = nn.ModuleList(nn.TransformerEncoderLayer(4, 1, 8) for _ in range(3))
            self.norm = nn.LayerNorm(4)

    class Outer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.token = nn.Parameter(torch.zeros(1, 1, 4))
            self.patches = nn.Sequential(nn.Conv2d(1, 4, 2), nn.GELU())
            self.encoder = Inner()
            self.proj = nn.Linear(4, 2)

    encoder = Outer()
    blocks = blocks_in_order(encoder)
    assert names(encoder) == ["encoder.layers.0", "encoder.layers.1", "encoder.layers.2", "proj"]
    lowest = {id(parameter) for parameter in blocks[0].parameters}
    for part in (encoder.patches, encoder.encoder.positions, encoder.encoder.layers[0]):
        assert {id(parameter) for parameter in part.parameters()} <= lowest
    assert id(encoder.token) in lowest
    assert encoder.encoder.norm in blocks[2].modules


def test_modules_without_lists_and_without_kernels() -> None:
    class Plain(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm = nn.BatchNorm1d(4)
            self.one = nn.Linear(4, 4)
            self.drop = nn.Dropout(0.5)
            self.two = nn.GRU(4, 4)

    plain = Plain()
    assert names(plain) == ["one", "two"]
    first, _ = blocks_in_order(plain)
    assert first.modules == (plain.norm, plain.one, plain.drop)
    scale = nn.ParameterList([torch.zeros(3)])
    assert [block.parameters for block in blocks_in_order(scale)] == [tuple(scale)]
    assert blocks_in_order(nn.Identity()) == ()


def test_a_shared_parameter_belongs_to_the_lowest_block_that_has_it() -> None:
    layers = nn.ModuleList(nn.Linear(3, 3) for _ in range(3))
    layers[1].weight = layers[2].weight = layers[0].weight
    counts = [len(block.parameters) for block in blocks_in_order(layers)]
    assert counts == [2, 1, 1]


def test_an_encoder_may_state_its_blocks_itself() -> None:
    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.top, self.bottom = nn.Linear(2, 2), nn.Linear(2, 2)
            self.scale = nn.Parameter(torch.ones(1))

        def ordered_blocks(self) -> list[list[nn.Module]]:
            return [[self.bottom], [self.top]]

    odd = Odd()
    assert names(odd) == ["bottom", "top"]
    assert any(parameter is odd.scale for parameter in blocks_in_order(odd)[0].parameters)


PUBLIC = {  # as docs/guides/models.md states them
    **{"panns/cnn10": 4, "panns/cnn14": 6, "panns/wavegram-logmel-cnn14": 6},
    **{"atst-f/strong": 12, "beats/iter3plus": 12, "yamnet/yamnet": 13, "frame-mn/06": 16, "efficientat/dymn10": 16},
}


@pytest.mark.parametrize(("name", "count"), PUBLIC.items())
def test_the_public_networks_have_the_blocks_that_the_guide_states(name: str, count: int) -> None:
    family, _, short = name.partition("/")
    options = panns_network(short) if family == "panns" else load_recipe(name).network
    with torch.device("meta"):
        made = Network(ModelOptions(labels=("a",), **dict(options)))
    assert len(blocks_in_order(made.encoder)) == count


def test_the_model_in_the_package_has_five() -> None:
    assert names(Network.from_pretrained(box.directory()).encoder) == [
        "blocks.0",
        "blocks.1",
        "blocks.2",
        "last",
        "gru",
    ]
