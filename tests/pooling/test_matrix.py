"""Every pooling behind every encoder behind every front-end, through the tagger.

A new kind needs a small example here, and nothing else.
"""

import itertools
from pathlib import Path
from typing import Any, get_args

import pytest
import torch

from earmark.encoders import EncoderOptions
from earmark.features import FeatureOptions
from earmark.models.network import ModelOptions, Network
from earmark.options import Options
from earmark.pooling import PoolingOptions

SECONDS = (1.0, 0.4, 0.7)  # of the clips of a batch
LOGMEL = {"rate": 8_000, "window": 256, "hop": 250, "bands": 64}  # 32 frames a second
FEATURES: dict[str, dict[str, Any]] = {
    "logmel": LOGMEL,
    "mfcc": {"logmel": LOGMEL, "coefficients": 32, "deltas": 1},
    "logmel-waveform": {"logmel": LOGMEL | {"bands": 16, "window": 320, "hop": 320}},
    "embedding": {"bands": 64, "step_seconds": 0.03125},
}
ENCODERS: dict[str, dict[str, Any]] = {
    "crnn": {"channels": (4,), "pools": (16,), "convs": 1, "last": 4, "units": 4},
    "lower-blocks": {"channels": (4, 8), "pools": (4, 4), "convs": 1},
    "xu2018": {"variant": "paper"},
    "cnn": {"channels": (4, 8), "pools": ((2, 8), (2, 8))},
    "mlp": {"context": 3, "units": (8,)},
    "frame-cnn": {"channels": (4, 4), "convs": 1, "pools": ((1, 8), (2, 8)), "embedding": 4},
    "segment-cnn": {"segment": 8, "channels": (4, 8), "convs": 1},
    "wavegram": {"bands": 16, "wave_channels": (4, 4, 8), "channels": (4, 8), "pools": ((2, 2), (2, 2))},
    "resnet": {"blocks": (1, 1), "width": 2},
    "embedding-net": {"units": (6, 4, 4), "levels": (2, 3)},
    "mobilenet-v3": {"width": 0.1, "blocks": 4},
    "dynamic-mobilenet": {"width": 0.1, "kernels": 2, "blocks": 3},
    "vggish": {"patch": 8, "convs": ((8,), (8,)), "units": (32,), "values": 16},
    "atst": {"width": 8, "depth": 2, "heads": 2, "hidden": 16, "places": 4},
    "beats": {"width": 8, "depth": 2, "heads": 2, "hidden": 16, "patch_width": 8, "reach": 6, "groups": 2, "step": 4},
    "yamnet": {"channels": (4, 8), "strides": (2, 2), "patch": 8, "hop": 4},
}
BANDED = {"logmel", "mfcc", "embedding"}  # front-ends for any encoder that `HEARS` does not name
HEARS: dict[str, set[str]] = {
    "crnn": set(FEATURES),  # samples beside the bands mean nothing to the others
    "wavegram": {"logmel-waveform"},
}
POOLINGS: dict[str, dict[str, Any]] = {
    "max": {"hidden": 6, "dropout": 0.1, "hidden_dropout": 0.1},
    "average": {},
    "linear-softmax": {},
    "exp-softmax": {},
    "auto": {},
    "attention": {},
    "levels": {"levels": 2},
    "decision-attention": {"attend": "time", "hidden": 6},
    "multi-level-attention": {"levels": 2},
    "feature-attention": {},
    "embedding-max": {"hidden": 6},
    "embedding-average": {"hidden": None},
    "max-average": {"hidden": 6},
    "embedding-attention": {"hidden": 6},
    "single-head": {"hidden": 6},
    "gmap": {"hidden": 6, "heads": 4},
}


def kinds(union: Any) -> set[str]:
    """Every `kind` that options can name."""
    if isinstance(union, type) and issubclass(union, Options):
        return set(get_args(union.model_fields["kind"].annotation))
    return set().union(*(kinds(part) for part in get_args(union)))


TRIPLES = [
    pytest.param(features, encoder, pooling, id=f"{features}-{encoder}-{pooling}")
    for features, encoder, pooling in itertools.product(FEATURES, ENCODERS, POOLINGS)
    if features in HEARS.get(encoder, BANDED)
]


@pytest.mark.parametrize(
    ("union", "examples"), [(FeatureOptions, FEATURES), (EncoderOptions, ENCODERS), (PoolingOptions, POOLINGS)]
)
def test_every_kind_there_is_has_a_small_example_here(union: Any, examples: dict[str, Any]) -> None:
    missing, unknown = kinds(union) - examples.keys(), examples.keys() - kinds(union)
    assert not missing, f"add a small example of {sorted(missing)} to the tables of this file"
    assert not unknown, f"no such kinds: {sorted(unknown)}"


def test_the_matrix_leaves_no_kind_out() -> None:
    met = [set(column) for column in zip(*(case.values for case in TRIPLES), strict=True)]
    assert met == [kinds(FeatureOptions), kinds(EncoderOptions), kinds(PoolingOptions)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One model directory, written anew by every test: hundreds of folders take longer than all else."""
    return tmp_path_factory.mktemp("model")


@pytest.mark.parametrize(("features", "encoder", "pooling"), TRIPLES)
def test_it_scores_learns_masks_and_comes_back(features: str, encoder: str, pooling: str, folder: Path) -> None:
    torch.manual_seed(0)
    data = {
        "labels": ["dog", "siren", "speech"],
        "features": {"kind": features, **FEATURES[features]},
        "encoder": {"kind": encoder, **ENCODERS[encoder]},
        "pooling": {"kind": pooling, **POOLINGS[pooling]},
    }
    model = Network(ModelOptions.parse(data, "the matrix"))
    lengths = torch.tensor([round(seconds * model.rate) for seconds in SECONDS])
    clips = 0.1 * torch.randn(3, int(lengths.max()))
    clips[torch.arange(clips.shape[1]) >= lengths[:, None]] = 0.0
    _learns(model, clips, lengths)
    with torch.no_grad():
        _masks(model.eval(), clips, lengths)
        model.save_pretrained(folder)
        again = Network.from_pretrained(folder)
        assert again.options == model.options
        torch.testing.assert_close(again(clips, lengths), model(clips, lengths), atol=0, rtol=0)


def _learns(model: Network, clips: torch.Tensor, lengths: torch.Tensor) -> None:
    pooled = model.train()(clips, lengths)
    assert pooled.clip.shape == (3, 3)
    (pooled.clip.square().sum() + pooled.frames.square().sum()).backward()
    for name, parameter in model.named_parameters():
        if parameter.grad is not None:
            assert torch.isfinite(parameter.grad).all(), name
    assert any(parameter.grad.any() for parameter in model.encoder.parameters() if parameter.grad is not None)


def _masks(model: Network, clips: torch.Tensor, lengths: torch.Tensor) -> None:
    together = model(clips, lengths)
    steps = model.steps_in(lengths).tolist()
    assert together.frames.shape == together.weights.shape == (3, max(steps), 3)
    for row, length in enumerate(lengths.tolist()):
        alone = model(clips[row : row + 1, :length])
        assert alone.frames.shape[1] == steps[row]
        torch.testing.assert_close(together.clip[row], alone.clip[0], atol=1e-5, rtol=0)
        torch.testing.assert_close(together.frames[row, : steps[row]], alone.frames[0], atol=1e-5, rtol=0)
        torch.testing.assert_close(together.weights[row].sum(0), torch.ones(3))
        assert not together.frames[row, steps[row] :].any()
        assert not together.weights[row, steps[row] :].any()
