import pytest

from earmark.errors import ConfigError
from earmark.training.options import FuseOptions, TrainingOptions

XU = TrainingOptions(epochs=80, fuse=FuseOptions(first=20, every=10))


def test_the_paper_fuses_seven_epochs() -> None:
    assert list(XU.model_epochs) == [20, 30, 40, 50, 60, 70, 80]


def test_without_fusing_the_last_epochs_make_the_model() -> None:
    assert list(TrainingOptions(epochs=5, average_last=3).model_epochs) == [3, 4, 5]
    assert list(TrainingOptions(epochs=2, average_last=3).model_epochs) == [1, 2]


@pytest.mark.parametrize(
    ("epochs", "fused"),
    [(1, [1]), (3, [1, 2, 3]), (8, [2, 3, 4, 5, 6, 7, 8]), (40, list(range(10, 41, 5))), (80, list(range(20, 81, 10)))],
)
def test_a_shorter_run_fuses_in_proportion(epochs: int, fused: list[int]) -> None:
    shorter = XU.lasting(epochs)
    assert list(shorter.model_epochs) == fused
    assert TrainingOptions.parse(shorter.model_dump(), "x") == shorter  # what was asked can be asked again


def test_a_run_of_few_updates_fuses_in_proportion() -> None:
    shorter = XU.lasting(steps=8)
    assert (shorter.epochs, shorter.steps_per_epoch, len(shorter.model_epochs)) == (8, 1, 7)


def test_epochs_that_never_come_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"fuse\.first \(20\) is larger than the number of epochs \(3\)"):
        TrainingOptions.parse({"epochs": 3, "fuse": {}}, "x")
