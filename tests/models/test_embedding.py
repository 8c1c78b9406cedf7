"""A network's embeddings are what its pooling is given."""

from pathlib import Path

import numpy as np
import pytest
import torch

from earmark.decisions import named_point
from earmark.errors import ConfigError, ModelError
from earmark.models.directory import write_model
from earmark.models.embedding import EmbeddingEngine, open_embedder
from earmark.models.fusion import Fusion
from earmark.models.network import ModelOptions, Network
from earmark.models.torch_engine import TorchEngine


def noise(seconds: float, rate: int) -> np.ndarray:
    return (0.1 * np.random.default_rng(0).standard_normal(round(seconds * rate))).astype(np.float32)


@torch.no_grad()
def test_vectors_are_the_encoders_output(trained: Path) -> None:
    network = Network.from_pretrained(trained)
    wave = noise(2.0, network.rate)
    found = open_embedder(trained, device="cpu", precision="float32").of_array(wave, network.rate).found
    features, _ = network.features(torch.from_numpy(wave)[None])
    wanted = network.encoder(features).embeddings[0].numpy()
    np.testing.assert_allclose(found.vectors, wanted, atol=1e-5)
    assert found.vectors.dtype == np.float32
    np.testing.assert_allclose(found.start, network.clock.edges(len(wanted))[:-1].clip(0))
    pooled = network.pooling(torch.from_numpy(found.vectors)[None])
    torch.testing.assert_close(pooled.clip, network(torch.from_numpy(wave)[None]).clip, atol=1e-5, rtol=0)


def test_a_second_and_a_clip_are_means_of_frames(trained: Path) -> None:
    rate = Network.from_pretrained(trained).rate
    frames, seconds, clip = (
        open_embedder(trained, per, device="cpu", precision="float32").of_array(noise(3.5, rate), rate).found
        for per in ("frame", "second", "clip")
    )
    assert [len(found.vectors) for found in (seconds, clip)] == [4, 1]
    inside = (frames.start >= 1) & (frames.end <= 2)
    np.testing.assert_allclose(seconds.vectors[1], frames.vectors[inside].mean(axis=0), atol=1e-4)
    np.testing.assert_allclose(clip.vectors[0], frames.vectors.mean(axis=0), atol=1e-4)


def test_the_engine_is_that_of_the_scores_but_for_what_it_gives(trained: Path) -> None:
    network = Network.from_pretrained(trained)
    engine, scores = EmbeddingEngine(network), TorchEngine(network)
    assert len(engine.labels) == network.encoder.channels
    assert (engine.rate, engine.clock, engine.plan) == (scores.rate, scores.clock, scores.plan)
    assert engine.fingerprint() == scores.fingerprint()
    rounded = open_embedder(trained, device="cpu", precision="bf16").model
    assert rounded.fingerprint() == scores.fingerprint()  # as it is on disk, whatever computes it


def test_a_fusion_has_no_encoder_of_its_own(trained: Path, tmp_path: Path) -> None:
    members = [Network.from_pretrained(trained) for _ in range(2)]
    fusion = Fusion(members, ("a", "b"))
    write_model(fusion, tmp_path, named_point("default", fusion.labels))
    with pytest.raises(
        ConfigError, match=r"is a fusion of several models.*choose one of its members: members/a, members/b"
    ):
        open_embedder(tmp_path)
    assert open_embedder(tmp_path / "members" / "a").values == members[0].encoder.channels


def test_no_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no model at"):
        open_embedder(tmp_path / "nothing")


@pytest.mark.parametrize(("kind", "wanted"), [("mobilenet-v3", "cpu, float32"), ("crnn", "cpu, bf16")])
def test_auto_is_float32_where_an_encoder_wants_it(
    kind: str, wanted: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the same model gives scores."""
    monkeypatch.setattr(
        "earmark.models.directory.resolve_precision", lambda asked, _: {"auto": "bf16"}.get(asked, asked)
    )
    monkeypatch.setattr("earmark.models.directory.pack", lambda network, *_: network)  # in bf16 only some can
    encoder = {"width": 0.1, "blocks": 3} if kind == "mobilenet-v3" else {"channels": [4], "pools": [4]}
    options = ModelOptions.parse({"labels": ["a"], "encoder": {"kind": kind, **encoder}}, "test")
    Network(options).eval().save_pretrained(tmp_path)
    assert open_embedder(tmp_path, device="cpu").model.arithmetic == wanted
