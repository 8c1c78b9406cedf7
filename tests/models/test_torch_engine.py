from collections.abc import Callable

import torch

from earmark.features import LogMelOptions
from earmark.models.tagger import Tagger
from earmark.models.torch_engine import seat


def test_epochs_of_one_training_hear_one_set_of_features(network: Callable[..., Tagger]):
    epochs = [network() for _ in range(3)]
    for epoch in epochs[1:]:
        torch.nn.init.normal_(next(iter(epoch.encoder.parameters())))
    (panel,) = seat(epochs)
    assert panel.alike == ((0, 1, 2),)


def test_another_scaling_or_front_end_is_heard_apart(network: Callable[..., Tagger]):
    other = network()
    other.scaling.fit(other.front_end(torch.randn(4, 8_000)))
    bands = network(features=LogMelOptions(rate=8_000, window=512, hop=320, bands=16))
    (panel,) = seat([network(), other, bands, network()])
    assert panel.alike == ((0, 3), (1,), (2,))


def test_another_rate_or_window_is_read_apart(network: Callable[..., Tagger]):
    fast = network(features=LogMelOptions(rate=16_000, window=1024, hop=640, bands=24))
    panels = seat([network(), fast, network(window_seconds=2.0), network()])
    assert [sorted(panel.taggers) for panel in panels] == [[0, 3], [1], [2]]
    assert [panel.rate for panel in panels] == [8_000, 16_000, 8_000]


def test_a_batch_is_as_large_as_its_windows_are_small(network: Callable[..., Tagger]):
    (second,) = seat([network()])  # 25 frames of 24 bands
    assert second.batch() == 4
    (minutes,) = seat([network(window_seconds=1200.0)])
    assert minutes.batch() == 1
