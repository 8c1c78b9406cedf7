"""The recipes of Xu et al. 2018 and of the systems it is compared with: what the fact sheet says of each."""

import pytest
import torch

from earmark.models.network import ModelOptions, Network
from earmark.recipes import load_recipe, recipe_names

PAPERS = ("xu2018/", "dcase2017/", "lee2017/", "chou2017/")
NAMES = [name for name in recipe_names() if name.startswith(PAPERS)]
FUSED = ["xu2018/fusion", "xu2018/fusion-sed", "lee2017/cnn-ensemble"]


def tagger(name: str, *changes: str) -> Network:
    labels = tuple(f"class {index}" for index in range(17))
    return Network(ModelOptions(labels=labels, **dict(load_recipe(name, changes).network)))


@pytest.mark.parametrize(
    ("name", "changes", "parameters"),
    [
        ("gated-crnn-logmel", (), 1_188_753),
        ("gated-crnn-logmel", ("network.encoder.variant=v2",), 1_262_737),
        ("gated-crnn-logmel-sed", (), 1_189_059),
        (
            "gated-crnn-logmel-sed",
            ("network.encoder.variant=v2", "network.pooling={kind: attention}"),
            1_267_106,
        ),
        ("gated-crnn-mfcc", (), 1_188_753),
        ("gated-crnn-mfcc-sed", (), 1_189_059),
        ("crnn-logmel", (), 670_417),
        ("crnn-logmel", ("network.encoder.activation=relu",), 670_417),
        ("crnn-logmel-nobalance", (), 670_417),
    ],
)
def test_networks_have_the_parameters_of_the_authors_code(name: str, changes: tuple[str, ...], parameters: int) -> None:
    """docs/papers/xu2018.md, section 2.8."""
    assert tagger(f"xu2018/{name}", *changes).parameter_count() == parameters


def test_the_baseline_has_its_parameters() -> None:
    assert tagger("dcase2017/baseline-mlp").parameter_count() == 13_467


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("xu2018/") and name not in FUSED])
def test_training_is_that_of_section_3(name: str) -> None:
    training = load_recipe(name).training
    assert (training.batch_size, training.steps_per_epoch, training.epochs) == (44, 100, 80)
    assert (training.learning_rate, training.schedule, training.warmup_steps) == (0.001, "constant", 0)
    assert list(training.model_epochs) == [20, 30, 40, 50, 60, 70, 80]  # counted from 1; 19, 29, ... there
    assert (training.weight_decay, training.gradient_clip, training.frame_supervision) == (0, None, 0)
    if name == "xu2018/crnn-logmel-nobalance":
        assert (training.balance.method, training.balance.max_ratio) == ("shares", None)
    else:
        assert training.balance.method == "queue"


def test_without_balance_nothing_else_changes() -> None:
    row, without = load_recipe("xu2018/crnn-logmel"), load_recipe("xu2018/crnn-logmel-nobalance")
    assert without.network == row.network
    assert without.training.model_copy(update={"balance": row.training.balance}) == row.training


@pytest.mark.parametrize("name", ["xu2018/gated-crnn-logmel", "xu2018/gated-crnn-mfcc-sed"])
@torch.no_grad()
def test_ten_seconds_are_240_frames_and_shorter_clips_are_filled(name: str) -> None:
    model = tagger(name).eval()
    for samples in (160_000, 40_000):
        features, frames = model.features(torch.randn(1, samples))
        assert (features.shape[1], frames) == (240, None)
    assert model.steps_of(torch.tensor(240)) == (240 if name.endswith("sed") else 30)


@torch.no_grad()
@pytest.mark.parametrize("name", [name for name in NAMES if name not in FUSED])
def test_a_clip_scores_the_same_alone_and_beside_longer_ones(name: str) -> None:
    torch.manual_seed(0)
    model = tagger(name).eval()
    model.scaling.mean.fill_(-5.0)
    lengths = torch.tensor([11, 6, 1]) * model.rate  # one longer than the filling
    waveform = torch.zeros(3, int(lengths.max()))
    for row, length in zip(waveform, lengths, strict=True):
        row[:length] = 0.1 * torch.randn(length)
    together = model(waveform, lengths)
    steps = model.steps_in(lengths)
    for row, length in enumerate(lengths.tolist()):
        alone = model(waveform[row : row + 1, :length])
        torch.testing.assert_close(together.clip[row], alone.clip[0], atol=2e-5, rtol=0)
        own = int(steps[row])
        torch.testing.assert_close(together.frames[row, :own], alone.frames[0, :own], atol=2e-5, rtol=0)


@pytest.mark.parametrize("name", FUSED)
def test_a_fusion_names_recipes_that_are_there(name: str) -> None:
    members = load_recipe(name).members
    assert len(members) >= 2
    assert set(members) <= set(NAMES)


def test_published_figures_are_as_printed() -> None:
    """docs/papers/xu2018.md, section 8: Tables 1 and 2."""
    tags = {name: load_recipe(name).published.get("F1 on dev (tagging)") for name in NAMES}
    assert tags["xu2018/crnn-logmel-nobalance"] == 42.0
    assert tags["xu2018/crnn-logmel"] == 52.8
    assert tags["xu2018/gated-crnn-logmel"] == 56.7
    assert tags["xu2018/gated-crnn-mfcc"] == 52.1
    assert tags["xu2018/fusion"] == 57.7
    detection = load_recipe("xu2018/gated-crnn-logmel-sed").published
    assert (detection["F1 on dev (detection)"], detection["ER on dev (detection)"]) == (47.2, 0.76)
    assert all(load_recipe(name).classes == 17 for name in NAMES)


def test_rivals_rebuilt_say_so() -> None:
    for name in NAMES:
        if name.startswith(("lee2017/", "chou2017/")):
            assert "a rebuild of our own" in load_recipe(name).description
