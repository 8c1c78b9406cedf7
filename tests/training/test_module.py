import math
from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from earmark.encoders import blocks_in_order
from earmark.errors import ConfigError
from earmark.models.network import Network
from earmark.training.module import TrainingModule, learning_rate, parameters
from earmark.training.options import TrainingOptions


def curve(total: int = 1_000, **options: object) -> np.ndarray:
    made = TrainingOptions(**{"learning_rate": 2e-3, **options})
    return np.array([learning_rate(made, step, total) for step in range(total)])


def test_the_rate_rises_step_by_step_and_then_stays() -> None:
    rates = curve(warmup_steps=50, schedule="constant")
    np.testing.assert_allclose(rates[:50], 2e-3 * np.arange(1, 51) / 51)
    np.testing.assert_allclose(rates[50:], 2e-3)


def test_the_rate_falls_along_half_a_cosine() -> None:
    rates = curve(warmup_steps=0, schedule="cosine")
    np.testing.assert_allclose(rates, [1e-3 * (1 + math.cos(math.pi * step / 1_000)) for step in range(1_000)])
    assert rates[0] == 2e-3
    assert rates[500] == pytest.approx(1e-3)
    assert 0 < rates[-1] < 1e-7


def test_rise_and_fall_together_have_one_peak() -> None:
    rates = curve(warmup_steps=100)
    peak = int(rates.argmax())
    assert 90 <= peak <= 101
    assert (np.diff(rates[:peak]) > 0).all()
    assert (np.diff(rates[peak:]) < 0).all()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"epochs": 0}, "epochs: .*greater than 0, got 0"),
        ({"balance": {"max_ratio": 0.5}}, r"balance\.max_ratio: .*greater than or equal to 1"),
        ({"augment": {"overlay": 2}}, r"augment\.overlay: .*less than or equal to 1"),
        ({"augment": {"mixpu": 2}}, r"augment\.mixpu.*did you mean 'mixup'"),
        ({"schedule": "cosin"}, "schedule: .*'constant' or 'cosine'"),
    ],
)
def test_impossible_options_are_refused(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        TrainingOptions.parse(wrong, "training")


def test_the_encoder_learns_at_its_share_of_the_rate(untrained: Callable[..., Network]) -> None:
    tagger = untrained()
    whole, shared = parameters(tagger, 1.0), parameters(tagger, 0.2)
    assert [len(group["params"]) for group in whole] == [len(list(tagger.parameters()))]
    assert sum(len(group["params"]) for group in shared) == len(whole[0]["params"])
    assert {id(p) for p in shared[0]["params"]} == {id(p) for p in tagger.pooling.parameters()}
    optimiser = torch.optim.SGD(shared, lr=1.0)
    module = TrainingModule(tagger, TrainingOptions(learning_rate=0.5, warmup_steps=0, schedule="constant"), 10, 0)
    module.trainer = SimpleNamespace(optimizers=[optimiser], global_step=0, global_rank=0)
    module.on_train_batch_start(None, 0)
    assert [group["lr"] for group in optimiser.param_groups] == [0.5, 0.1]


@pytest.mark.parametrize(("share", "decay"), [(1.0, 0.8), (0.5, 0.5)])
def test_with_layer_decay_each_block_learns_slower_than_the_block_above_it(
    untrained: Callable[..., Network], share: float, decay: float
) -> None:
    tagger = untrained()
    blocks = blocks_in_order(tagger.encoder)
    assert [block.name for block in blocks] == ["blocks.0", "blocks.1", "last", "gru"]
    options = TrainingOptions(
        learning_rate=0.5, warmup_steps=0, schedule="constant", encoder_rate=share, layer_decay=decay
    )
    module = TrainingModule(tagger, options, 10, 0)
    optimiser = module.configure_optimizers()
    module.trainer = SimpleNamespace(optimizers=[optimiser], global_step=0, global_rank=0)
    module.on_train_batch_start(None, 0)
    rates = {id(parameter): group["lr"] for group in optimiser.param_groups for parameter in group["params"]}
    assert len(rates) == len(list(tagger.parameters()))
    assert {rates[id(parameter)] for parameter in tagger.pooling.parameters()} == {0.5}
    for depth, block in enumerate(reversed(blocks)):
        found = {rates[id(parameter)] for parameter in block.parameters}
        assert [*found] == [pytest.approx(0.5 * share * decay**depth)]


def test_without_layer_decay_the_optimiser_is_the_one_it_was(untrained: Callable[..., Network]) -> None:
    tagger = untrained()
    groups = TrainingModule(tagger, TrainingOptions(), 10, 0).configure_optimizers().param_groups
    assert len(groups) == 1
    assert [id(parameter) for parameter in groups[0]["params"]] == [id(parameter) for parameter in tagger.parameters()]
