from pathlib import Path

import pytest
import torch
from torch import nn

from earmark.encoders.blocks import Conv, GatedConv
from earmark.models import packing
from earmark.models.folding import fold
from earmark.models.packing import PackedConv, WideConv, can_pack, is_wide, pack
from earmark.models.tagger import Tagger, TaggerOptions

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
    folded = fold(Tagger(TaggerOptions(labels=("dog",))).eval())
    expected = {name: tensor.clone() for name, tensor in folded.state_dict().items()}
    packed = pack(folded)
    packed.save_pretrained(tmp_path)
    found = Tagger.from_pretrained(tmp_path).state_dict()
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())


def test_what_still_learns_is_not_packed() -> None:
    with pytest.raises(ValueError, match=r"evaluation mode.*eval\(\) first"):
        pack(Conv(1, 4, "relu"))
