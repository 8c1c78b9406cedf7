"""Frame-level MobileNets score as their authors' code does with the same weights (tests/reference)."""

from pathlib import Path

import numpy as np
import pytest
import torch

from earmark.clock import Clock
from earmark.decisions import decide
from earmark.errors import ModelError
from earmark.formats.audioset_names import read_classes, strong_classes
from earmark.hub.frame_mn import FAMILY, frame_mn_network, strong_point
from earmark.hub.importing import import_checkpoint
from earmark.labels import Labels
from earmark.models.network import Network
from earmark.recipes import load_recipe
from earmark.runtime.directory import load_point
from earmark.scores import Scores
from tests.hub import drawn

REFERENCE = Path(__file__).parents[1] / "reference" / "mobile_networks.npz"
PARAMETERS = {"06": 1_615_022, "10": 3_830_798}  # as the authors count, with a head that is not read
WEAK = {"06": 577 * 447, "10": 961 * 447}


def drawn_network(name: str) -> Network:
    return FAMILY.converted(drawn.draw(FAMILY.expected(name), drawn.SPREAD[f"frame-mn/{name}"]), name)


@torch.no_grad()
@pytest.mark.parametrize("seconds", [1, 10, 27])
@pytest.mark.parametrize("name", FAMILY.names)
def test_scores_are_those_of_the_authors_code(name: str, seconds: int) -> None:
    ours = drawn_network(name)
    assert ours.parameter_count() == PARAMETERS[name] - WEAK[name]
    with np.load(REFERENCE) as stored:
        frames, largest = (stored[f"frame-mn|{name}|{seconds}|{kind}"] for kind in ("frames", "largest"))
        features = stored[f"frame-mn|{seconds}|features"]
    waveform = torch.from_numpy(drawn.sound(seconds * 16_000, 16_000))[None]
    heard, _ = ours.features(waveform)
    np.testing.assert_allclose(heard[0, ::11, ::9], features, atol=2e-4, rtol=0)  # of 1: float32 spectra of faint cells
    pooled = ours(waveform)
    assert largest.std() > 0.05  # it says something
    assert pooled.frames.shape == (1, 25 * seconds, 447)
    np.testing.assert_allclose(pooled.frames[0, ::5, ::13], frames, atol=1e-5, rtol=0)
    np.testing.assert_allclose(pooled.clip[0], largest, atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", FAMILY.names)
def test_the_recipe_is_the_same_network(name: str) -> None:
    recipe, network = load_recipe(f"frame-mn/{name}"), frame_mn_network(name)
    for part in ("features", "encoder", "pooling"):
        assert getattr(recipe.network, part) == getattr(network, part)


@pytest.mark.parametrize("weak", [True, False])
def test_a_checkpoint_is_recognised_by_its_tensors(tmp_path: Path, weak: bool) -> None:
    state = drawn.draw(FAMILY.expected("06"))
    if weak:  # a head that the authors' code has, and no training changes
        state |= {"weak_head.weight": torch.ones(447, 576), "weak_head.bias": torch.ones(447)}
    torch.save(state, tmp_path / "frame_mn06.pt")
    made = import_checkpoint(tmp_path / "frame_mn06.pt", tmp_path / "m")
    assert (made.name, made.origin, made.labels) == ("frame-mn/06", "unknown", 447)
    tagger = Network.from_pretrained(tmp_path / "m")
    assert tagger.labels.names == tuple(strong_classes().values())
    point = load_point(tmp_path / "m", tagger.labels)
    assert point == strong_point("06", tagger.labels)
    card = (tmp_path / "m" / "README.md").read_text()
    for said in (
        "# frame-mn/06",
        "license: mit",
        "arXiv 2409.09546",
        "its authors publish no checksum",
        "AudioSet-strong",
    ):
        assert said in card
    assert "without times" not in card
    assert list(read_classes(tmp_path / "m" / "labels.csv").values()) == list(tagger.labels)
    assert "/m/012n7d" in (tmp_path / "m" / "labels.csv").read_text()  # Ambulance (siren)
    state["strong_head.bias"][3] = torch.nan
    torch.save(state, tmp_path / "x.pt")
    with pytest.raises(ModelError, match=r"x.pt: the checkpoint is damaged"):
        import_checkpoint(tmp_path / "x.pt", tmp_path / "n")


def test_the_clock_is_what_the_network_was_taught() -> None:
    clock = drawn_network("06").clock
    assert (float(clock.start), float(clock.step)) == (0.0, 0.04)


def test_untuned_it_reports_an_event_and_not_a_flicker() -> None:
    """A second at 0.3 with a short dip is one event; two frames at 0.9, and a minute at 0.15, are none."""
    labels = Labels(("siren", "click", "hum"))
    frames = np.full((250, 3), 0.02, np.float32)
    frames[50:75, 0] = 0.3
    frames[60:63, 0] = 0.05
    frames[100:102, 1] = 0.9
    frames[:, 2] = 0.15
    clock = Clock.from_hop(640, 16_000)
    scores = Scores("street", labels, frames.max(axis=0), frames, clock, duration=10.0)
    events = decide(scores, strong_point("06", labels)).events
    assert [(event.label, round(event.onset, 2), round(event.offset, 2)) for event in events] == [("siren", 2.0, 3.0)]
