"""Scores of imported checkpoints are those of the networks they come from."""

from types import ModuleType

import pytest
import torch
from torch import nn

from earmark.errors import ModelError
from earmark.hub.family import some
from earmark.hub.panns import FAMILY, converted, expected, panns_network
from earmark.recipes import load_recipe, recipe_names

NAMES = FAMILY.names
PARAMETERS = {  # docs/papers/hong2020.md, sections 3.2 and 5.5
    "cnn10": 5_219_279,
    "cnn14": 80_753_615,
    "cnn14-16k": 80_753_615,
    "cnn14-decision-max": 80_753_615,
    "wavegram-logmel-cnn14": 81_065_487,
}


@torch.no_grad()
@pytest.mark.parametrize("name", NAMES)
def test_scores_are_those_of_the_original(panns: ModuleType, name: str) -> None:
    original = panns.reference(name)
    state = original.state_dict()
    assert FAMILY.differences(state, name) == []
    with panns.without_initial_weights():
        ours = converted(state, name)
    assert ours.parameter_count() == PARAMETERS.get(name, ours.parameter_count())
    hop = ours.rate // 100
    samples = 162 * hop if name == "wavegram-logmel-cnn14" else 161 * hop + 77
    waveform = 0.1 * torch.randn(2, samples) * torch.linspace(0, 2, samples)
    theirs, pooled = original(waveform), ours(waveform)
    clip = theirs["clipwise_output"]
    assert clip.std() > 0.1  # it says something
    torch.testing.assert_close(pooled.clip, clip, atol=1e-5, rtol=0)
    steps = pooled.frames.shape[1]
    if "segments" in theirs:
        torch.testing.assert_close(pooled.frames, theirs["segments"], atol=1e-5, rtol=0)
    elif "framewise_output" in theirs:  # each step repeated for its 32 frames, the last one to the end
        frames = theirs["framewise_output"]
        assert steps == frames.shape[1] // 32
        torch.testing.assert_close(
            pooled.frames.repeat_interleave(32, dim=1), frames[:, : 32 * steps], atol=1e-5, rtol=0
        )


@pytest.mark.parametrize(
    ("name", "tensors"),
    [("cnn10", 60), ("cnn14", 84), ("cnn14-decision-max", 84), ("wavegram-logmel-cnn14", 138)],
)
def test_checkpoints_have_so_many_tensors(name: str, tensors: int) -> None:
    assert len(expected(name)) == tensors


def empty(name: str) -> dict[str, torch.Tensor]:
    """The tensors of a checkpoint without any values."""
    return {key: torch.empty(shape, device="meta") for key, shape in expected(name).items()}


@pytest.mark.parametrize("name", NAMES)
def test_architectures_are_told_apart(name: str) -> None:
    state = empty(name)
    if name == "cnn14-decision-att":
        state["att_block.bn_att.weight"] = torch.ones(527)  # never used
    alike = ["cnn14", "cnn14-decision-max"]
    assert FAMILY.fitting(state)[0] == (alike if name in alike else [name])


def test_what_is_none_of_them_is_named() -> None:
    state = empty("cnn10")
    del state["fc1.bias"]
    state["fc_audioset.weight"] = torch.empty(10, 512)
    state["fc2.bias"] = torch.empty(1)
    names, nearest, wrong = FAMILY.fitting(state)
    assert (names, nearest) == ([], "cnn10")
    assert some(wrong) == (
        "missing 'fc1.bias', unexpected 'fc2.bias', 'fc_audioset.weight' is (10, 512), not (527, 512)"
    )


def test_another_front_end_is_refused(original: nn.Module) -> None:
    state = original.state_dict()
    window, filters = "spectrogram_extractor.stft.conv_real.weight", "logmel_extractor.melW"
    hamming = 0.08 + 0.92 * state[window]
    with pytest.raises(ModelError, match="does not use a periodic Hann window"):
        converted({**state, window: hamming}, "cnn10")
    with pytest.raises(ModelError, match="its mel filters are not 64 Slaney bands over 50 to 14000 Hz at 32000 Hz"):
        converted({**state, filters: state[filters].roll(1, dims=0)}, "cnn10")
    with pytest.raises(ModelError, match=r"damaged: fc1.weight with values that are not finite"):
        converted({**state, "fc1.weight": torch.full((512, 512), torch.nan)}, "cnn10")


@pytest.mark.parametrize("name", [name for name in NAMES if f"kong2020/{name}" in recipe_names()])
def test_the_recipes_of_the_paper_are_the_same_networks(name: str) -> None:
    recipe, network = load_recipe(f"kong2020/{name}").network, panns_network(name)
    for part in ("features", "encoder", "pooling"):  # they scale bands before anything is blanked
        assert getattr(recipe, part) == getattr(network, part)
