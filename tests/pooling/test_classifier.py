import pytest
import torch

from earmark.errors import ConfigError
from earmark.pooling import FunctionOptions, FunctionPooling
from earmark.pooling.classifier import ClassifierOptions, Hidden


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
