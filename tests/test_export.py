"""The ONNX twin scores as the module does: every encoder, pooling and front-end, alone and batched, short and long."""

import importlib.util
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import soundfile
import torch
from torch import Tensor, nn

from earmark import export as exporting
from earmark.decisions import OperatingPoint
from earmark.errors import ModelError
from earmark.export import export, framing, make_card, network
from earmark.export.network import Grid, trace, twin_of
from earmark.export.paired import gains
from earmark.export.parity import TOLERANCE
from earmark.export.recurrence import exportable
from earmark.hub import box
from earmark.models.directory import open_tagger, write_model
from earmark.models.fast import fold
from earmark.models.fusion import Fusion
from earmark.models.network import ModelOptions, Network
from earmark.runtime.directory import load_point
from earmark.runtime.onnx import TWIN, OnnxEngine, open_session
from earmark.runtime.scorer import Job
from earmark.runtime.tagger import Tagger

REAL = Path(__file__).parents[2] / "shared" / "data"

spec = importlib.util.spec_from_file_location("matrix", Path(__file__).parent / "pooling" / "test_matrix.py")
assert spec is not None
assert spec.loader is not None
matrix: Any = importlib.util.module_from_spec(spec)
spec.loader.exec_module(matrix)

HEARING = {"wavegram": "logmel-waveform"}  # encoders that another front-end than log-mel is made for
WHOLE = ("cnn",)  # encoders behind which every pooling is exported
PLAIN = ("mlp", "crnn")  # encoders that every front-end is exported before: without states, and with them


def chosen(features: str, encoder: str) -> list[str]:
    """Poolings that go through ONNX behind a front-end and an encoder; none where that pair says nothing new.

    A graph is its parts in a row. What a pooling is given are steps of embeddings, whichever encoder they come from,
    and what an encoder is given are frames of bands. So every pooling is exported behind one encoder, every encoder
    behind its own front-end with two poolings, and every front-end before two encoders. All triples go through ONNX
    where EARMARK_WHOLE_MATRIX=1 is set: 752 of them, five minutes on two cores.
    """
    poolings = list(matrix.POOLINGS)
    if os.environ.get("EARMARK_WHOLE_MATRIX") == "1":
        return poolings
    if features == HEARING.get(encoder, "logmel"):
        other = poolings[list(matrix.ENCODERS).index(encoder) % len(poolings)]
        return poolings if encoder in WHOLE else list(dict.fromkeys(["attention", other]))
    return ["attention"] if encoder in PLAIN else []


PAIRS = [
    (features, encoder, poolings)
    for features, encoder in dict.fromkeys(case.values[:2] for case in matrix.TRIPLES)
    if (poolings := chosen(features, encoder))
]


def test_every_part_goes_through_onnx() -> None:
    assert {features for features, _, _ in PAIRS} == set(matrix.FEATURES)
    assert {encoder for _, encoder, _ in PAIRS} == set(matrix.ENCODERS)
    assert {pooling for _, _, poolings in PAIRS for pooling in poolings} == set(matrix.POOLINGS)


def tagger(
    features: str = "logmel",
    encoder: str = "crnn",
    pooling: str = "attention",
    changes: Mapping[str, dict[str, Any]] | None = None,
    unstable: bool = False,
) -> Network:
    changes = changes or {}
    torch.manual_seed(0)
    data = {
        "labels": ["dog", "siren", "speech"],
        "features": {"kind": features, **matrix.FEATURES[features], **changes.get("features", {})},
        "encoder": {"kind": encoder, **matrix.ENCODERS[encoder], **changes.get("encoder", {})},
        "pooling": {"kind": pooling, **matrix.POOLINGS[pooling]},
        "window_seconds": 2.0,
        "overlap_seconds": 0.5,
    }
    return shaken(Network(ModelOptions.parse(data, "the matrix")), unstable)


def shaken(model: Network, unstable: bool = False) -> Network:
    """Weights that no initialisation leaves (a zero would hide what is multiplied by it), and bands scaled.

    Matrices keep their scale, unless that is wanted: noise as large on all of them makes wide recurrences unstable.
    """
    for name, tensor in model.state_dict().items():
        if tensor.dtype.is_floating_point:
            noise = 0.1 * torch.randn(tensor.shape)
            tensor += noise * tensor if tensor.ndim > 1 and tensor.any() and not unstable else noise
            if name.endswith(("var", "std")):
                tensor.abs_().add_(0.5)
    noise = 0.1 * torch.randn(1, 5 * model.rate)
    model.scaling.fit(model.front_end(noise))
    return model.eval()


class EveryPooling(nn.Module):
    """One front-end and encoder, and every pooling after it: one export in place of one a pooling."""

    def __init__(self, models: list[Network]) -> None:
        super().__init__()
        self.first = models[0]
        self.poolings = nn.ModuleList(model.pooling for model in models)

    def forward(self, padded: Tensor, lengths: Tensor) -> tuple[Tensor, ...]:
        encoded = self.first.encoder(*self.first.features(padded, lengths))
        pooled = [pooling(encoded.embeddings, encoded.lengths) for pooling in self.poolings]
        return tuple(scores for each in pooled for scores in (each.clip, each.frames))


@pytest.mark.parametrize(("features", "encoder", "poolings"), PAIRS, ids=[f"{case[0]}-{case[1]}" for case in PAIRS])
def test_the_parts_go_through_onnx(
    features: str, encoder: str, poolings: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = [tagger(features, encoder, pooling) for pooling in poolings]
    plain = EveryPooling([tagger(features, encoder, pooling) for pooling in poolings]).eval()
    card = make_card(models[0], OperatingPoint.plain(models[0].labels), "")
    grid = Grid(card, 0, even=gains(models[0]))
    names = [f"{name} {kind}" for name in poolings for kind in ("clip", "frames")]
    monkeypatch.setattr(network, "OUTPUTS", names)
    path = tmp_path / TWIN
    path.write_bytes(trace(exportable(fold(EveryPooling(models).eval())), grid, encoder).SerializeToString())
    session = open_session(path)
    for clips, steps in ((1, 3), (3, 9)):
        samples = grid.samples(steps)
        lengths = torch.tensor([samples, samples // 2, 1][:clips])
        waveform = 0.1 * torch.randn(clips, samples, generator=torch.Generator().manual_seed(steps))
        waveform[torch.arange(samples) >= lengths[:, None]] = 0.0
        with torch.no_grad():
            wanted = plain(waveform, lengths)
        found = session.run(names, {"padded": waveform.numpy(), "lengths": lengths.numpy()})
        for name, ours, theirs in zip(names, found, wanted, strict=True):
            np.testing.assert_allclose(ours, theirs.numpy(), atol=TOLERANCE, rtol=0, err_msg=name)


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model directory with its twin. Not to be changed."""
    folder = tmp_path_factory.mktemp("twin")
    model = tagger()
    write_model(model, folder, OperatingPoint.plain(model.labels))
    assert export(folder) == folder / TWIN
    return folder


def compared(model: Network, engine: OnnxEngine, waveform: Tensor, lengths: list[int]) -> None:
    with torch.inference_mode():
        wanted = model(waveform, torch.tensor(lengths))
    clip, frames = engine.listen(waveform.numpy(), np.array(lengths))
    np.testing.assert_allclose(clip, wanted.clip.numpy(), atol=TOLERANCE, rtol=0)
    np.testing.assert_allclose(frames, wanted.frames.numpy(), atol=TOLERANCE, rtol=0)


@pytest.mark.parametrize("samples", [1, 7, 249, 250, 251, 800, 8_000, 16_001, 60 * 8_000])
def test_any_length_alone_and_beside_a_longer_clip(samples: int, twin: Path) -> None:
    model, engine = Network.from_pretrained(twin), OnnxEngine(twin)
    sound = 0.1 * torch.randn(2, samples + 900, generator=torch.Generator().manual_seed(samples))
    compared(model, engine, sound[:1, :samples].contiguous(), [samples])
    sound[0, samples:] = 0.0
    compared(model, engine, sound, [samples, samples + 900])
    assert engine.steps_in(samples) == model.steps_in(samples)


VARIANTS: dict[str, Any] = {
    "keras": ("logmel", "xu2018", {"encoder": {"variant": "code2017"}}),
    "keras-relu": ("logmel", "xu2018", {"encoder": {"recurrence": "relu"}}),
    "torch-pair": ("logmel", "xu2018", {"encoder": {"cell": "torch", "variant": "v2"}}),
    "two-layers": ("logmel", "crnn", {"encoder": {"layers": 2}}),
    "dynamic": ("logmel", "crnn", {"encoder": {"convs": 2, "basis_kernels": 4}}),
    "whole-clips": ("logmel", "segment-cnn", {"encoder": {"segment": None}}),
    "fill": ("logmel", "xu2018", {"features": {"fill": 60, "centre": False, "power": 1}}),
    "panns": (
        *("logmel", "cnn"),
        {"features": {"log": "db", "floor_kind": "clamp", "floor": 1e-10, "centred_on": "start", "edge": "reflect"}},
    ),
    "kaldi": (
        *("logmel", "cnn"),
        {"features": {"mel_scale": "kaldi", "window_shape": "povey", "emphasis": 0.97, "gain": 32_768}}
        | {"encoder": {"pools": ((2, 4), (2, 4))}},
    ),
    "wide-cnn": ("logmel", "cnn", {"encoder": {"channels": (32, 64, 32), "pools": ((2, 2), (2, 2), (1, 4))}}),
    "wide-segments": ("logmel", "segment-cnn", {"encoder": {"channels": (32, 64)}}),
    "wide-resnet": ("logmel", "resnet", {"encoder": {"width": 32}}),
    "beats-patches": ("logmel", "beats", {"encoder": {"step": 16}}),
    "beats-beyond-the-end": ("logmel", "beats", {"features": {"centre": False, "beyond_end": True}}),
    "talnet": (
        *("logmel", "cnn"),
        {
            "features": {"n_fft": 1024, "log": "db", "floor_kind": "clamp", "top_db": 80, "centred_on": "start"}
            | {"drop_last": True},
            "encoder": {"smooth": True},
        },
    ),
}


@pytest.mark.parametrize("name", VARIANTS)
def test_front_ends_and_recurrences_of_the_papers(name: str, tmp_path: Path) -> None:
    features, encoder, changes = VARIANTS[name]
    model = tagger(features, encoder, changes=changes)
    write_model(model, tmp_path, OperatingPoint.plain(model.labels))
    export(tmp_path)
    engine = OnnxEngine(tmp_path)
    for samples in (5, 4_000, 20_000):
        assert engine.steps_in(samples) == model.steps_in(samples)


def test_weights_that_let_a_rounding_grow_are_refused_for_that_reason(tmp_path: Path) -> None:
    """Recurrent matrices so large that states never die away: float32 gives such a network no scores of its own."""
    features, encoder, changes = VARIANTS["keras"]
    model = tagger(features, encoder, changes=changes, unstable=True)
    write_model(model, tmp_path, OperatingPoint.plain(model.labels))
    said = r"differ by .* more than 1e-05; the model's own scores there move by .* one rounding of float32.*; nothing"
    with pytest.raises(ModelError, match=said):
        export(tmp_path)
    assert not (tmp_path / TWIN).exists()


def test_the_metadata_say_what_a_program_needs(twin: Path) -> None:
    model, proto = Network.from_pretrained(twin), onnx.load(twin / TWIN)
    text = {prop.key: prop.value for prop in proto.metadata_props}
    assert json.loads(text["labels"]) == json.loads(text["classes"]) == list(model.labels)
    assert json.loads(text["clock"]) == {"step": str(model.clock.step), "start": str(model.clock.start)}
    assert (text["sample_rate"], text["format_version"], text["least_length"]) == ("8000", "1", "1")
    assert OperatingPoint.model_validate_json(text["operating_point"]) == load_point(twin, model.labels)
    assert [[d.dim_param or d.dim_value for d in v.type.tensor_type.shape.dim] for v in proto.graph.input] == [
        ["batch", "samples"],
        ["batch"],
    ]
    assert [value.name for value in proto.graph.output] == ["clip", "frames"]
    assert not any(node.doc_string or node.metadata_props for node in proto.graph.node)
    onnx.checker.check_model(proto)


def test_a_fusion_exports_as_its_members(tmp_path: Path) -> None:
    members = [tagger(), tagger("mfcc", "mlp", "average")]
    fusion = Fusion(members, ["one", "other"]).eval()
    write_model(fusion, tmp_path, OperatingPoint.plain(fusion.labels))
    assert export(tmp_path) == tmp_path
    for name, member in zip(fusion.names, members, strict=True):
        compared(member, OnnxEngine(tmp_path / "members" / name), 0.1 * torch.randn(1, 9_000), [9_000])


def test_a_twin_that_scores_otherwise_is_never_left_behind(
    tmp_path: Path, twin: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(shutil.copytree(twin, tmp_path / "model"))
    (folder / TWIN).unlink()

    def spoilt(model: Network, card: Any) -> bytes:
        model.pooling.classify.bias.data += 1e-3
        return twin_of(model, card)

    monkeypatch.setattr(exporting, "twin_of", spoilt)
    with pytest.raises(
        ModelError, match=r"clip scores differ by .*e-0\d from the model's on digital silence, .*nothing"
    ):
        export(folder)
    assert sorted(path.name for path in folder.iterdir()) == [
        "config.json",
        "model.safetensors",
        "operating_point.json",
    ]


def test_the_optimiser_that_deletes_the_floor_would_be_caught(
    tmp_path: Path, twin: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(shutil.copytree(twin, tmp_path / "model"))
    real = torch.onnx.export
    monkeypatch.setattr(torch.onnx, "export", lambda *args, **named: real(*args, **named | {"optimize": True}))
    with pytest.raises(ModelError, match=r"scores differ by .* on (digital silence|faint noise)"):
        export(folder)


def test_weights_trained_anew_take_the_old_twin_away(tmp_path: Path, twin: Path) -> None:
    folder = Path(shutil.copytree(twin, tmp_path / "model"))
    tagger(encoder="mlp").save_pretrained(folder)
    assert not (folder / TWIN).exists()


def test_a_hop_of_no_whole_number_of_samples_is_refused() -> None:
    model = tagger()
    with pytest.raises(ModelError, match="not a whole number of samples"):
        framing(model.front_end, 7_999)


def test_the_model_in_the_package_decides_alike_on_real_recordings() -> None:
    recordings = [*sorted((REAL / "audioset").glob("*.wav")), *sorted((REAL / "esc50").glob("*.ogg"))[::100]]
    if not recordings:
        pytest.skip(f"needs recordings in {REAL}")
    folder = box.directory()
    point = OperatingPoint.load(folder)
    engine, module = OnnxEngine(folder), open_tagger([folder])
    jobs = [Job(path.name, path) for path in recordings]
    quiet = []
    for path in recordings[:4]:  # the same, so faint that the floor under the logarithm counts
        sound, rate = soundfile.read(path, dtype="float32")
        quiet.append((1e-4 * sound, rate))
    light = Tagger(engine, point)
    pairs = [*zip(light.stream(jobs), module.stream(jobs), strict=True)]
    pairs += [(light(sound, rate), module(sound, rate)) for sound, rate in quiet]
    for ours, theirs in pairs:
        np.testing.assert_allclose(ours.scores.clip, theirs.scores.clip, atol=TOLERANCE, rtol=0)
        np.testing.assert_allclose(ours.scores.frames, theirs.scores.frames, atol=TOLERANCE, rtol=0)
        assert ours.tags == [(label, pytest.approx(score, abs=TOLERANCE)) for label, score in theirs.tags]
        assert [(e.onset, e.offset, e.label) for e in ours.events] == [
            (e.onset, e.offset, e.label) for e in theirs.events
        ]
