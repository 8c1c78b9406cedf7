import pytest
import torch

from earmark.errors import ConfigError
from earmark.pooling import FunctionOptions, FunctionPooling
from earmark.pooling.classifier import BagNorm, ClassifierOptions, FrameNorm, Hidden


def test_without_anything_asked_for_it_is_the_identity() -> None:
    hidden, x = Hidden(ClassifierOptions(), 8), torch.randn(2, 5, 8)
    assert hidden.width == 8
    assert not list(hidden.parameters())
    assert torch.equal(hidden(x), x)


def test_dropouts_stand_before_and_after_the_layer() -> None:
    torch.manual_seed(0)
    before, after = (Hidden(ClassifierOptions(hidden=64, **{d: 0.5}), 4) for d in ("dropout", "hidden_dropout"))
    x = torch.ones(1, 4)
    for hidden in (before, after):
        hidden.linear.weight.data.fill_(1.0)
    assert set(before(x)[0].tolist()) <= {0.0, 2.0, 4.0, 6.0, 8.0}
    assert len(set(before(x)[0].tolist())) == 1
    assert set(after(x)[0].tolist()) == {0.0, 8.0}
    assert set(after.eval()(x)[0].tolist()) == {4.0}


def test_frames_can_pass_a_hidden_layer_as_in_the_decision_level_panns() -> None:
    torch.manual_seed(0)
    pooling = FunctionPooling(FunctionOptions(kind="max", hidden=2048, dropout=0.5, hidden_dropout=0.5), 2048, 527)
    assert sum(parameter.numel() for parameter in pooling.parameters()) == 2048 * 2049 + 527 * 2049
    x = torch.rand(1, 31, 2048)
    with torch.no_grad():
        pooled = pooling.eval()(x)
        frames = torch.sigmoid(pooling.classify(torch.relu(pooling.hidden.linear(x))))
    torch.testing.assert_close(pooled.frames, frames)
    torch.testing.assert_close(pooled.clip, frames.amax(1))


@pytest.mark.parametrize("wrong", [{"hidden": 0}, {"dropout": 1.0}, {"hidden_dropout": -0.1}, {"hidden_dropout": 0.5}])
def test_impossible_values_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=r"hidden|dropout"):
        FunctionOptions.parse(wrong, "recipe.yaml")


def test_frames_take_their_statistics_from_valid_steps_alone() -> None:
    x, lengths = 3 + 2 * torch.randn(3, 9, 4), torch.tensor([9, 1, 4])
    mask = torch.arange(9) < lengths[:, None]
    masked, plain = FrameNorm(4), torch.nn.BatchNorm1d(4)
    together = masked(x.masked_fill(~mask[:, :, None], 1e4), mask)
    torch.testing.assert_close(together[mask], plain(x[mask]), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(masked.running_mean, plain.running_mean)
    torch.testing.assert_close(masked.running_var, plain.running_var)
    torch.testing.assert_close(masked.eval()(x), plain.eval()(x.flatten(0, 1)).view(3, 9, 4), atol=1e-5, rtol=1e-5)


def test_bags_are_normalised_as_torch_does() -> None:
    x, norm, plain = 3 + 2 * torch.randn(5, 4), BagNorm(4), torch.nn.BatchNorm1d(4)
    torch.testing.assert_close(norm(x), plain(x))
    torch.testing.assert_close(norm.eval()(x), plain.eval()(x))


def test_one_frame_bags_and_a_batch_of_one_change_no_statistics() -> None:
    x, norm = 3 + 2 * torch.randn(5, 7, 4), BagNorm(4)
    norm(x[:, 0])
    state = {name: tensor.clone() for name, tensor in norm.state_dict().items()}
    in_training = norm(x), norm(x[:1, 0])
    assert all(torch.equal(tensor, state[name]) for name, tensor in norm.state_dict().items())
    norm.eval()
    torch.testing.assert_close(in_training, (norm(x), norm(x[:1, 0])))
    torch.testing.assert_close(norm(x)[:, 0], norm(x[:, 0]), atol=1e-5, rtol=1e-5)


def test_gradients_flow_through_bags_and_frames_together() -> None:
    x, norm = torch.randn(5, 7, 4).requires_grad_(), BagNorm(4)
    frames = norm(x)
    (norm(x.mean(1)).square().sum() + frames.square().sum()).backward()
    assert torch.isfinite(x.grad).all()
    assert torch.isfinite(norm.weight.grad).all()
