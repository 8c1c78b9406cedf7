"""A recorded network scores as the plain one; on a CPU nothing is recorded."""

import pytest
import torch

from earmark.models.captured import CapturedNetwork
from earmark.models.network import ModelOptions, Network
from earmark.recipes import load_recipe

gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="PyTorch finds no GPU here")


def network() -> Network:
    torch.manual_seed(0)
    return Network(ModelOptions(labels=("dog", "siren"), **dict(load_recipe().network))).eval()


@torch.inference_mode()
def test_a_cpu_takes_the_usual_way() -> None:
    own = network()
    features = torch.randn(2, 50, 64)
    captured = CapturedNetwork(own, 2)
    torch.testing.assert_close(captured(features), own.classify(features), atol=0, rtol=0)
    assert not captured._made


@gpu
@torch.inference_mode()
@pytest.mark.parametrize("bf16", [False, True])
def test_a_replay_gives_the_scores_of_its_own_input(bf16: bool) -> None:
    own = network().cuda()
    captured = CapturedNetwork(own, 2)
    batches = [torch.randn(2, 50, 64, device="cuda") for _ in range(3)]
    with torch.autocast("cuda", dtype=torch.bfloat16, enabled=bf16):
        made = [captured(features) for features in batches]
        assert list(captured._made) == [(2, 50, 64)]
        assert captured.possible
        for features, pooled in zip(batches, made, strict=True):
            torch.testing.assert_close(pooled.frames, own.classify(features).frames, atol=1e-4, rtol=1e-3)
        for shape in ((3, 50), (2, 40), (2, 30)):  # not a full batch; a second length; one too many
            others = torch.randn(*shape, 64, device="cuda")
            torch.testing.assert_close(captured(others).clip, own.classify(others).clip, atol=1e-4, rtol=1e-3)
        assert list(captured._made) == [(2, 50, 64), (2, 40, 64)]
    assert not torch.equal(made[0].frames, made[1].frames)


@gpu
@torch.inference_mode()
def test_changed_weights_are_recorded_anew() -> None:
    own = network().cuda()
    captured = CapturedNetwork(own, 2)
    features = torch.randn(2, 50, 64, device="cuda")
    with torch.autocast("cuda", dtype=torch.bfloat16):
        before = captured(features).frames
        own.load_state_dict({name: 0.5 * value if value.is_floating_point() else value
                             for name, value in own.state_dict().items()})  # fmt: skip
        after = captured(features).frames
        torch.testing.assert_close(after, own.classify(features).frames, atol=1e-4, rtol=1e-3)
    assert not torch.allclose(before, after, atol=1e-4)
