"""The mean of several models."""

from collections.abc import Callable
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest

from earmark.decisions import OperatingPoint
from earmark.labels import Labels
from earmark.models.directory import write_model
from earmark.models.fusion import Fusion, networks_of
from earmark.models.network import Network
from earmark.runtime.ensemble import mean_scores
from earmark.runtime.scorer import Waveform
from tests.models.systems import exact, score, with_seed

Noise = Callable[..., np.ndarray]


@pytest.mark.parametrize("chosen", [(0,), (0, 1), (0, 2), (0, 3), (0, 1, 2, 3)])
def test_a_fusion_is_the_mean_of_what_its_members_say_alone(
    systems: list[Network], noise: Noise, chosen: tuple[int, ...]
) -> None:
    members = [systems[number] for number in chosen]
    waves = [Waveform(noise(seconds, (0.2, 0.5), seed=7), 8_000) for seconds in (0.7, 5.3, 1.0)]  # one is cut
    alone = zip(*(score(member, *waves) for member in members), strict=True)
    for fused, each in zip(score(Fusion(members), *waves), alone, strict=True):
        assert exact(fused) == exact(mean_scores(each))


def test_the_order_of_members_changes_no_bit(systems: list[Network], noise: Noise) -> None:
    wave = Waveform(noise(2.7, (1.0, 1.5)), 8_000)
    found = {exact(score(Fusion(order), wave)[0]) for order in permutations(systems)}
    assert len(found) == 1


def test_systems_weigh_the_same_however_many_epochs_they_are_made_of(systems: list[Network], noise: Noise) -> None:
    wave = Waveform(noise(1.0, (0.2, 0.5)), 8_000)
    first, second, third = (score(tagger, wave)[0] for tagger in systems[:3])
    nested = Fusion([Fusion(systems[:2]), systems[2]])
    assert networks_of(nested) == tuple(systems[:3])
    assert exact(score(nested, wave)[0]) == exact(mean_scores([mean_scores([first, second]), third]))


def test_epochs_of_one_training_share_decoding_and_features(
    systems: list[Network], noise: Noise, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    really = Network.features
    monkeypatch.setattr(Network, "features", lambda self, *rest: asked.append(1) or really(self, *rest))
    score(Fusion(systems[:2]), Waveform(noise(0.9), 8_000))
    assert len(asked) == 1


def test_labels_in_another_order_are_brought_into_one(network: Callable[..., Network], noise: Noise) -> None:
    wave = Waveform(noise(1.0, (0.2, 0.5)), 8_000)
    one, other = with_seed(network(), 1), with_seed(network(labels=("quiet", "loud")), 1)
    fused = score(Fusion([other, one]), wave)[0]
    assert fused.labels == Labels(["loud", "quiet"])  # sorted
    expected = (score(one, wave)[0].clip + score(other, wave)[0].clip[::-1]) / 2
    np.testing.assert_allclose(fused.clip, expected, atol=1e-6)


@pytest.fixture
def fused(systems: list[Network], tmp_path: Path) -> Path:
    folder = tmp_path / "fused"
    write_model(Fusion(systems[:2], ["a", "b"]), folder, OperatingPoint.plain(systems[0].labels))
    return folder
