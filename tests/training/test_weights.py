"""Weights at the end of a training: averaged, and given batch statistics of their own."""

from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

from earmark.training.loop import ClipSet, Machine, fit
from earmark.training.options import FuseOptions, TrainingOptions
from earmark.training.weights import Norm, average_weights, epoch_file, save_epoch, settle_norms


def state(value: float, count: int) -> dict[str, torch.Tensor]:
    return {"weight": torch.full((2, 3), value), "mean": torch.tensor([value * 10]), "count": torch.tensor(count)}


def test_weights_are_averaged_and_counters_are_the_last(tmp_path: Path) -> None:
    values = [1.0, 2.0, 6.0]
    for epoch, value in enumerate(values, 1):
        save_epoch(tmp_path, epoch, state(value, 100 * epoch))
    average = average_weights(epoch_file(tmp_path, epoch) for epoch in (1, 2, 3))
    assert average["weight"].tolist() == [[3.0] * 3] * 2
    assert average["mean"].tolist() == [30.0]
    assert average["count"].item() == 300
    assert average["count"].dtype == torch.int64
    assert average["weight"].dtype == torch.float32


def test_one_epoch_is_itself_to_the_bit(tmp_path: Path) -> None:
    made = {"weight": torch.randn(50, 50)}
    save_epoch(tmp_path, 1, made)
    torch.testing.assert_close(average_weights([epoch_file(tmp_path, 1)]), made, atol=0, rtol=0)


def test_no_epoch_has_no_average() -> None:
    with pytest.raises(ValueError, match="no epoch to average"):
        average_weights([])


def norms_of(tagger):
    return [module for module in tagger.modules() if isinstance(module, Norm)]


def test_statistics_are_the_mean_over_the_batches_and_the_rest_stays(untrained):
    tagger = untrained()
    before = {name: tensor.clone() for name, tensor in tagger.state_dict().items()}
    first = norms_of(tagger)[0]
    seen = []
    first.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].detach().clone()))
    features = torch.randn(3, 4, 20, 24, generator=torch.Generator().manual_seed(0)) + 2
    lengths = torch.tensor([20, 20, 12, 5])
    settle_norms(tagger, [(batch, lengths) for batch in features])
    assert not tagger.training
    valid = torch.arange(20) < lengths[:, None]
    means = [x.permute(0, 2, 3, 1)[valid].flatten(0, 1).mean(0) for x in seen]  # padding plays no part
    torch.testing.assert_close(first.running_mean, torch.stack(means).mean(0))
    after = tagger.state_dict()
    changed = {name.rpartition(".")[2] for name in before if not torch.equal(before[name], after[name])}
    assert changed <= {"running_mean", "running_var", "num_batches_tracked"}
    assert {norm.momentum for norm in norms_of(tagger)} == {0.1}


def test_frozen_ones_stay(untrained):
    tagger = untrained()
    for parameter in tagger.encoder.parameters():
        parameter.requires_grad_(False)
    before = {name: tensor.clone() for name, tensor in tagger.state_dict().items()}
    settle_norms(tagger, [(torch.randn(4, 20, 24), None)])
    assert all(torch.equal(before[name], tensor) for name, tensor in tagger.state_dict().items())


def trained(tagger, clips, folder, **changes):
    for norm in norms_of(tagger):
        norm.momentum = 0.01
    options = TrainingOptions(epochs=4, steps_per_epoch=12, batch_size=8, learning_rate=0.02, warmup_steps=0, **changes)
    fit(tagger, ClipSet(clips, clips.targets), None, options, folder, seed=0, machine=Machine(precision="float32"))
    return tagger.eval()


@torch.no_grad()
def loss(tagger, clips):
    total = 0.0
    for index in range(len(clips)):
        clip = tagger(torch.from_numpy(clips.read(index))[None]).clip[0].clamp(1e-6, 1 - 1e-6).numpy()
        total -= np.log(np.where(clips.targets[index], clip, 1 - clip)).mean()
    return total / len(clips)


def test_a_short_training_with_slow_statistics_is_heard_only_when_they_are_settled(untrained, sounds, folder, tmp_path):
    clips, others = sounds(24, 0), sounds(24, 5)
    slow = loss(trained(untrained(), clips, folder), others)
    settled = loss(trained(untrained(), clips, tmp_path / "settled", settle=12), others)
    assert settled < slow
    fused = {"fuse": FuseOptions(first=2, every=2), "settle": 12}
    trained(untrained(), clips, tmp_path / "fused", **fused)
    state = tmp_path / "fused" / "training"
    weights = [safetensors.torch.load_file(epoch_file(state, epoch)) for epoch in (2, 4)]
    assert all(w["encoder.last.norm.num_batches_tracked"] == 12 for w in weights)
    trained(untrained(), clips, tmp_path / "fused", **fused)  # taken up at its end: the same again
    again = [safetensors.torch.load_file(epoch_file(state, epoch)) for epoch in (2, 4)]
    assert all(torch.equal(old[name], new[name]) for old, new in zip(weights, again, strict=True) for name in old)
