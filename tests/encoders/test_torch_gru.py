"""GRUs side by side: padding changes nothing, and a sigmoid candidate stays between zero and one."""

import torch

from earmark.encoders.torch_gru import TorchBiGRUs


def grus() -> TorchBiGRUs:
    torch.manual_seed(0)
    return TorchBiGRUs(6, 4, ("linear", "sigmoid")).eval()


def test_a_clip_alone_has_the_states_it_has_beside_a_longer_one() -> None:
    model, x = grus(), torch.randn(2, 9, 6)
    together = model(x, torch.tensor([5, 9]))
    alone = model(x[:1, :5])
    torch.testing.assert_close(together[:, :1, :5], alone, atol=1e-6, rtol=1e-5)


def test_a_sigmoid_candidate_is_half_of_one_plus_the_state_of_tanh() -> None:
    model, x = grus(), torch.randn(3, 7, 6)
    states = model(x)
    assert states.shape == (2, 3, 7, 8)
    assert (states[1] > 0).all()
    assert (states[1] < 1).all()
    torch.testing.assert_close(2 * states[1] - 1, model.grus[1](x)[0], atol=1e-6, rtol=1e-5)
