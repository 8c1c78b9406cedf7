import pytest

from earmark.errors import ConfigError
from earmark.training.options import FuseOptions, SelfTrainingOptions, TrainingOptions

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


def test_few_clips_get_a_least_number_of_updates_unless_epochs_or_updates_are_asked_for() -> None:
    options = TrainingOptions(epochs=12, least_updates=200)
    assert [options.updates_per_epoch(clips) for clips in (1, 200, 2_000)] == [17, 17, 62]
    assert options.lasting(epochs=2).updates_per_epoch(200) == 6
    assert options.lasting(steps=24).updates_per_epoch(200) == 2
    assert options.lasting() == options


def test_a_student_gets_its_share_of_the_least_updates() -> None:
    options = TrainingOptions(epochs=12, least_updates=200, self_training=SelfTrainingOptions(epochs=6))
    assert options.of_student.least_updates == 100
    assert options.model_copy(update={"self_training": SelfTrainingOptions()}).of_student.least_updates == 200


@pytest.mark.parametrize(("total", "updates"), [(1, 0), (4, 1), (60, 15), (199, 49), (200, 50), (558, 50)])
def test_the_rate_rises_over_a_quarter_of_few_updates_and_over_what_is_asked_of_many(total: int, updates: int) -> None:
    assert TrainingOptions(warmup_steps=50).warmup(total) == updates
