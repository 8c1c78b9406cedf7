import numpy as np
import pytest
import torch

from earmark.features.scaling import BandScaling


def clips(*frames: int, bands: int = 5) -> list[torch.Tensor]:
    rng = np.random.default_rng(0)
    spread = np.array([0.1, 1.0, 5.0, 2.0, 0.5])[:bands]
    return [torch.from_numpy((spread * rng.standard_normal((n, bands)) - 40).astype(np.float32)) for n in frames]


def test_statistics_are_those_of_all_frames_together() -> None:
    data = clips(10, 1, 300)
    scaling = BandScaling(5)
    scaling.fit(iter(data))
    frames = np.concatenate([clip.numpy() for clip in data]).astype(np.float64)
    np.testing.assert_allclose(scaling.mean, frames.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(scaling.std, frames.std(axis=0), rtol=1e-5)


def test_scaled_training_data_has_zero_mean_and_unit_deviation() -> None:
    data = clips(500)
    scaling = BandScaling(5)
    scaling.fit(data)
    scaled = scaling(data[0][None])[0].numpy()
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(scaled.std(axis=0), 1, atol=1e-4)


def test_a_band_that_never_changes_is_centred_and_not_blown_up() -> None:
    data = clips(200)
    for clip in data:
        clip[:, 2] = -18.4207
    scaling = BandScaling(5)
    scaling.fit(data)
    scaled = scaling(data[0][None])
    assert scaled[..., 2].abs().max() < 0.01
    nudged = data[0].clone()
    nudged[:, 2] += 1e-4  # a rounding, in another recording
    assert scaling(nudged[None])[..., 2].abs().max() < 1


def test_statistics_are_saved_with_the_weights() -> None:
    scaling, other = BandScaling(5), BandScaling(5)
    scaling.fit(clips(50))
    other.load_state_dict(scaling.state_dict())
    x = torch.randn(2, 3, 5)
    torch.testing.assert_close(other(x), scaling(x), atol=0, rtol=0)


def test_nothing_to_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one frame"):
        BandScaling(5).fit([torch.zeros(0, 5)])
