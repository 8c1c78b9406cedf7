import copy
from pathlib import Path
from typing import Any, get_args

import pytest
import torch
from torch import nn

from earmark.encoders import EncoderOptions
from earmark.encoders.blocks import Conv, GatedConv
from earmark.masking import MaskedBatchNorm2d
from earmark.models import fast as packing
from earmark.models.fast import FOLLOWS, Folded, PackedConv, PackedLinear, WideConv, can_pack, fold, is_wide, pack
from earmark.models.network import ModelOptions, Network

LABELS = ("dog", "siren")
LOGMEL = {"kind": "logmel", "rate": 8_000, "window": 256, "hop": 250, "bands": 64}
WAVEFORM = {"kind": "logmel-waveform", "logmel": LOGMEL | {"bands": 16, "window": 320, "hop": 320}}
SMALL: dict[str, list[dict[str, Any]]] = {  # every encoder there is, and such choices as change what stands where
    "crnn": [{"channels": (4, 6), "pools": (4, 4), "activation": act} for act in ("glu", "relu", "linear")],
    "lower-blocks": [{"channels": (4, 6), "pools": (4, 4)}],
    "xu2018": [{"variant": "paper"}, {"time_pooling": False}],
    "cnn": [{"channels": (4, 8), "pools": ((2, 8), (2, 8))}, {"channels": (4,), "pools": ((2, 8),), "smooth": True}],
    "mlp": [{"context": 3, "units": (8,)}],
    "frame-cnn": [{"channels": (4, 4), "convs": 1, "pools": ((1, 8), (2, 8)), "embedding": 4}],
    "segment-cnn": [{"segment": 8, "channels": (4, 8), "convs": 1}, {"channels": (4, 8)}],
    "wavegram": [{"bands": 16, "wave_channels": (4, 4, 8), "channels": (4, 8), "pools": ((2, 2), (2, 2))}],
    "resnet": [{"blocks": (1, 2), "width": 2}],
    "embedding-net": [{"units": (6, 4, 4), "levels": (2, 3)}, {"units": (6,), "bias": True}],
    "vggish": [
        {"patch": 8, "convs": ((8,), (8,)), "units": (32,), "values": 16, "head": head}
        for head in (None, {"units": (4,)})
    ],
    "mobilenet-v3": [{"width": 0.1, "blocks": 4}],
    "dynamic-mobilenet": [{"width": 0.1, "kernels": 2, "blocks": 3}],
    "atst": [{"width": 8, "depth": 2, "heads": 2, "hidden": 16, "places": 4}],
    "beats": [
        {"width": 16, "depth": 2, "heads": 2, "hidden": 16, "patch_width": 8, "reach": 6, "groups": 2, "step": step}
        for step in (16, 4)
    ],
    "yamnet": [
        {"channels": (4, 6), "strides": (2, 2), "patch": 8, "hop": 4},
        {"channels": (4, 6, 8), "strides": (2, 1, 2), "patch": None},
    ],
}
CASES = [pytest.param(kind, options, id=f"{kind}-{n}") for kind in SMALL for n, options in enumerate(SMALL[kind])]


@torch.no_grad()
def trained(kind: str, options: dict[str, Any], pooling: str = "attention") -> Network:
    """A small tagger whose normalisations have learned something, one channel in four nothing but its shift."""
    torch.manual_seed(0)
    features = WAVEFORM if kind == "wavegram" else LOGMEL
    data = {"labels": LABELS, "features": features, "encoder": {"kind": kind, **options}, "pooling": {"kind": pooling}}
    tagger = Network(ModelOptions.parse(data, "the example"))
    for part in tagger.modules():
        if isinstance(part, nn.modules.batchnorm._BatchNorm):
            part.running_mean.normal_(std=0.3)
            part.running_var.uniform_(0.3, 3.0)
            part.weight.normal_().view(-1)[::4] = 0
            part.bias.normal_(std=0.5)
            part.num_batches_tracked.fill_(7)
    return tagger.eval()


def clips(tagger: Network) -> tuple[torch.Tensor, torch.Tensor]:
    lengths = torch.tensor([round(seconds * tagger.rate) for seconds in (1.0, 0.35, 0.7)])
    waveform = 0.1 * torch.randn(3, int(lengths.max()), generator=torch.Generator().manual_seed(1))
    waveform[torch.arange(waveform.shape[1]) >= lengths[:, None]] = 0
    return waveform, lengths


def kinds(union: Any) -> set[str]:
    built_in = get_args(get_args(get_args(union)[0])[0])[0]  # the other branch is that of plugins
    options = get_args(get_args(built_in)[0]) or get_args(built_in)
    return {kind for each in options for kind in get_args(each.model_fields["kind"].annotation)}


def test_every_encoder_has_a_small_example_here() -> None:
    assert kinds(EncoderOptions) == SMALL.keys()


@torch.no_grad()
@pytest.mark.parametrize("whole", [True, False], ids=["whole", "padded"])
@pytest.mark.parametrize(("kind", "options"), CASES)
def test_a_folded_model_says_what_the_plain_one_does(kind: str, options: dict[str, Any], whole: bool) -> None:
    plain = trained(kind, options)
    folded = fold(copy.deepcopy(plain))
    waveform, lengths = clips(plain)
    features, frames = plain.features(waveform, None if whole else lengths)
    before, after = (model.encoder(features, frames) for model in (plain, folded))
    torch.testing.assert_close(after.embeddings, before.embeddings, atol=1e-5, rtol=1e-5)
    assert (after.lengths is None) if whole else torch.equal(after.lengths, before.lengths)
    for one, other in zip(folded(waveform, lengths)[:3], plain(waveform, lengths)[:3], strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=0)


@torch.no_grad()
@pytest.mark.parametrize(("kind", "options"), CASES)
def test_no_clip_hears_its_neighbours_through_a_fold(kind: str, options: dict[str, Any]) -> None:
    """A fold's shift fills what lies beyond a clip's end: it must be zero again before a layer looks sideways."""
    folded = fold(trained(kind, options))
    waveform, lengths = clips(folded)
    together = folded(waveform, lengths)
    for row, length in enumerate(lengths.tolist()):
        alone = folded(waveform[row : row + 1, :length])
        torch.testing.assert_close(together.clip[row], alone.clip[0], atol=1e-5, rtol=0)
        steps = alone.frames.shape[1]
        torch.testing.assert_close(together.frames[row, :steps], alone.frames[0], atol=1e-5, rtol=0)


@torch.no_grad()
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["float32", "bf16"])
@pytest.mark.parametrize(("kind", "options"), CASES)
def test_packed_as_well_it_says_the_same_and_hears_no_neighbours(
    kind: str, options: dict[str, Any], dtype: torch.dtype
) -> None:
    plain = trained(kind, options)
    packed = pack(fold(copy.deepcopy(plain)), dtype)
    assert packed.parameter_count() == plain.parameter_count()
    waveform, lengths = clips(plain)
    exact = plain(waveform, lengths)
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype == torch.bfloat16):
        rounded, found = plain(waveform, lengths), packed(waveform, lengths)
        # Of few channels, with scales that spread: more rounding than in networks in use, under autocast too.
        atol = 1e-5 if dtype == torch.float32 else 0.02 + max(map(_apart, rounded[:2], exact[:2]))
        assert max(map(_apart, found[:2], exact[:2])) < atol
        for row, length in enumerate(lengths.tolist()):
            alone = packed(waveform[row : row + 1, :length])
            atol = 1e-5 if dtype == torch.float32 else 0.02
            assert _apart(found.clip[row], alone.clip[0]) < atol
            assert _apart(found.frames[row, : alone.frames.shape[1]], alone.frames[0]) < atol


def _apart(one: torch.Tensor, other: torch.Tensor) -> float:
    return float((one.float() - other.float()).abs().max())


@pytest.mark.parametrize(("kind", "options"), CASES)
def test_only_normalisations_of_what_comes_in_are_left(kind: str, options: dict[str, Any]) -> None:
    """A new encoder says in `FOLLOWS` which layers its normalisations follow."""
    encoder = fold(trained(kind, options)).encoder
    norms = {name: part for name, part in encoder.named_modules() if isinstance(part, MaskedBatchNorm2d)}
    left = {name.rpartition(".")[2] for name, part in norms.items() if not isinstance(part, Folded)}
    if kind == "dynamic-mobilenet":  # kernels that differ from clip to clip take theirs in as they are mixed
        left.discard("norm")
    assert left <= {"bn0"}
    assert kind not in ("crnn", "cnn", "resnet") or len(norms) > len(left)


def test_every_kind_of_block_that_folds_is_met_by_an_example() -> None:
    met = {
        type(part)
        for kind, several in SMALL.items()
        for options in several
        for part in trained(kind, options).modules()
    }
    assert FOLLOWS.keys() <= met


@torch.no_grad()
@pytest.mark.parametrize(("kind", "options"), CASES)
def test_it_counts_and_saves_as_a_plain_model(kind: str, options: dict[str, Any], tmp_path: Path) -> None:
    plain = trained(kind, options)
    folded = fold(copy.deepcopy(plain))
    assert folded.parameter_count() == plain.parameter_count()
    assert {n: (v.shape, v.dtype) for n, v in folded.state_dict().items()} == {
        n: (v.shape, v.dtype) for n, v in plain.state_dict().items()
    }
    folded.save_pretrained(tmp_path)
    again = Network.from_pretrained(tmp_path)
    assert not any(isinstance(part, Folded) for part in again.modules())
    waveform, lengths = clips(plain)
    for one, other in zip(again(waveform, lengths)[:3], plain(waveform, lengths)[:3], strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=0)


@torch.no_grad()
def test_a_second_fold_changes_nothing_and_a_copy_stays_whole() -> None:
    folded = fold(trained("cnn", SMALL["cnn"][0]))
    state = copy.deepcopy(folded.state_dict())
    parts = list(folded.modules())
    assert fold(folded) is folded
    assert list(folded.modules()) == parts
    for model in (folded, copy.deepcopy(folded)):
        assert model.state_dict().keys() == state.keys()
        assert all(torch.equal(tensor, state[name]) for name, tensor in model.state_dict().items())
        assert model.parameter_count() == folded.parameter_count()


def test_kernels_stay_channels_last() -> None:
    folded = fold(trained("crnn", {"channels": (8, 8), "pools": (4, 4)}))
    for part in folded.modules():
        if isinstance(part, nn.Conv2d):
            assert part.bias is not None
            assert part.weight.is_contiguous(memory_format=torch.channels_last)


def test_what_still_learns_is_not_folded_and_what_is_folded_learns_no_more() -> None:
    with pytest.raises(ValueError, match=r"evaluation mode.*eval\(\) first"):
        fold(Conv(1, 4, "relu"))
    folded = fold(Conv(1, 4, "relu").eval())
    with pytest.raises(ValueError, match="folded for inference cannot be trained"):
        folded.train()(torch.zeros(1, 1, 5, 4))


def test_a_normalisation_without_running_statistics_is_refused() -> None:
    conv = Conv(1, 4, "relu").eval()
    conv.norm.running_mean = None
    with pytest.raises((ValueError, AssertionError), match="running"):
        fold(conv)


needs_operators = pytest.mark.skipif(not can_pack(), reason="this PyTorch or processor has no packed convolutions")


@torch.no_grad()
@needs_operators
@pytest.mark.parametrize("conv", [
    nn.Conv2d(3, 5, 3, padding=1),
    nn.Conv2d(3, 5, (5, 1), padding=(2, 0), stride=(1, 2), bias=False),
    nn.Conv2d(4, 4, (3, 2), dilation=(2, 1), padding=(0, 1)),
])  # fmt: skip
@pytest.mark.parametrize("activation", ["linear", "relu", "sigmoid"])
def test_a_packed_convolution_is_the_plain_one_with_its_activation(conv: nn.Conv2d, activation: str) -> None:
    x = torch.randn(2, conv.in_channels, 9, 8)
    plain = conv(x) if activation == "linear" else getattr(torch, activation)(conv(x))
    found = PackedConv(conv, torch.float32, activation)(x)
    torch.testing.assert_close(found, plain, atol=1e-5, rtol=1e-5)
    assert found.is_contiguous(memory_format=torch.channels_last)
    near = PackedConv(conv, torch.bfloat16, activation)(x)
    assert near.dtype == torch.bfloat16
    torch.testing.assert_close(near.float(), plain, atol=0.03, rtol=0.03)


@torch.no_grad()
@needs_operators
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_a_wide_convolution_is_the_plain_one(bias: bool, layout: torch.memory_format) -> None:
    conv = nn.Conv2d(7, 5, 3, padding=1, bias=bias).to(memory_format=layout)
    for shape in [(3, 7, 6, 2), (1, 7, 1, 1), (2, 7, 40, 3)]:
        x = torch.randn(shape)
        wide = WideConv(conv, torch.float32, "relu")
        torch.testing.assert_close(wide(x), conv(x).relu(), atol=1e-5, rtol=1e-5)
        assert wide(x).is_contiguous(memory_format=torch.channels_last)
        near = WideConv(conv, torch.bfloat16)(x)
        torch.testing.assert_close(near.float(), conv(x), atol=0.03, rtol=0.03)
    torch.testing.assert_close(wide.plain_weight(), conv.weight.detach(), atol=0, rtol=0)


@torch.no_grad()
@needs_operators
@pytest.mark.parametrize("bias", [True, False])
def test_a_packed_linear_layer_is_the_plain_one(bias: bool) -> None:
    linear = nn.Linear(12, 7, bias=bias)
    packed, near = (PackedLinear(linear, dtype) for dtype in (torch.float32, torch.bfloat16))
    for x in (torch.randn(2, 5, 12), torch.randn(12), torch.randn(2, 12, 5).transpose(1, 2), torch.randn(0, 12)):
        torch.testing.assert_close(packed(x), linear(x), atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(near(x).float(), linear(x), atol=0.03, rtol=0.03)
    assert near(x).dtype == torch.bfloat16
    torch.testing.assert_close(packed.plain_weight(), linear.weight, atol=0, rtol=0)
    assert packed.state_dict().keys() == linear.state_dict().keys()


@needs_operators
def test_large_linear_layers_are_packed_and_those_of_a_pooling_stay_exact() -> None:
    model = nn.ModuleDict({"encoder": nn.Linear(512, 512), "pooling": nn.Linear(512, 512), "small": nn.Linear(8, 8)})
    packed = pack(model.eval(), torch.bfloat16)
    assert (packed["encoder"].dtype, packed["pooling"].dtype) == (torch.bfloat16, torch.float32)
    assert type(packed["small"]) is nn.Linear


@needs_operators
def test_features_are_not_rounded() -> None:
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Conv2d(4, 4, 3)).eval()
    packed = pack(model, torch.bfloat16)
    assert [part.dtype for part in packed] == [torch.float32, torch.bfloat16]
    assert packed(torch.ones(1, 1, 9, 9)).dtype == torch.bfloat16


@needs_operators
def test_only_the_widest_become_products() -> None:
    with torch.device("meta"):
        assert is_wide(nn.Conv2d(512, 1024, 3, padding=1))
        assert not is_wide(nn.Conv2d(512, 512, 3, padding=1))
        assert not is_wide(nn.Conv2d(512, 1024, 3))
        assert not is_wide(nn.Conv2d(2048, 2048, 1, padding=1))


@torch.no_grad()
@needs_operators
def test_activations_are_taken_once_and_only_where_the_norm_is_folded() -> None:
    x = torch.randn(2, 3, 9, 8)
    for make in (lambda: Conv(3, 4, "relu"), lambda: GatedConv(3, 4)):
        for prepare in (lambda model: model, fold):
            block = make().eval()
            for part in block.modules():
                if isinstance(part, nn.BatchNorm2d):
                    part.bias.normal_()
            plain = block(x)
            packed = pack(prepare(block))
            assert any(isinstance(part, PackedConv) for part in packed.modules())
            torch.testing.assert_close(packed(x), plain, atol=1e-5, rtol=1e-5)
            torch.testing.assert_close(pack(packed)(x), plain, atol=1e-5, rtol=1e-5)


def test_other_convolutions_stay() -> None:
    odd = nn.Sequential(nn.Conv2d(4, 4, 3, groups=2), nn.Conv2d(4, 4, 3, padding="same"), nn.Conv1d(4, 4, 3)).eval()
    parts = list(odd.modules())
    assert list(pack(odd).modules()) == parts


def test_small_kernels_stay_where_they_are_not_worth_it() -> None:
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Conv2d(4, 4, 3)).eval()
    small = model[0]
    assert pack(model, least=144)[0] is small
    assert isinstance(model[1], PackedConv) == can_pack()


def test_where_there_are_no_such_operators_a_model_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing.platform, "machine", lambda: "riscv64")
    block = Conv(1, 4, "relu").eval()
    parts = list(block.modules())
    assert list(pack(block).modules()) == parts


def test_it_saves_a_state_that_the_plain_model_takes(tmp_path: Path) -> None:
    folded = fold(Network(ModelOptions(labels=("dog",))).eval())
    expected = {name: tensor.clone() for name, tensor in folded.state_dict().items()}
    packed = pack(folded)
    packed.save_pretrained(tmp_path)
    found = Network.from_pretrained(tmp_path).state_dict()
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())


def test_what_still_learns_is_not_packed() -> None:
    with pytest.raises(ValueError, match=r"evaluation mode.*eval\(\) first"):
        pack(Conv(1, 4, "relu"))
