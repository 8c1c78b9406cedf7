from collections.abc import Callable

import pytest
import torch

from earmark.pooling import AttentionOptions, Pooled, TemporalAttention

AXES = ["class", "time"]
LENGTHS = torch.tensor([12, 1, 7])


def heads(P: torch.Tensor, Z: torch.Tensor, axis: str = "class") -> TemporalAttention:
    """A pooling whose heads read logits written into the embedding: first those of O (here P), then those of Z."""
    classes = P.shape[-1]
    pooling = TemporalAttention(AttentionOptions(axis=axis), 2 * classes, classes)
    pooling.classify.weight.data = torch.eye(2 * classes)[:classes]
    pooling.localise.weight.data = torch.eye(2 * classes)[classes:]
    return pooling


def pool(P: torch.Tensor, Z: torch.Tensor, axis: str = "class") -> Pooled:
    """Pool frame probabilities P and attention Z (steps, classes)."""
    pooling = heads(P, Z, axis)
    return pooling(torch.cat([P.logit(), Z.log()], dim=1)[None])


def test_equations_3_and_4_in_numbers() -> None:
    """Two classes, three frames; Z sums to one over the classes of a frame."""
    P = torch.tensor([[0.9, 0.2], [0.5, 0.6], [0.1, 0.8]])
    Z = torch.tensor([[0.8, 0.2], [0.5, 0.5], [0.1, 0.9]])
    pooled = pool(P, Z)
    first = (0.9 * 0.8 + 0.5 * 0.5 + 0.1 * 0.1) / (0.8 + 0.5 + 0.1)  # 0.98 / 1.4 = 0.7
    second = (0.2 * 0.2 + 0.6 * 0.5 + 0.8 * 0.9) / (0.2 + 0.5 + 0.9)  # 1.06 / 1.6 = 0.6625
    assert pooled.clip[0].tolist() == pytest.approx([first, second], abs=1e-5) == [0.7, 0.6625]
    torch.testing.assert_close(pooled.frames[0], P)
    torch.testing.assert_close(pooled.weights[0], Z / Z.sum(0))


def test_over_time_the_denominator_is_one() -> None:
    P = torch.tensor([[0.9, 0.2], [0.5, 0.6], [0.1, 0.8]])
    Z = torch.tensor([[0.7, 0.1], [0.2, 0.1], [0.1, 0.8]])  # sums to one over the frames
    pooled = pool(P, Z, "time")
    torch.testing.assert_close(pooled.weights[0], Z)
    assert pooled.clip[0].tolist() == pytest.approx([0.74, 0.72], abs=1e-5)


def test_a_frame_that_has_all_attention_decides_the_clip() -> None:
    P = torch.tensor([[0.9, 0.2], [0.5, 0.6], [0.1, 0.8]])
    logits = torch.tensor([[-60.0, 0.0], [60.0, 0.0], [-60.0, 0.0]])
    for axis in AXES:
        pooled = heads(P, logits, axis)(torch.cat([P.logit(), logits], dim=1)[None])
        assert pooled.clip[0, 0].item() == pytest.approx(0.5, abs=1e-5)


def test_a_class_nobody_attends_to_has_the_mean() -> None:
    P = torch.tensor([[0.9, 0.2], [0.5, 0.6], [0.1, 0.7]])
    logits = torch.tensor([[-500.0, 500.0]] * 3)  # Z of the first class is zero in float32
    pooled = heads(P, logits)(torch.cat([P.logit(), logits], dim=1)[None])
    assert pooled.clip[0].tolist() == pytest.approx([0.5, 0.5], abs=1e-5)


@pytest.mark.parametrize("axis", AXES)
def test_the_contract_holds_for_clips_of_any_length(
    axis: str, check_contract: Callable[[Pooled, torch.Tensor], None]
) -> None:
    torch.manual_seed(0)
    pooling = TemporalAttention(AttentionOptions(axis=axis), 8, 3)
    x = 5 * torch.randn(3, 12, 8)
    pooled = pooling(x, LENGTHS)
    check_contract(pooled, LENGTHS)
    for row, length in enumerate(LENGTHS.tolist()):
        alone = pooling(x[row : row + 1, :length])
        torch.testing.assert_close(pooled.clip[row], alone.clip[0], atol=1e-6, rtol=0)
        torch.testing.assert_close(pooled.frames[row, :length], alone.frames[0], atol=1e-6, rtol=0)
        torch.testing.assert_close(pooled.weights[row, :length], alone.weights[0], atol=1e-6, rtol=0)


@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("level", [-40.0, 0.0, 40.0])
def test_gradients_are_finite_when_all_is_certain(axis: str, level: float) -> None:
    pooling = TemporalAttention(AttentionOptions(axis=axis), 4, 4)
    pooling.classify.weight.data = torch.eye(4)
    x = torch.full((3, 12, 4), level).requires_grad_()
    pooled = pooling(x, LENGTHS)
    (pooled.clip.sum() + pooled.frames.sum()).backward()
    assert torch.isfinite(x.grad).all()
    assert all(torch.isfinite(p.grad).all() for p in pooling.parameters())
    assert not x.grad[1, 1:].any()  # nothing beyond a clip's end moves the model


@pytest.mark.parametrize("axis", AXES)
def test_scores_are_float32_even_inside_autocast(axis: str) -> None:
    pooling, x = TemporalAttention(AttentionOptions(axis=axis), 8, 3), torch.randn(2, 5, 8)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = pooling(x)
    torch.testing.assert_close(inside.clip, pooling(x).clip, atol=0, rtol=0)


def test_localised_from_scores_z_sees_what_o_says() -> None:
    """docs/papers/xu2018.md, section 2.4: Z = softmax over classes of a linear layer on the sigmoid's outputs."""
    pooling = TemporalAttention(AttentionOptions(localise_from="scores"), channels=8, classes=3)
    x = torch.randn(2, 12, 8)
    P = torch.sigmoid(x @ pooling.classify.weight.T + pooling.classify.bias)
    Z = torch.softmax(P @ pooling.localise.weight.T + pooling.localise.bias, dim=2)
    pooled = pooling(x)
    torch.testing.assert_close(pooled.frames, P)
    torch.testing.assert_close(pooled.clip, (P * Z).sum(1) / Z.sum(1))
    assert sum(p.numel() for p in pooling.localise.parameters()) == 3 * 3 + 3


CLAMPS = ["both", "denominator", "none"]


@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("clamp", CLAMPS)
def test_clamps_agree_where_nothing_is_small(axis: str, clamp: str) -> None:
    torch.manual_seed(0)
    x = torch.randn(3, 12, 8)
    pooling = TemporalAttention(AttentionOptions(axis=axis, clamp=clamp), 8, 4)
    plain = TemporalAttention(AttentionOptions(axis=axis), 8, 4)
    plain.load_state_dict(pooling.state_dict())
    for ours, theirs in zip(pooling(x, LENGTHS)[:3], plain(x, LENGTHS)[:3], strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=0)


@pytest.mark.parametrize(("clamp", "first"), [("both", 0.5), ("denominator", 0.0), ("none", 0.9)])
def test_what_a_clamp_makes_of_a_class_nobody_attends_to(clamp: str, first: float) -> None:
    """Z of the first class is 0 in float32; unclamped, its largest by far is still the first frame's."""
    P = torch.tensor([[0.9, 0.2], [0.5, 0.6], [0.1, 0.7]])
    logits = torch.tensor([[-300.0, 300.0], [-320.0, 300.0], [-340.0, 300.0]])
    pooling = TemporalAttention(AttentionOptions(clamp=clamp), 4, 2)
    pooling.load_state_dict(heads(P, logits).state_dict())
    x = torch.cat([P.logit(), logits], dim=1)[None].requires_grad_()
    pooled = pooling(x)
    assert pooled.clip[0].tolist() == pytest.approx([first, 0.5], abs=1e-5)
    pooled.clip.sum().backward()
    assert torch.isfinite(x.grad).all()


@pytest.mark.parametrize("localise_from", ["embedding", "scores"])
@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("clamp", CLAMPS)
def test_the_contract_holds_for_every_choice(
    localise_from: str, axis: str, clamp: str, check_contract: Callable[[Pooled, torch.Tensor], None]
) -> None:
    torch.manual_seed(0)
    options = AttentionOptions(localise_from=localise_from, axis=axis, clamp=clamp)
    pooling, x = TemporalAttention(options, 8, 3), torch.randn(3, 12, 8).requires_grad_()
    pooled = pooling(x, LENGTHS)
    check_contract(pooled, LENGTHS)
    pooled.clip.sum().backward()
    assert torch.isfinite(x.grad).all()
    assert not x.grad[1, 1:].any()
    for row, length in enumerate(LENGTHS.tolist()):
        alone = pooling(x[row : row + 1, :length])
        torch.testing.assert_close(pooled.clip[row], alone.clip[0], atol=1e-6, rtol=0)
        torch.testing.assert_close(pooled.weights[row, :length], alone.weights[0], atol=1e-6, rtol=0)
