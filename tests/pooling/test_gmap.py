import pytest
import torch

from earmark.pooling import GatedMultiHeadAttention, Pooled

LENGTHS = torch.tensor([9, 1, 4])


def plain(pooling: GatedMultiHeadAttention, h: torch.Tensor) -> torch.Tensor:
    """Equations 9 to 11 as the paper writes them, for one clip (steps, channels), in double precision."""
    h, c = h.double(), []
    for v, part in zip(pooling.v.double(), h.chunk(len(pooling.v), dim=1), strict=True):
        w = torch.exp(part @ v) / torch.exp(part @ v).sum()
        mean = sum(w[t] * part[t] for t in range(len(h)))
        square = sum(w[t] * part[t] * part[t] for t in range(len(h)))
        c += [mean, (square - mean * mean).clamp(min=pooling.eps).sqrt()]
    u = torch.cat(c)
    return u if pooling.gate is None else torch.sigmoid(pooling.gate.weight.double() @ u + pooling.gate.bias) * u


def randomised(channels: int, heads: int, gate: bool = True) -> GatedMultiHeadAttention:
    torch.manual_seed(0)
    pooling = GatedMultiHeadAttention(channels, heads, gate=gate)
    for parameter in pooling.parameters():
        torch.nn.init.normal_(parameter)
    return pooling


@torch.no_grad()
@pytest.mark.parametrize("heads", [1, 2, 4])
@pytest.mark.parametrize("gate", [True, False])
def test_it_equals_the_equations_term_by_term(heads: int, gate: bool) -> None:
    pooling, x = randomised(8, heads, gate), torch.randn(3, 9, 8)
    pooled = pooling(x, LENGTHS)
    for row, length in enumerate(LENGTHS.tolist()):
        torch.testing.assert_close(pooled.clip[row].double(), plain(pooling, x[row, :length]), atol=1e-5, rtol=1e-5)
        for step in range(length):  # a frame is a bag that holds it alone
            alone = plain(pooling, x[row, step : step + 1])
            torch.testing.assert_close(pooled.frames[row, step].double(), alone, atol=1e-5, rtol=1e-5)


def test_at_its_start_it_gives_mean_and_population_deviation() -> None:
    x = torch.randn(2, 9, 8)
    u = GatedMultiHeadAttention(8, heads=2, gate=False)(x).clip
    mean, deviation = x.mean(1), x.std(1, unbiased=False)
    expected = torch.cat([mean[:, :4], deviation[:, :4], mean[:, 4:], deviation[:, 4:]], dim=1)  # head by head
    torch.testing.assert_close(u, expected)


def test_worked_numbers() -> None:
    """Two steps, one head a channel; v makes step 2 weigh three times step 1 in the first and as much in the second."""
    pooling = GatedMultiHeadAttention(2, heads=2, gate=False)
    pooling.v.data = torch.tensor([[torch.log(torch.tensor(3.0)) / 4], [0.0]])
    pooled = pooling(torch.tensor([[[0.0, 1.0], [4.0, 3.0]]]))
    torch.testing.assert_close(pooled.heads[0], torch.tensor([[0.25, 0.5], [0.75, 0.5]]))
    torch.testing.assert_close(pooled.clip[0], torch.tensor([3.0, 3.0**0.5, 2.0, 1.0]))


def test_an_open_gate_is_the_identity_and_a_zero_one_halves() -> None:
    x, gated, plain = torch.randn(2, 9, 8), GatedMultiHeadAttention(8), GatedMultiHeadAttention(8, gate=False)
    torch.nn.init.zeros_(gated.gate.weight)
    torch.testing.assert_close(gated(x).clip, plain(x).clip / 2)
    torch.nn.init.constant_(gated.gate.bias, 50.0)
    torch.testing.assert_close(gated(x).clip, plain(x).clip)


@torch.no_grad()
def test_the_order_of_time_does_not_matter() -> None:
    pooling, x, order = randomised(8, 4), torch.randn(2, 9, 8), torch.randperm(9)
    torch.testing.assert_close(pooling(x[:, order]).clip, pooling(x).clip)
    torch.testing.assert_close(pooling(x[:, order]).heads, pooling(x).heads[:, order])


@torch.no_grad()
def test_heads_look_at_their_own_channels_alone() -> None:
    pooling, x = randomised(8, 4, gate=False), torch.randn(1, 9, 8)
    before = pooling(x)
    x[:, :, 2:4] = torch.randn(1, 9, 2)  # of the second head
    after = pooling(x)
    same = torch.tensor([True, False, True, True])
    assert ((after.heads == before.heads).all(1)[0] == same).all()
    assert ((after.clip.view(4, 4) == before.clip.view(4, 4)).all(1) == same).all()


def test_every_head_sums_to_one_over_the_valid_steps() -> None:
    pooled: Pooled = randomised(8, 4)(torch.randn(3, 9, 8), LENGTHS)
    assert pooled.weights.shape == (3, 9, 4)
    torch.testing.assert_close(pooled.weights.sum(1), torch.ones(3, 4))
    beyond = torch.arange(9) >= LENGTHS[:, None]
    assert not pooled.weights[beyond].any()
    assert not pooled.frames[beyond].any()


@pytest.mark.parametrize("level", [0.0, 1.0, 100.0])
@pytest.mark.parametrize("gate", [True, False])
def test_a_channel_that_never_changes_gives_finite_gradients(level: float, gate: bool) -> None:
    pooling = randomised(8, 4, gate)
    x = torch.full((3, 9, 8), level)
    x[:, :, 0] = torch.randn(3, 9)
    x.requires_grad_()
    pooled = pooling(x, LENGTHS)
    deviation = GatedMultiHeadAttention(8, gate=False)(x, LENGTHS).clip.view(3, 4, 2, 2)[:, 1:, 1]
    assert deviation.max() < 1e-3 * max(level, 1), "nothing deviates"
    (pooled.clip.sum() + pooled.frames.sum()).backward()
    assert torch.isfinite(x.grad).all()
    assert all(torch.isfinite(parameter.grad).all() for parameter in pooling.parameters())
    assert not x.grad[1, 1:].any()


def test_it_works_in_float32_inside_autocast() -> None:
    pooling, x = randomised(8, 4), 300 * torch.rand(2, 9, 8)  # squares overflow in float16
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = pooling(x)
    torch.testing.assert_close(inside.clip, pooling(x).clip, atol=0, rtol=0)
    assert inside.clip.dtype == torch.float32
    assert torch.isfinite(pooling(x.bfloat16()).clip).all()


def test_gradients_are_those_of_finite_differences() -> None:
    """In float32, the one precision it has: hence the wide step and tolerance."""
    pooling, x = randomised(4, 2), torch.randn(1, 5, 4)
    direction = torch.randn(1, 5, 4)
    x.requires_grad_()
    pooling(x).clip.sum().backward()
    slope = (pooling(x + 1e-2 * direction).clip.sum() - pooling(x - 1e-2 * direction).clip.sum()) / 2e-2
    assert (x.grad * direction).sum().item() == pytest.approx(slope.item(), rel=1e-2, abs=1e-2)


def test_heads_that_do_not_divide_the_channels_are_refused() -> None:
    with pytest.raises(ValueError, match="10 channels cannot be split into 4 heads of equal width"):
        GatedMultiHeadAttention(10, 4)
