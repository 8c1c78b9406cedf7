"""What an encoder gives, kept on disk."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from earmark.data.manifest import read_manifest
from earmark.encoders import CNN
from earmark.models.network import ModelOptions, Network
from earmark.models.torch_engine import TorchEngine
from earmark.recipes import load_recipe
from earmark.reporter import Reporter
from earmark.training import kept as module
from earmark.training.head import embed
from earmark.training.kept import Kept, KeptEngine, embed_kept
from earmark.training.loop import Machine
from earmark.training.request import Request
from earmark.training.run import Run
from earmark.training.transfer import Source
from tests.pooling.test_matrix import POOLINGS

CLIPS = [0.1 * np.random.default_rng(seed).standard_normal(8_000 + 900 * seed).astype(np.float32) for seed in range(4)]
PANNS = {  # as panns/cnn10 is built
    "features": {"kind": "logmel", "rate": 16_000, "window": 512, "hop": 320, "bands": 32},
    "encoder": {"kind": "cnn", "channels": [4, 8], "pools": [[2, 2], [2, 2]]},
    "scale_bands": False,
    "window_seconds": 1.0,
    "overlap_seconds": 0.2,
}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EARMARK_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "embeddings"


def network(pooling: str = "attention") -> Network:
    torch.manual_seed(0)
    data = {"labels": ["a", "b"], "pooling": {"kind": pooling, **POOLINGS[pooling]}, **PANNS}
    return Network(ModelOptions.parse(data, "a small one")).eval()


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Of each pass of an encoder, the clips in it."""
    found: list[int] = []
    forward = CNN.forward

    def counted(self: CNN, features: torch.Tensor, lengths: torch.Tensor | None = None) -> object:
        found.append(len(features))
        return forward(self, features, lengths)

    monkeypatch.setattr(CNN, "forward", counted)
    return found


def test_it_is_what_the_encoder_gives_and_is_computed_once(passes: list[int]) -> None:
    whole, _ = embed(network(), CLIPS)
    passes.clear()
    for used, made in ((0, 4), (4, 0)):
        kept = Kept.of(network(), "cpu")
        again = embed_kept(network(), CLIPS, kept)
        assert again.steps.tobytes() == whole.steps.tobytes()
        assert again.first.tolist() == whole.first.tolist()
        assert (kept.used, kept.made) == (used, made)
    assert len(passes) == 4


def test_other_clips_other_weights_another_front_end_or_device_find_nothing(cache: Path) -> None:
    embed_kept(network(), CLIPS, Kept.of(network(), "cpu"))
    louder = Kept.of(network(), "cpu")
    embed_kept(network(), [2 * clip for clip in CLIPS], louder)
    embed_kept(network(), [clip[:-1] for clip in CLIPS], louder)
    assert louder.used == 0
    other = network()
    next(other.encoder.parameters()).data[0] += 1e-6
    norm = network()
    next(each for each in norm.encoder.modules() if hasattr(each, "running_mean")).running_mean[0] += 1e-6
    scaled = network()
    scaled.scaling.load_state_dict({name: 2 * tensor for name, tensor in scaled.scaling.state_dict().items()})
    folders = {Kept.of(each, "cpu").folder for each in (network(), other, norm, scaled)}
    assert len(folders | {Kept.of(network(), "cuda:1").folder}) == 5
    assert {Kept.of(network(pooling), "cpu").folder for pooling in POOLINGS} == {cache / louder.folder.name}


@pytest.mark.parametrize("pooling", POOLINGS)
def test_scores_from_kept_embeddings_are_those_of_the_network(pooling: str, passes: list[int]) -> None:
    plain = TorchEngine(network(pooling))
    lengths = np.array([len(clip) for clip in CLIPS], np.int64)
    batch = np.zeros((len(CLIPS), lengths.max()), np.float32)
    for row, clip in zip(batch, CLIPS, strict=True):
        row[: len(clip)] = clip
    wanted = plain.listen(batch, lengths)
    for _ in range(2):
        engine = KeptEngine(network(pooling), "cpu", Kept.of(network(pooling), "cpu"))
        passes.clear()
        for found, own in zip(engine.listen(batch, lengths), wanted, strict=True):
            np.testing.assert_allclose(found, own, atol=1e-6, rtol=0)
    assert passes == []
    one = engine.listen(batch[-1:], lengths[-1:])  # whole: no lengths
    np.testing.assert_allclose(one[0], wanted[0][-1:], atol=1e-6)


def test_a_damaged_file_is_computed_anew_and_a_place_without_rights_is_done_without(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, _ = embed(network(), CLIPS)
    embed_kept(network(), CLIPS, Kept.of(network(), "cpu"))
    files = sorted(cache.rglob("*.npy"))
    assert len(files) == 4
    files[0].write_bytes(b"")
    files[1].write_bytes(files[1].read_bytes()[:-9])
    np.save(files[2], np.zeros((3, 8), np.float64))
    kept = Kept.of(network(), "cpu")
    assert embed_kept(network(), CLIPS, kept).steps.tobytes() == whole.steps.tobytes()
    assert (kept.used, kept.made) == (1, 3)
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("EARMARK_CACHE", str(tmp_path / "file"))
    assert embed_kept(network(), CLIPS, Kept.of(network(), "cpu")).steps.tobytes() == whole.steps.tobytes()


def test_no_more_is_kept_than_there_is_room_for(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alike = [clip[:8_000] for clip in CLIPS]
    embed_kept(network(), alike[:1], Kept.of(network(), "cpu"))
    size = next(cache.rglob("*.npy")).stat().st_size
    monkeypatch.setattr(module, "MOST_BYTES", 2.1 * size)
    embed_kept(network(), alike, Kept.of(network(), "cpu"))
    assert len(list(cache.rglob("*.npy"))) == 2
    monkeypatch.setattr(module, "MOST_BYTES", 1e9)
    monkeypatch.setattr(module, "SPARE", 1e30)
    embed_kept(network(), alike, Kept.of(network(), "cpu"))
    assert len(list(cache.rglob("*.npy"))) == 2


class Heard(Reporter):
    """A reporter that notes what is said."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)


Ask = Callable[..., Request]


@pytest.fixture
def ask(collection: Path, tmp_path: Path) -> Ask:
    from earmark.decisions import named_point
    from earmark.models.directory import write_model

    source = tmp_path / "source"
    write_model(network(), source, named_point("default", network().labels))

    def call(output: str, pooling: str = "attention", seed: int = 0, **more: object) -> Request:
        origin = Source("old", source, "encoder")
        changes = [f"network.pooling={{kind: {pooling}}}", "training.head={updates: 5}"]
        chosen = load_recipe("fine-tune", changes, origin.network)
        train = read_manifest(collection / "train")
        valid = read_manifest(collection / "dev", labels=train.labels)
        parts = {"train": train, "valid": valid, "network": chosen.network, "training": chosen.training}
        return Request(**parts, output=tmp_path / output, seed=seed, source=origin, **more)

    return call


def trained(request: Request) -> tuple[dict[str, bytes], list[str]]:
    reporter = Heard()
    run = Run(request, Machine(precision="float32"), reporter, recipe="fine-tune", name="m")
    run.save(run.train())
    names = ("model.safetensors", "operating_point.json")
    return {name: (request.output / name).read_bytes() for name in names}, reporter.lines


def test_a_second_head_for_the_same_clips_asks_the_encoder_nothing(ask: Ask, passes: list[int], cache: Path) -> None:
    first, said = trained(ask("a"))
    assert len(passes) >= 32 + 16 + 16  # training clips; validation clips, ranked and scored
    where = next(cache.iterdir())
    line = f"the encoder's output for 32 clips is kept in {where}, for further heads; --cache off keeps nothing"
    assert [each for each in said if "kept in" in each or "was kept" in each] == [line]
    passes.clear()
    second, said = trained(ask("b"))
    assert second == first  # to the last bit
    assert passes == []
    line = "the encoder's output for 32 clips was kept from a former training"
    assert [each for each in said if "kept in" in each or "was kept" in each] == [line]
    for request in (ask("c", pooling="max"), ask("d", seed=3), ask("e", pooling="embedding-attention")):
        trained(request)
    assert passes == []
    files = len(list(cache.rglob("*.npy")))
    trained(ask("f", cache="off"))
    assert len(passes) > 32
    assert len(list(cache.rglob("*.npy"))) == files


def test_what_was_kept_of_a_frozen_encoder_never_stands_for_one_that_learned(
    ask: Ask, passes: list[int], tmp_path: Path
) -> None:
    trained(ask("a"))
    passes.clear()
    request = ask("b")
    free = Request(
        **{
            **vars(request),
            "source": Source("old", request.source.directory),
            "training": request.training.lasting(epochs=1, steps=2),
        }
    )
    _, said = trained(free)
    assert any("was kept from a former" in line for line in said)  # the head, which comes first
    assert sum(passes) > 16  # of the whole network, and of the choice between the two
    assert any(line.startswith("kept: ") for line in said)


def test_tests_write_into_no_cache_of_the_user() -> None:
    assert "pytest" in os.environ["EARMARK_CACHE"]
