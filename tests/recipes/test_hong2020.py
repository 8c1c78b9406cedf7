"""The systems of Hong et al. 2020: their sizes, their published figures, and that each of them learns."""

import math
from statistics import NormalDist

import pytest
import torch

from earmark.models.network import ModelOptions, Network, NetworkOptions
from earmark.recipes import load_recipe, recipe_names
from earmark.recipes.recipe import parameter_count

PAPERS = ("hong2020", "gemmeke2017", "yu2018", "kong2019", "ford2019", "kong2020")
NAMES = [name for name in recipe_names() if name.partition("/")[0] in PAPERS]
POOLINGS = ("max", "average", "max-average", "attention", "single-head", "gmap")


def test_every_row_is_there() -> None:
    assert set(NAMES) == {f"hong2020/{row}" for row in POOLINGS} | {
        "gemmeke2017/benchmark",
        "yu2018/multi-level-attention",
        "kong2019/decision-attention",
        "kong2019/feature-attention",
        "ford2019/deep-residual",
        *(f"kong2020/{row}" for row in ("cnn10", "cnn14", "cnn14-decision-max", "cnn14-decision-att")),
        "kong2020/wavegram-logmel-cnn14",
    }


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("hong2020/max", 5_219_279),
        ("hong2020/average", 5_219_279),
        ("hong2020/max-average", 5_219_279),
        ("hong2020/attention", 5_219_791),
        ("hong2020/single-head", 5_481_935),
        ("hong2020/gmap", 6_531_535),
        ("kong2019/decision-attention", 3_314_974),
        ("kong2019/feature-attention", 4_876_047),
        ("kong2020/cnn10", 5_219_279),
        ("kong2020/cnn14", 80_753_615),
        ("kong2020/cnn14-decision-max", 80_753_615),
        ("kong2020/cnn14-decision-att", 80_753_615 + 2048 * 527 + 527),  # a second head
        ("kong2020/wavegram-logmel-cnn14", 81_065_487),
    ],
)
def test_sizes_are_the_published_ones(name: str, parameters: int) -> None:
    assert parameter_count(load_recipe(name)) == parameters


@pytest.mark.parametrize(
    ("pooling", "parameters"),
    [
        ("{kind: average}", 2_774_799),
        ("{kind: max}", 2_774_799),
        ("{kind: multi-level-attention, levels: 2, attend: sigmoid, shared: true, normalise: false}", 3_870_959),
    ],
)
def test_sizes_of_the_other_heads_of_kong_2019(pooling: str, parameters: int) -> None:
    changes = [f"network.pooling={pooling}"]
    if "levels" in pooling:
        changes.append("network.encoder.levels=[2, 3]")
    assert parameter_count(load_recipe("kong2019/decision-attention", changes)) == parameters


@pytest.mark.parametrize(("name", "millions"), [("ford2019/deep-residual", 25.66), ("gemmeke2017/benchmark", 2.62)])
def test_sizes_known_to_few_digits(name: str, millions: float) -> None:
    assert round(parameter_count(load_recipe(name)) / 1e6, 2) == millions


def test_the_six_poolings_differ_in_nothing_else() -> None:
    recipes = [load_recipe(f"hong2020/{row}") for row in POOLINGS]
    first = recipes[0]
    assert len({recipe.network.pooling.kind for recipe in recipes}) == 6
    for recipe in recipes:
        assert recipe.training == first.training
        assert recipe.network.model_copy(update={"pooling": first.network.pooling}) == first.network
        assert recipe.training.epochs * recipe.training.steps_per_epoch == 600_000


def test_ten_seconds_are_400_frames_of_64_bands_and_25_steps() -> None:
    network = load_recipe("hong2020/gmap").network
    with torch.device("meta"):
        tagger = Network(ModelOptions(labels=("a",), **dict(network)))
    assert tagger.front_end.frames_in(torch.tensor(160_000)) == 400
    assert tagger.front_end.bands == 64
    assert tagger.steps_in(torch.tensor(160_000)) == 25


@pytest.mark.parametrize("name", NAMES)
def test_published_figures_are_possible(name: str) -> None:
    """d' follows from the mean AUC (docs/papers/hong2020.md, section 6): a misprinted row contradicts itself."""
    recipe = load_recipe(name)
    assert recipe.classes == 527
    assert recipe.paper
    assert recipe.row
    figures = recipe.published
    assert 0.3 < figures["mAP on AudioSet eval"] < 0.45
    if "mAUC on AudioSet eval" in figures:
        area = figures["mAUC on AudioSet eval"]
        low, high = (math.sqrt(2) * NormalDist().inv_cdf(edge) for edge in (area - 0.0006, area + 0.0006))
        assert low <= figures["d-prime on AudioSet eval"] <= high


def shrunk(network: NetworkOptions) -> NetworkOptions:
    """The same network with few channels."""
    encoder = network.encoder
    small: dict[str, dict[str, object]] = {
        "cnn": {"channels": tuple(8 for _ in getattr(encoder, "channels", ()))},
        "wavegram": {"channels": (8,) * 6, "wave_channels": (4, 4, 32)},
        "resnet": {"width": 2, "blocks": (1, 1, 1, 1)},
        "embedding-net": {"units": tuple(12 for _ in getattr(encoder, "units", ()))},
    }
    pooling = network.pooling
    if getattr(pooling, "hidden", None):
        pooling = pooling.model_copy(update={"hidden": 16})
    return network.model_copy(update={"encoder": encoder.model_copy(update=small[encoder.kind]), "pooling": pooling})


@pytest.mark.parametrize("name", NAMES)
def test_each_learns_and_scores_a_clip_alone_as_in_a_batch(name: str) -> None:
    torch.manual_seed(0)
    tagger = Network(ModelOptions(labels=("a", "b", "c"), **dict(shrunk(load_recipe(name).network))))
    waveform = 0.1 * torch.randn(2, 2 * tagger.rate)
    lengths = torch.tensor([2 * tagger.rate, tagger.rate + 128])
    waveform[1, lengths[1] :] = 0
    tagger.train()(waveform, lengths).clip.sum().backward()
    # Under a sigmoid of nothing a gradient may vanish, but none may be missing or broken.
    assert all(p.grad is not None and p.grad.isfinite().all() for p in tagger.parameters())
    tagger.eval()
    with torch.no_grad():
        together, alone = tagger(waveform, lengths), tagger(waveform[1:, : lengths[1]])
    torch.testing.assert_close(together.clip[1], alone.clip[0], atol=1e-5, rtol=1e-4)
    steps = alone.frames.shape[1]
    torch.testing.assert_close(together.frames[1, :steps], alone.frames[0], atol=1e-5, rtol=1e-4)
    assert steps == int(tagger.steps_in(lengths[1]))
