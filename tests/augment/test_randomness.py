import torch

from earmark.augment import step_generator, step_seed


def draws(seed: int, step: int, purpose: str) -> list[float]:
    return torch.rand(4, generator=step_generator(seed, step, purpose)).tolist()


def test_the_same_step_draws_the_same_whatever_came_before() -> None:
    first = draws(7, 100, "augment")
    torch.manual_seed(3), torch.rand(1000), draws(7, 99, "augment")
    assert draws(7, 100, "augment") == first


def test_seed_step_and_purpose_each_make_a_difference() -> None:
    assert len({tuple(draws(*key)) for key in ((7, 100, "a"), (8, 100, "a"), (7, 101, "a"), (7, 100, "b"))}) == 4
    assert step_seed(1, 11, "a") != step_seed(11, 1, "a")


def test_seeds_of_many_steps_are_all_different_and_fit_torch() -> None:
    seeds = {step_seed(0, step, "network/0") for step in range(20_000)}
    assert len(seeds) == 20_000
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_a_seed_is_the_same_on_every_machine_and_in_every_version() -> None:
    """Resuming after an upgrade needs it: a changed value here breaks runs in progress."""
    assert step_seed(0, 1, "augment/0") == 7_878_739_656_752_640_878
