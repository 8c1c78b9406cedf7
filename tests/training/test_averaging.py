from pathlib import Path

import pytest
import torch

from earmark.training.averaging import average_weights, epoch_file, save_epoch


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
