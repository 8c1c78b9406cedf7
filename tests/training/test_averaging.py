import os
from pathlib import Path

import pytest
import torch

from earmark.training.averaging import average_weights, epoch_file, save_epoch


def state(value: float, count: int) -> dict[str, torch.Tensor]:
    return {"weight": torch.full((2, 3), value), "mean": torch.tensor([value * 10]), "count": torch.tensor(count)}


def test_weights_are_averaged_and_counters_are_the_last(tmp_path: Path) -> None:
    values = [1.0, 2.0, 6.0]
    for epoch, value in enumerate(values, 1):
        save_epoch(tmp_path, epoch, state(value, 100 * epoch), keep=3)
    average = average_weights(epoch_file(tmp_path, epoch) for epoch in (1, 2, 3))
    assert average["weight"].tolist() == [[3.0] * 3] * 2
    assert average["mean"].tolist() == [30.0]
    assert average["count"].item() == 300
    assert average["count"].dtype == torch.int64
    assert average["weight"].dtype == torch.float32


def test_one_epoch_is_itself_to_the_bit(tmp_path: Path) -> None:
    made = {"weight": torch.randn(50, 50)}
    save_epoch(tmp_path, 1, made, keep=1)
    torch.testing.assert_close(average_weights([epoch_file(tmp_path, 1)]), made, atol=0, rtol=0)


@pytest.mark.parametrize("keep", [1, 3])
def test_only_the_last_epochs_are_kept(tmp_path: Path, keep: int) -> None:
    for epoch in range(1, 13):
        save_epoch(tmp_path, epoch, state(epoch, epoch), keep)
        kept = range(max(1, epoch - keep + 1), epoch + 1)
        assert sorted(os.listdir(tmp_path)) == sorted(epoch_file(tmp_path, e).name for e in kept)


def test_five_figure_epochs_are_told_from_four_figure_ones(tmp_path: Path) -> None:
    for epoch in (9_998, 9_999, 10_000):
        save_epoch(tmp_path, epoch, state(epoch, epoch), keep=2)
    assert sorted(os.listdir(tmp_path)) == ["epoch-10000.safetensors", "epoch-9999.safetensors"]


def test_no_epoch_has_no_average() -> None:
    with pytest.raises(ValueError, match="no epoch to average"):
        average_weights([])
