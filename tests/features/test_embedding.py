from fractions import Fraction

import pytest
import torch
from torch import nn

from earmark.errors import ConfigError
from earmark.features import FrontEnd, build_features
from earmark.features.embedding import Embedding, EmbeddingOptions
from earmark.models.network import ModelOptions, Network, NetworkOptions


def test_vectors_come_back_as_they_were() -> None:
    vectors = torch.randn(3, 10, 128)
    front = build_features(EmbeddingOptions())
    assert isinstance(front, FrontEnd)
    torch.testing.assert_close(front(vectors.flatten(1)), vectors, atol=0, rtol=0)


def test_clips_of_fewer_vectors_keep_theirs() -> None:
    front = Embedding(EmbeddingOptions())
    lengths = torch.tensor([10 * 128, 3 * 128, 3 * 128 + 5, 7])
    assert front.frames_in(lengths).tolist() == [10, 3, 3, 1]
    clips = [torch.randn(int(length)) for length in lengths]
    together = front(nn.utils.rnn.pad_sequence(clips, batch_first=True), lengths)
    for row, clip, frames in zip(together, clips, front.frames_in(lengths).tolist(), strict=True):
        torch.testing.assert_close(row[:frames], front(clip[None])[0], atol=0, rtol=0)


@pytest.mark.parametrize(
    ("bands", "step", "rate"), [(128, 1.0, 128), (96, 0.96, 100), (2048, 0.32, 6400), (1, 0.1, 10)]
)
def test_the_rate_is_whole_and_the_clock_exact(bands: int, step: float, rate: int) -> None:
    options = EmbeddingOptions(bands=bands, step_seconds=step)
    assert options.rate == rate
    assert Embedding(options).clock.step == Fraction(str(step))


def test_a_rate_that_is_not_whole_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"128 values every 0\.96 s do not make a whole number per second: 400/3"):
        EmbeddingOptions.parse({"step_seconds": 0.96}, "features")


def test_a_config_names_its_kind_and_a_wrong_one_is_guessed_at() -> None:
    made = NetworkOptions.parse({"features": {"kind": "embedding", "bands": 64, "fill": 10}}, "x")
    assert made.features == EmbeddingOptions(bands=64, fill=10)
    with pytest.raises(ConfigError, match=r"no such kind 'embeddings'.* \(did you mean 'embedding'\?\)"):
        NetworkOptions.parse({"features": {"kind": "embeddings"}}, "x")
    assert NetworkOptions.parse({"features": {"bands": 32}}, "x").features.kind == "logmel"


def network(**options: object) -> Network:
    torch.manual_seed(0)
    features = {"kind": "embedding", "bands": 8, **options}
    encoder = {"kind": "embedding-net", "units": [16]}
    return Network(ModelOptions.parse({"labels": ["dog"], "features": features, "encoder": encoder}, "x")).eval()


@torch.no_grad()
def test_a_network_takes_vectors_as_they_are_and_rows_of_values_alike() -> None:
    vectors, lengths = torch.randn(3, 10, 8), torch.tensor([10, 4, 1])
    vectors = vectors * (torch.arange(10)[:, None] < lengths[:, None, None])
    for tagger in (network(), network(fill=12)):
        found, rows = tagger(vectors, lengths), tagger(vectors.flatten(1), 8 * lengths)
        torch.testing.assert_close(found.clip, rows.clip, atol=0, rtol=0)
        torch.testing.assert_close(found.frames, rows.frames, atol=0, rtol=0)
    assert network().clip_rate == 1
    assert network(step_seconds=0.5).clip_rate == 2


def test_vectors_that_a_network_does_not_take_are_refused() -> None:
    with pytest.raises(ValueError, match=r"the front-end 'embedding' takes no clips of shape \(2, 10, 9\)"):
        network()(torch.zeros(2, 10, 9))
    sound = Network(ModelOptions(labels=("dog",)))
    with pytest.raises(ValueError, match=r"the front-end 'logmel' takes no clips of shape \(2, 10, 8\)"):
        sound(torch.zeros(2, 10, 8))
