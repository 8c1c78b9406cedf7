"""What a training begins with where nobody says so."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from earmark.data.manifest import read_manifest
from earmark.data.records import Manifest
from earmark.errors import ModelError
from earmark.labels import Labels
from earmark.training import origin
from earmark.training.origin import CLEARLY, Separability, choose_origin, compared, fit_scaling, new_tagger
from earmark.training.request import Request


@pytest.fixture(scope="module")
def train(collection: Path) -> Manifest:
    return read_manifest(collection / "train")


def tell(monkeypatch: pytest.MonkeyPatch, **found: Separability) -> None:
    """Models by directory name: how well the labels can be told from what they say."""

    def told(clips: Manifest, directory: Path, device: str, progress: object) -> Separability:
        if directory.name not in found:
            raise ModelError(f"no model at {directory}")
        return found[directory.name]

    monkeypatch.setattr(origin, "_separability", told)


MODELS = [("earmark/one", Path("one")), ("panns/two", Path("two")), ("panns/three", Path("three"))]


def test_few_clips_begin_with_the_model_that_tells_their_labels_apart_best(
    train: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell(monkeypatch, one=Separability(0.7, 0.5, True), two=Separability(0.8, 0.6, True))
    chosen = choose_origin(train, MODELS)
    assert chosen.source is not None
    assert (chosen.source.name, chosen.source.directory, chosen.source.freeze) == ("panns/two", Path("two"), "blocks")
    assert chosen.found == {"earmark/one": 0.7, "panns/two": 0.8, "": 0.6}  # the third is no model
    assert "beginning with panns/two" in chosen.reason
    assert "0.80" in chosen.reason
    assert "0.60" in chosen.reason


def test_a_model_that_tells_no_more_than_the_features_is_left(train: Manifest, monkeypatch: pytest.MonkeyPatch) -> None:
    tell(monkeypatch, one=Separability(0.5, 0.5, True))
    chosen = choose_origin(train, MODELS)
    assert chosen.source is None
    assert chosen.reason.startswith("beginning anew: earmark/one does not tell the labels apart better than features")


def test_the_lower_blocks_are_taken_unless_the_whole_encoder_is_clearly_better(
    train: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    near, far = 1 - 0.2 * (CLEARLY + 0.05), 1 - 0.2 * (CLEARLY - 0.05)
    for whole, part in ((near, "blocks"), (far, None)):
        tell(monkeypatch, one=Separability(whole, 0.5, True, blocks=0.8))
        chosen = choose_origin(train, MODELS)
        assert chosen.source is not None
        assert chosen.source.part == part
        assert chosen.source.freeze == ("encoder" if part else "blocks")
        assert chosen.found["earmark/one"] == (0.8 if part else whole)
        assert ("the lower blocks of earmark/one" in chosen.reason) == (part is not None)


def test_the_lower_blocks_are_not_taken_of_a_model_that_knows_the_labels(
    train: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    for known, part in ((0.4, "blocks"), (0.5, None)):
        tell(monkeypatch, one=Separability(0.7, 0.5, True, blocks=0.8, known=known))
        chosen = choose_origin(train, MODELS)
        assert chosen.source is not None
        assert chosen.source.part == part


def test_how_many_labels_a_model_knows_is_counted(train: Manifest, trained: Path) -> None:
    known = origin.Network.from_pretrained(trained).labels
    found = origin._separability(train, trained, "cpu", None)
    assert found.known == sum(label in known for label in train.labels) / len(train.labels) > 0


def test_many_clips_begin_anew_without_a_comparison(train: Manifest, monkeypatch: pytest.MonkeyPatch) -> None:
    tell(monkeypatch, one=Separability(0.9, 0.1, True))
    monkeypatch.setattr(origin, "FEW", len(train))
    chosen = choose_origin(train, MODELS)
    assert (chosen.source, chosen.found) == (None, {})
    assert "32 training clips are enough" in chosen.reason


def test_without_a_model_that_can_be_read_training_begins_anew(train: Manifest, tmp_path: Path) -> None:
    chosen = choose_origin(train, [("nowhere", tmp_path / "nowhere")])
    assert chosen.source is None
    assert "no model at hand could be compared" in chosen.reason


def test_a_model_is_compared_on_the_clips_that_can_be_read(train: Manifest, trained: Path, tmp_path: Path) -> None:
    first = train.clips[0]
    damaged = tmp_path / first.path.name
    shutil.copyfile(first.path, damaged)
    with damaged.open("r+b") as file:
        file.truncate(40)
    clips = [first.__class__(**{**vars(first), "path": damaged}), *train.clips[1:]]
    chosen = choose_origin(train.with_clips(clips), [("old", trained)])
    assert 0.8 < chosen.found["old"] <= 1.0  # the model was trained on these labels
    assert 0.3 < chosen.found[""] <= 1.0


def test_of_very_many_a_drawn_share_is_compared_the_same_each_time(
    train: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(origin, "COMPARED", 10)
    assert compared(train, 1) == compared(train, 1)
    assert len(compared(train, 1)) == 10
    assert compared(train, 1) != compared(train, 2)


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
