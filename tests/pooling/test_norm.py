import torch

from earmark.pooling.norm import BagNorm, FrameNorm


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
