"""An imported BEATs scores as its authors' code does: `tests/reference/transformers.md` says how that was run."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from earmark.errors import ModelError
from earmark.formats.audioset_names import read_classes
from earmark.hub import importing
from earmark.hub.beats import FAMILY, STRONG, TAGGER, beats_network, converted, expected
from earmark.models.fast import pack
from earmark.models.network import ModelOptions, Network
from earmark.recipes import load_recipe

REFERENCE = Path(__file__).parents[1] / "reference" / "transformers.npz"
TOLERANCE = 1e-5


def check(network: Network, waveform: np.ndarray, name: str) -> None:
    """The scores of one sound are the stored ones."""
    stored = np.load(REFERENCE)
    clip = stored[f"{name} clip"]
    assert clip.std() > 0.05  # it says something
    with torch.inference_mode():
        pooled = network(torch.from_numpy(waveform)[None])
    np.testing.assert_allclose(pooled.clip[0], clip, atol=TOLERANCE, rtol=0)
    if f"{name} frames" in stored:
        frames = stored[f"{name} frames"]
        assert frames.std(axis=0).mean() > 0.05
        ours = pooled.frames[0].numpy()
        np.testing.assert_allclose(ours[:: len(ours) // 25, ::6], frames, atol=TOLERANCE, rtol=0)


@pytest.fixture(scope="module", params=[TAGGER, STRONG])
def small(request: pytest.FixtureRequest, transformers: ModuleType) -> tuple[str, Network]:
    """Two blocks; not to be changed."""
    return request.param, converted(transformers.drawn(expected(request.param, 2)), request.param, 2)


@pytest.mark.parametrize("seconds", [1, 10, 27])
def test_scores_of_two_blocks_are_the_authors(
    seconds: int, small: tuple[str, Network], transformers: ModuleType
) -> None:
    name, network = small
    check(network, transformers.sound(seconds), f"beats/{name} 2 blocks {seconds} s")


@pytest.mark.parametrize(("name", "parameters"), [(TAGGER, 90_712_247), (STRONG, 90_650_727)])
def test_scores_of_the_whole_network_are_the_authors(name: str, parameters: int, transformers: ModuleType) -> None:
    network = converted(transformers.drawn(expected(name)), name)
    assert network.parameter_count() == parameters
    check(network, transformers.sound(1), f"beats/{name} 12 blocks 1 s")
    packed = pack(network)  # as it runs for a user
    check(packed, transformers.sound(10), f"beats/{name} 12 blocks 10 s")


def test_a_taggers_clip_logit_is_the_mean_of_its_steps(transformers: ModuleType) -> None:
    """Its classifier is one linear layer; a step's score is that of a clip which is like this step throughout."""
    network = converted(transformers.drawn(expected(TAGGER, 1)), TAGGER, 1)
    with torch.inference_mode():
        pooled = network(torch.from_numpy(transformers.sound(1))[None])
    torch.testing.assert_close(pooled.frames.logit().mean(1), pooled.clip.logit(), atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize(("name", "steps", "seconds"), [(TAGGER, 62, 0.16), (STRONG, 250, 0.04)])
def test_the_recipes_have_the_same_networks_and_steps(name: str, steps: int, seconds: float) -> None:
    recipe = load_recipe(f"beats/{name}")
    assert recipe.network == beats_network(name)
    assert recipe.classes == (527 if name == TAGGER else 447)
    with torch.device("meta"):
        network = Network(ModelOptions(labels=("a",), **dict(recipe.network)))
    assert network.steps_in(160_000) == steps
    assert float(network.clock.step) == pytest.approx(seconds)


def newer(state: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The same tensors as newer versions of PyTorch and other versions of the code name them."""
    spelt = {
        "encoder.pos_conv.0.weight_g": "encoder.pos_conv.0.parametrizations.weight.original0",
        "encoder.pos_conv.0.weight_v": "encoder.pos_conv.0.parametrizations.weight.original1",
    }
    found = {}
    for name, tensor in state.items():
        for old, new in spelt.items():
            name = name.replace(old, new)
        found[name.replace("model.beats.", prefix)] = tensor
    return found


@pytest.mark.parametrize("prefix", ["model.beats.", "model.model."])
def test_every_spelling_of_the_tensors_is_known(prefix: str, transformers: ModuleType) -> None:
    state = transformers.drawn(expected(STRONG, 1))
    other = newer(state, prefix)
    assert other.keys() != state.keys()
    known = FAMILY.renamed(other)
    assert known.keys() == state.keys()
    assert all(torch.equal(known[name], tensor) for name, tensor in state.items())


def test_a_tagger_and_a_strong_one_are_told_apart() -> None:
    for name in (TAGGER, STRONG):
        state = {key: torch.empty(shape, device="meta") for key, shape in expected(name).items()}
        if name == STRONG:
            state["weak_head.weight"] = torch.empty(447, 768)  # not read
        assert FAMILY.fitting(state)[0] == [name]


def test_blocks_with_biases_of_their_own_are_refused(transformers: ModuleType) -> None:
    state = transformers.drawn(expected(TAGGER, 2))
    state["encoder.layers.1.self_attn.relative_attention_bias.weight"] += 1
    with pytest.raises(ModelError, match="a relative position bias each"):
        converted(state, TAGGER, 2)


@pytest.fixture
def tagger_file(transformers: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Writes a checkpoint as the authors' are, with one block in place of twelve: the classes in reverse order."""
    short = replace(FAMILY, expected=partial(expected, depth=1), converted=partial(converted, depth=1))
    monkeypatch.setitem(importing.FAMILIES, "beats", short)
    mids = list(read_classes(None))

    def write(**changes: Any) -> Path:
        state = newer(transformers.drawn(expected(TAGGER, 1)), "")
        state["predictor.bias"] = torch.arange(527.0)
        content = {"cfg": {"max_distance": 800, "deep_norm": True}, "model": state, **changes}
        content.setdefault("label_dict", dict(enumerate(reversed(mids))))
        torch.save(content, tmp_path / "beats.pt")
        return tmp_path / "beats.pt"

    return write


def test_the_classes_of_a_tagger_are_those_that_its_file_names(tagger_file: Any, tmp_path: Path) -> None:
    done = importing.import_checkpoint(tagger_file(), tmp_path / "model")
    assert (done.name, done.labels) == ("beats/iter3plus", 527)
    network = Network.from_pretrained(tmp_path / "model")
    assert network.labels.names == tuple(read_classes(None).values())
    assert network.get_parameter("pooling.classify.bias").tolist() == list(range(526, -1, -1))
    assert "license: mit" in (tmp_path / "model" / "README.md").read_text()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cfg": {"max_distance": 1280}}, r"settings are not those of BEATs iter3\+: max_distance is 1280, not 800"),
        ({"label_dict": None}, "does not say which class is which: expected label_dict with 0 to 526"),
        ({"label_dict": {n: f"/m/{n}" for n in range(527)}}, "label_dict lacks classes of AudioSet: /m/09x0r, "),
    ],
)
def test_a_file_that_says_something_else_is_refused(
    changes: dict[str, Any], message: str, tagger_file: Any, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match=message):
        importing.import_checkpoint(tagger_file(**changes), tmp_path / "model")
    assert not (tmp_path / "model" / "config.json").exists()
