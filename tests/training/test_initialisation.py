"""A network before its first update: weights follow from the seed, and the scaling from the clips."""

from collections.abc import Callable

import numpy as np
import torch

from earmark.labels import Labels
from earmark.training.initialisation import fit_scaling, new_tagger
from earmark.training.request import Request

LABELS = Labels(["beep", "hum"])


def test_equal_seeds_give_equal_weights_and_other_seeds_and_purposes_others(ask: Callable[..., Request]) -> None:
    def weights(seed: int, purpose: str = "weights") -> torch.Tensor:
        torch.rand(3)  # the state of the generator does not matter
        network = new_tagger(ask(seed=seed), LABELS, purpose)
        return torch.cat([parameter.flatten() for parameter in network.parameters()])

    assert torch.equal(weights(1), weights(1))
    assert not torch.equal(weights(1), weights(2))
    assert not torch.equal(weights(1), weights(1, "student"))


def test_scaled_features_of_the_clips_have_mean_zero_and_deviation_one(
    ask: Callable[..., Request], sounds: Callable[..., object]
) -> None:
    network, clips = new_tagger(ask(), LABELS), sounds(20, 0)
    told: list[tuple[int, int]] = []
    fit_scaling(network, clips, lambda done, total: told.append((done, total)))
    with torch.no_grad():
        scaled = [network.features(torch.from_numpy(clips.read(index))[None])[0][0] for index in range(len(clips))]
    values = torch.cat(scaled).numpy()
    np.testing.assert_allclose(values.mean(axis=0), 0, atol=0.02)
    np.testing.assert_allclose(values.std(axis=0), 1, atol=0.02)
    assert told == [(done, 20) for done in range(1, 21)]
