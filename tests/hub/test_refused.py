"""Checkpoints that cannot be imported are refused by the name of their architecture."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from earmark.hub.panns import expected

FRONT = {"logmel_extractor.melW": (513, 64), "fc1.weight": (2048, 2048)}
FIRST = "conv_block1.conv1.weight"
CNN14 = {**FRONT, FIRST: (64, 1, 3, 3), "conv_block6.conv1.weight": (2048, 1024, 3, 3)}


def stages(blocks: tuple[int, ...], kernel: tuple[int, ...], *more: str) -> dict[str, tuple[int, ...]]:
    """The blocks of a residual network, cut to what tells them apart."""
    found = {f"resnet.layer{i}.{j}.conv1.weight": (4, 4, *kernel) for i, n in enumerate(blocks, 1) for j in range(n)}
    return {"fc1.weight": (2048, 2048), **found, **dict.fromkeys(more, (4, 4, *kernel))}


TENSORS = {
    "Cnn6": {**FRONT, FIRST: (64, 1, 5, 5), "fc1.weight": (512, 512)},
    "Cnn14_8k": {**CNN14, "logmel_extractor.melW": (129, 64)},
    "Cnn14_mel32": {**CNN14, "logmel_extractor.melW": (513, 32)},
    "Cnn14_mel128": {**CNN14, "logmel_extractor.melW": (513, 128)},
    "Cnn14_emb128": {**CNN14, "fc1.weight": (128, 2048)},
    "ResNet22": stages((2, 2, 2, 2), (3, 3)),
    "ResNet38": stages((3, 4, 6, 3), (3, 3)),
    "ResNet54": stages((3, 4, 6, 3), (1, 1), "resnet.layer1.0.conv3.weight"),
    "Res1dNet31": stages((2,) * 7, (3,)),
    "Res1dNet51": stages((2, 3, 4, 6, 4, 3, 2), (3,)),
    "MobileNetV1": {**FRONT, "features.0.0.weight": (32, 1, 3, 3)},
    "MobileNetV2": {**FRONT, "features.0.0.weight": (32, 1, 3, 3), "features.1.conv.0.weight": (32, 1, 3, 3)},
    "Wavegram_Cnn14": {"fc1.weight": (2048, 2048), "pre_conv0.weight": (64, 1, 11)},
    "Wavegram_Logmel128_Cnn14": {**CNN14, "logmel_extractor.melW": (513, 128), "pre_conv0.weight": (64, 1, 11)},
    "LeeNet11": {"fc1.weight": (512, 256), FIRST: (64, 1, 3)},
    "LeeNet24": {"fc1.weight": (1024, 1024), FIRST: (64, 1, 3), "conv_block1.conv2.weight": (64, 64, 3)},
    "DaiNet19": {"fc1.weight": (512, 512), FIRST: (64, 64, 3), "conv0.weight": (64, 1, 80)},
}


def checkpoint(path: Path, shapes: dict[str, tuple[int, ...]]) -> Path:
    """Weights of these shapes, all of one number: they take no room."""
    torch.save({"model": {name: torch.zeros(()).expand(shape) for name, shape in shapes.items()}}, path)
    return path


@pytest.mark.parametrize("name", TENSORS)
def test_it_is_named(earmark: Callable, tmp_path: Path, name: str) -> None:
    ran = earmark("import-panns", checkpoint(tmp_path / "c.pth", TENSORS[name]), "-o", tmp_path / "m")
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert f"c.pth is {name}, which cannot be imported; these can: panns/cnn10, panns/cnn14, " in ran.err
    assert not (tmp_path / "m").exists()


def test_averages_of_frames_are_told_by_the_name_of_the_file(earmark: Callable, tmp_path: Path) -> None:
    path = checkpoint(tmp_path / "Cnn14_DecisionLevelAvg_mAP=0.3.pth", expected("cnn14"))
    ran = earmark("import-panns", path, "-o", tmp_path / "m")
    assert "is Cnn14_DecisionLevelAvg, which cannot be imported" in ran.err
    ran = earmark("import-panns", path.rename(tmp_path / "c.pth"), "-o", tmp_path / "m")
    assert ran.code == 2
    assert "may be panns/cnn14 or panns/cnn14-decision-max, which have the same tensors" in ran.err
    assert "(Cnn14_DecisionLevelAvg has them too, and cannot be imported)" in ran.err
