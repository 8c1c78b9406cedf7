"""A step never waits for the device: nothing is read back from a tensor, and no shape depends on a value.

A GPU works through a queue. Whoever asks a tensor for a number (`item`, `bool`, `int`), or for how many values a mask
lets through, waits until the queue is empty. On a processor the same calls can be seen, and are forbidden here.
"""

from typing import Any

import pytest
import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from earmark.data.batches import Batch
from earmark.encoders import recurrence
from earmark.masking import MaskedBatchNorm2d
from earmark.models.network import ModelOptions, Network
from earmark.recipes import Recipe, load_recipe, recipe_names
from earmark.training.module import TrainingModule

READ_BACK = {"_local_scalar_dense", "item", "is_nonzero", "equal"}
SHAPED_BY_VALUES = {"nonzero", "masked_select", "unique", "_unique2", "unique_consecutive", "unique_dim", "bincount"}


class WaitedError(AssertionError):
    """An operator that would wait for a GPU."""


class NoWaiting(TorchDispatchMode):
    """Within, operators that read a value back or make a shape of values are refused."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.name().removeprefix("aten::").partition(".")[0]
        masks = name in ("index", "index_put", "index_put_") and any(
            index is not None and index.dtype in (torch.bool, torch.uint8) for index in args[1]
        )
        if masks or name in READ_BACK | SHAPED_BY_VALUES:
            raise WaitedError(f"{func} waits for the device")
        return func(*args, **(kwargs or {}))


def recipes() -> list[Any]:
    """One of every network and training that a recipe names, those of fusions among the members."""
    found: dict[str, Any] = {}
    for name in recipe_names():
        recipe = load_recipe(name)
        if not recipe.members:
            found.setdefault(f"{recipe.network!r} {recipe.training!r}", pytest.param(recipe, id=name))
    return list(found.values())


@pytest.mark.parametrize("wrong", [lambda x: x.sum().item(), lambda x: x[x > 0], lambda x: x.nonzero()])
def test_what_is_forbidden_is_seen(wrong: Any) -> None:
    with pytest.raises(WaitedError), NoWaiting():
        wrong(torch.ones(3))


class Repeating(TorchFunctionMode):
    """Within, no more than so many values of a tensor are drawn from a uniform distribution, and then come again."""

    MOST = 4096

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is not torch.Tensor.uniform_ or args[0].numel() <= self.MOST or not args[0].is_contiguous():
            return func(*args, **(kwargs or {}))
        drawn = torch.empty(self.MOST).uniform_(*args[1:], **(kwargs or {}))
        flat = args[0].view(-1)
        whole = len(flat) // self.MOST * self.MOST
        flat[:whole].view(-1, self.MOST).copy_(drawn)
        flat[whole:].copy_(drawn[: len(flat) - whole])
        return args[0]


@pytest.mark.parametrize("recipe", recipes())
def test_no_step_of_any_recipe_waits(recipe: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a batch of clips of one length, and of a ragged one."""
    monkeypatch.setattr(recurrence, "PACKING", ())  # as on a GPU
    torch.manual_seed(0)
    with Repeating():  # to draw tens of millions of weights costs more than a step
        tagger = Network(ModelOptions(labels=("dog", "siren"), **dict(recipe.network)))
    module = TrainingModule(tagger, recipe.training, total_steps=10, seed=0)
    samples = round(0.6 * tagger.rate)
    for whole in (True, False):
        lengths = torch.tensor([samples, samples if whole else samples // 2])
        waveform = 0.1 * torch.randn(2, samples) * (torch.arange(samples) < lengths[:, None])
        targets = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
        if recipe.training.self_training is not None:
            steps = tagger.steps_of(tagger.front_end.frames_in(samples))
            targets = targets[:, None].repeat(1, 1 + steps, 1)
        batch = Batch(waveform, lengths, targets, [0, 1], whole)
        weak = batch._replace(targets=targets if targets.ndim == 2 else targets[:, 0])
        with NoWaiting():
            module.train()
            module.training_step(batch, 0).backward()
            module.eval()
            with torch.no_grad():
                module.validation_step(weak, 0)
                module.tagger(waveform, None if whole else lengths)
        assert all(torch.isfinite(weight.grad.sum()) for weight in tagger.parameters() if weight.grad is not None)
        module.zero_grad()


def test_statistics_of_valid_steps_are_those_of_the_steps_cut_out() -> None:
    torch.manual_seed(0)
    x, mask = torch.randn(3, 4, 7, 5), torch.arange(7) < torch.tensor([7, 2, 4])[:, None]
    norm, plain = MaskedBatchNorm2d(4), torch.nn.BatchNorm1d(4)
    cut_out = x.permute(0, 2, 3, 1)[mask].reshape(-1, 4)
    torch.testing.assert_close(norm(x, mask).permute(0, 2, 3, 1)[mask].reshape(-1, 4), plain(cut_out))
    torch.testing.assert_close(norm.running_mean, plain.running_mean)
    torch.testing.assert_close(norm.running_var, plain.running_var)


def test_scores_of_a_validation_come_a_batch_later_and_none_is_lost() -> None:
    recipe = load_recipe()
    tagger = Network(ModelOptions(labels=("dog", "siren"), **dict(recipe.network)))
    module = TrainingModule(tagger, recipe.training, total_steps=10, seed=0)
    module.eval()
    module.on_validation_epoch_start()
    clips = 0.1 * torch.randn(3, tagger.rate // 2)
    taken = []
    with torch.no_grad():
        for number, clip in enumerate(clips):
            length = torch.tensor([len(clip)])
            module.validation_step(Batch(clip[None], length, torch.ones(1, 2), [number], True), number)
            taken.append(len(module.scored))
        module.on_validation_epoch_end()
        assert taken == [0, 1, 2]
        assert [numbers for numbers, _, _ in module.scored] == [[0], [1], [2]]
        for (_, scores, _), clip in zip(module.scored, clips, strict=True):
            torch.testing.assert_close(scores, tagger(clip[None]).clip)
