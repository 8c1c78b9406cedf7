from collections.abc import Callable

import numpy as np
import pytest
import torch

from earmark.encoders import CRNNOptions
from earmark.features import LogMelOptions
from earmark.models.fusion import Fusion
from earmark.models.network import Network
from earmark.models.torch_engine import TorchEngine, engine_of
from earmark.pooling import AttentionOptions, FeatureAttentionOptions, FunctionOptions
from earmark.runtime.ensemble import Ensemble
from earmark.runtime.scorer import Scorer


def groups(*taggers: Network) -> list[list[int]]:
    """Places of the networks that share their features."""
    fused = engine_of(Fusion(taggers))
    assert isinstance(fused, Ensemble)
    found: dict[int, list[int]] = {}
    for place, engine in enumerate(fused.members):
        found.setdefault(id(engine.features), []).append(place)
    return list(found.values())


def test_epochs_of_one_training_share_one_set_of_features(network: Callable[..., Network]):
    epochs = [network() for _ in range(3)]
    for epoch in epochs[1:]:
        torch.nn.init.normal_(next(iter(epoch.encoder.parameters())))
    assert groups(*epochs) == [[0, 1, 2]]


def test_shared_features_are_computed_once_a_batch(network: Callable[..., Network]):
    engine = engine_of(Fusion([network(), network()]))
    asked = []
    shared = engine.members[0].features.network
    really = shared.features
    shared.features = lambda *given: (asked.append(1), really(*given))[1]
    lengths = np.array([8_000], np.int64)
    for _ in range(2):
        waveform = np.zeros((1, 8_000), np.float32)
        one, other = (member.listen(waveform, lengths) for member in engine.members)
        np.testing.assert_array_equal(one[0], other[0])
    assert len(asked) == 2


def test_another_scaling_or_front_end_has_features_of_its_own(network: Callable[..., Network]):
    other = network()
    other.scaling.fit(other.front_end(torch.randn(4, 8_000)))
    bands = network(features=LogMelOptions(rate=8_000, window=512, hop=320, bands=16))
    assert groups(network(), other, bands, network()) == [[0, 3], [1], [2]]


def test_another_rate_or_window_is_read_apart(network: Callable[..., Network]):
    fast = network(features=LogMelOptions(rate=16_000, window=1024, hop=640, bands=24))
    scorer = Scorer(engine_of(Fusion([network(), fast, network(window_seconds=2.0), network()])))
    assert [sorted(panel.engines) for panel in scorer.panels] == [[0, 3], [1], [2]]
    assert [panel.rate for panel in scorer.panels] == [8_000, 16_000, 8_000]


def test_a_batch_is_as_large_as_its_windows_are_small(network: Callable[..., Network]):
    assert TorchEngine(network()).batch == 4  # 25 frames of 24 bands
    assert TorchEngine(network(window_seconds=1200.0)).batch == 1
    assert TorchEngine(network(window_seconds=140.0)).batch == 2  # three would fit


CRNN = CRNNOptions(channels=(16,), pools=(4,), last=32, units=16)  # whose maps and states fill vectors, as real ones do
SYSTEMS = {
    "attention": {"encoder": CRNN, "pooling": AttentionOptions()},
    "function": {"encoder": CRNN, "pooling": FunctionOptions(hidden=13)},
    "feature-attention": {"encoder": CRNN, "pooling": FeatureAttentionOptions()},
}


@pytest.mark.parametrize(("batch", "threads"), [(4, 1), (2, 2), (4, 3)])
@pytest.mark.parametrize("system", SYSTEMS)
def test_a_clip_has_the_same_scores_at_every_place_of_a_batch(
    network: Callable[..., Network], system: str, batch: int, threads: int
):
    # Neither a frame nor a clip fills the vectors of a processor, and a batch is shared by threads (32,768 values).
    engine = TorchEngine(network(labels=tuple(f"label {number}" for number in range(101)), **SYSTEMS[system]))
    clips = 0.1 * np.random.default_rng(0).standard_normal((12, 40_000)).astype(np.float32)
    lengths = np.full(batch, 40_000, np.int64)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        found: dict[int, set[bytes]] = {}
        for first in range(12):
            places = [(first + step) % 12 for step in (0, 1, 3, 7)[:batch]]
            clip, frames = engine.listen(clips[places], lengths)
            for row, place in enumerate(places):
                found.setdefault(place, set()).add(clip[row].tobytes() + frames[row].tobytes())
    finally:
        torch.set_num_threads(before)
    assert {len(different) for different in found.values()} == {1}
