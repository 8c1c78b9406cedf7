"""PANNs architectures that cannot be imported, recognised so that they can be named.

An architecture is told by a few of its tensors, as the code of Kong et al. 2020 names and shapes them. The frame-level
network by averages has the tensors of Cnn14: it is told by the file's name alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from torch import Tensor

_FIRST = "conv_block1.conv1.weight"
_BLOCKS: dict[tuple[int, ...], int] = {(2, 2, 2, 2): 22, (3, 4, 6, 3): 38}  # of basic blocks in the stages of a ResNet
_BLOCKS_1D: dict[tuple[int, ...], int] = {(2, 2, 2, 2, 2, 2, 2): 31, (2, 3, 4, 6, 4, 3, 2): 51}
_AVERAGED = "Cnn14_DecisionLevelAvg"  # same tensors as Cnn14


def unsupported(state: Mapping[str, Tensor], file: str = "") -> str | None:
    """Name of the architecture that the tensors of a checkpoint are of, if it cannot be imported; else None.

    `file` is the name of the checkpoint file.
    """
    shapes = {name: tuple(tensor.shape) for name, tensor in state.items()}
    if "fc1.weight" not in shapes:
        return None
    return next(_names(shapes, file), None)


def _names(shapes: Mapping[str, tuple[int, ...]], file: str) -> Iterator[str]:
    mel, hidden = shapes.get("logmel_extractor.melW"), shapes["fc1.weight"]
    if any(name.startswith("resnet.") for name in shapes):
        yield _resnet(shapes)
    elif "features.0.0.weight" in shapes:
        yield "MobileNetV2" if any(name.startswith("features.1.conv.") for name in shapes) else "MobileNetV1"
    elif "pre_conv0.weight" in shapes:
        if mel is None:
            yield "Wavegram_Cnn14"
        elif mel[1:] == (128,):
            yield "Wavegram_Logmel128_Cnn14"
    elif mel is None and len(shapes.get(_FIRST, ())) == 3:
        if "conv0.weight" in shapes:
            yield "DaiNet19"
        else:
            yield "LeeNet24" if "conv_block1.conv2.weight" in shapes else "LeeNet11"
    elif mel is not None and len(mel) == 2:
        yield from _cnns(shapes, mel, hidden, file)


def _cnns(
    shapes: Mapping[str, tuple[int, ...]], mel: tuple[int, ...], hidden: tuple[int, ...], file: str
) -> Iterator[str]:
    """Of networks of 2-d convolutions over log-mel."""
    bins, bands = mel
    if shapes.get(_FIRST, ())[2:] == (5, 5):
        yield "Cnn6"
    elif "conv_block6.conv1.weight" in shapes:
        if bins == 129:
            yield "Cnn14_8k"
        elif bands in (32, 128):
            yield f"Cnn14_mel{bands}"
        elif hidden in ((512, 2048), (128, 2048), (32, 2048)):
            yield f"Cnn14_emb{hidden[0]}"
        elif _AVERAGED.casefold() in file.casefold():
            yield _AVERAGED


def _resnet(shapes: Mapping[str, tuple[int, ...]]) -> str:
    """By the number of blocks in each stage."""
    stages: dict[str, set[str]] = {}
    for name in shapes:
        parts = name.split(".")
        if len(parts) > 3 and parts[0] == "resnet" and parts[1].startswith("layer"):
            stages.setdefault(parts[1], set()).add(parts[2])
    blocks = tuple(len(stages[stage]) for stage in sorted(stages))
    if len(shapes.get("resnet.layer1.0.conv1.weight", ())) == 3:
        return f"Res1dNet{_BLOCKS_1D.get(blocks, '')}"
    if "resnet.layer1.0.conv3.weight" in shapes:
        return "ResNet54"
    return f"ResNet{_BLOCKS.get(blocks, '')}"
