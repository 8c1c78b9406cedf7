"""An imported ATST-F scores as its authors' code does: `tests/reference/transformers.md` says how that was run."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from earmark.errors import ModelError
from earmark.hub import importing
from earmark.hub.atst import FAMILY, atst_network, converted, expected
from earmark.hub.published import CHECKPOINTS
from earmark.models.fast import pack
from earmark.models.network import Network
from earmark.recipes import load_recipe

REFERENCE = Path(__file__).parents[1] / "reference" / "transformers.npz"
TOLERANCE = 1e-5


def check(network: Network, waveform: torch.Tensor, name: str) -> None:
    """The scores of one sound, in pieces of ten seconds, are the stored ones."""
    stored = np.load(REFERENCE)
    clip, frames = stored[f"{name} clip"], stored[f"{name} frames"]
    assert clip.std() > 0.05  # it says something
    assert frames.std(axis=0).mean() > 0.05
    with torch.inference_mode():
        pooled = [network(piece) for piece in waveform[None].split(160_000, dim=1)]
    ours = torch.cat([piece.frames[0] for piece in pooled]).numpy()
    every = len(ours) // 25
    np.testing.assert_allclose(ours[::every, ::6], frames, atol=TOLERANCE, rtol=0)
    np.testing.assert_allclose(torch.stack([piece.clip[0] for piece in pooled]).amax(0), clip, atol=TOLERANCE, rtol=0)


@pytest.fixture(scope="module")
def small(transformers: ModuleType) -> Network:
    """Two blocks; not to be changed."""
    return converted(transformers.drawn(expected("strong", 2)), "strong", 2)


@pytest.mark.parametrize("seconds", [1, 10, 27])
def test_scores_of_two_blocks_are_the_authors(seconds: int, small: Network, transformers: ModuleType) -> None:
    """Their network takes ten seconds: of 27 it gets three pieces, the last filled with silence."""
    waveform = torch.from_numpy(transformers.sound(seconds))
    if seconds == 27:
        waveform = torch.nn.functional.pad(waveform, (0, 3 * 16_000))
    check(small, waveform, f"atst-f/strong 2 blocks {seconds} s")


def test_scores_of_the_whole_network_are_the_authors(transformers: ModuleType) -> None:
    network = converted(transformers.drawn(expected("strong")), "strong")
    assert network.parameter_count() == 85_761_471
    check(network, torch.from_numpy(transformers.sound(1)), "atst-f/strong 12 blocks 1 s")
    packed = pack(network)  # as it runs for a user
    check(packed, torch.from_numpy(transformers.sound(10)), "atst-f/strong 12 blocks 10 s")


def test_ten_seconds_are_250_steps_of_40_ms(small: Network) -> None:
    assert small.steps_in(160_000) == 250
    assert float(small.clock.step) == 0.04
    assert abs(float(small.clock.start)) < 0.01


def test_the_recipe_has_the_same_network() -> None:
    recipe = load_recipe("atst-f/strong")
    assert recipe.network == atst_network()
    assert recipe.classes == 447


UNREAD = {"weak_head.weight": (447, 768), "weak_head.bias": (447,), "model.atst.mask_embed": (1, 1, 768)}


def test_a_file_becomes_a_model_that_names_its_origin(
    transformers: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With one block in place of twelve; a file also holds tensors that are not read."""
    short = replace(FAMILY, expected=partial(expected, depth=1), converted=partial(converted, depth=1))
    monkeypatch.setitem(importing.FAMILIES, "atst-f", short)
    torch.save(transformers.drawn(expected("strong", 1) | UNREAD), tmp_path / "ATST-F_strong_1.pt")
    done = importing.import_checkpoint(tmp_path / "ATST-F_strong_1.pt", tmp_path / "model")
    assert (done.name, done.labels) == ("atst-f/strong", 447)
    card = (tmp_path / "model" / "README.md").read_text()
    assert CHECKPOINTS["atst-f/strong"].source.authors in card
    assert "license: mit" in card
    assert {"Speech", "Siren", "Dog"} <= set(Network.from_pretrained(tmp_path / "model").labels)


def test_other_tensors_are_refused_by_name() -> None:
    state = {key: torch.empty(shape, device="meta") for key, shape in (expected("strong") | UNREAD).items()}
    assert FAMILY.differences(state, "strong") == []
    del state["model.atst.norm_frame.bias"]
    state["strong_head.weight"] = torch.zeros(10, 768)
    state["seq_model.rnn.weight_ih_l0"] = torch.zeros(1)
    assert FAMILY.differences(state, "strong") == [
        "missing 'model.atst.norm_frame.bias'",
        "unexpected 'seq_model.rnn.weight_ih_l0'",
        "'strong_head.weight' is (10, 768), not (447, 768)",
    ]


def test_damaged_values_are_refused(transformers: ModuleType) -> None:
    state = transformers.drawn(expected("strong", 2))
    state["model.atst.blocks.1.mlp.fc2.bias"][3] = float("nan")
    with pytest.raises(ModelError, match=r"damaged: model\.atst\.blocks\.1\.mlp\.fc2\.bias with values"):
        converted(state, "strong", 2)
