import pytest
import torch

from earmark.augment import mixup, overlay, step_generator
from earmark.augment.mixup import _beta


def generator(step: int = 0) -> torch.Generator:
    return step_generator(0, step, "test")


def one_hot_batch(batch: int = 16) -> tuple[torch.Tensor, torch.Tensor]:
    """Clip i is the constant i + 1 and has tag i alone, so that what was mixed can be read off the targets."""
    values = torch.arange(1.0, batch + 1)
    return values[:, None, None].expand(batch, 5, 3).clone(), torch.eye(batch)


def test_features_and_targets_are_mixed_in_one_proportion() -> None:
    features, targets = one_hot_batch()
    mixed, soft = mixup(features, targets, 0.5, generator())
    torch.testing.assert_close(mixed, (soft @ torch.arange(1.0, 17))[:, None, None].expand_as(mixed))
    torch.testing.assert_close(soft.sum(1), torch.ones(16))
    assert ((soft > 0).sum(1) <= 2).all()
    assert (soft.diagonal() >= 0.5).all()  # each clip stays the greater part of itself
    torch.testing.assert_close((features, targets), one_hot_batch())  # the caller's tensors are left alone


def test_shares_are_drawn_for_each_clip_from_beta() -> None:
    for alpha in (0.3, 1.0, 5.0):
        drawn = _beta(alpha, 20_000, generator())
        assert drawn.mean().item() == pytest.approx(0.5, abs=0.02)
        assert drawn.var().item() == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.05)


@pytest.mark.parametrize("alpha", [1e-4, 0.01, 100.0])
def test_extreme_alphas_stay_in_bounds(alpha: float) -> None:
    features, targets = one_hot_batch()
    mixed, soft = mixup(features, targets, alpha, generator())
    assert torch.isfinite(mixed).all()
    assert ((soft >= 0) & (soft <= 1)).all()


def test_a_batch_of_one_is_itself() -> None:
    features, targets = one_hot_batch(1)
    torch.testing.assert_close(mixup(features, targets, 1.0, generator()), (features, targets))


def lay(probability: float, level_db: float = 6.0, step: int = 0) -> tuple[torch.Tensor, ...]:
    waveform = torch.diag(torch.arange(1.0, 17))  # clip i sounds at sample i alone
    return overlay(waveform, torch.arange(1, 17), torch.eye(16), probability, level_db, generator(step))


def test_sounds_add_up_and_tags_are_united() -> None:
    """Where another clip's sample is heard its tag is set, and nowhere else."""
    mixed, _, targets = lay(0.6)
    torch.testing.assert_close((mixed != 0).float(), targets)
    assert set(targets.unique().tolist()) == {0.0, 1.0}
    assert 16 < targets.sum() < 32
    heard = mixed / torch.arange(1.0, 17)
    assert (heard.diagonal() >= 1).all()
    others = heard[(heard != 0) & ~torch.eye(16, dtype=torch.bool)]
    assert ((others >= 10 ** (-6 / 20) - 1e-6) & (others <= 10 ** (6 / 20) + 1e-6)).all()
    assert others.min() < 1 < others.max()


def test_a_sum_lasts_as_long_as_the_longer_of_its_two() -> None:
    mixed, lengths, targets = lay(1.0)
    for row in range(16):
        assert lengths[row].item() == max(targets[row].nonzero()).item() + 1
        assert not mixed[row, int(lengths[row]) :].any()


def test_the_share_of_clips_is_as_asked() -> None:
    torch.testing.assert_close(lay(0.0)[0], torch.diag(torch.arange(1.0, 17)))
    changed = [(lay(0.25, step=step)[2].sum(1) > 1).float().mean().item() for step in range(200)]
    own = 1 / 16  # a clip that draws itself is only made louder
    assert sum(changed) / 200 == pytest.approx(0.25 * (1 - own), abs=0.02)


def test_targets_of_steps_are_united_and_mixed_like_those_of_the_clip() -> None:
    """Clip i sounds at step i, as class i: what is laid over it brings its step along."""
    steps = torch.diag(torch.arange(1.0, 17)).sign()  # clip i is heard at step i
    targets = torch.cat([torch.eye(16)[:, None], steps[:, :, None] * torch.eye(16)[:, None]], dim=1)
    waveform, lengths = torch.diag(torch.arange(1.0, 17)), torch.arange(1, 17)
    mixed, _, united = overlay(waveform, lengths, targets, 0.6, 6.0, generator())
    torch.testing.assert_close(united[:, 0], lay(0.6)[2])  # the same as without steps
    torch.testing.assert_close(united[:, 1:].amax(2), (mixed != 0).float())
    torch.testing.assert_close(united[:, 1:].amax(1), united[:, 0])
    features = torch.randn(16, 5, 3, generator=torch.Generator().manual_seed(0))
    _, soft = mixup(features, targets, 0.5, generator())
    torch.testing.assert_close(soft[:, 0], mixup(features, targets[:, 0], 0.5, generator())[1])
    torch.testing.assert_close(soft[:, 1:].sum(1), soft[:, 0])
