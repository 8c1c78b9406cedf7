"""The EfficientAT taggers as models of ours: MobileNetV3 and its dynamic form, trained on AudioSet.

Schmid, Koutini and Widmer 2023 (`encoders/mobilenet.py`) and 2024 (`encoders/dymn.py`). They take 32 kHz; 128 bands on
Kaldi's mel scale up to 15 kHz of frames of 25 ms, 10 ms apart; features are (ln(x + 1e-5) + 4.5) / 5, of which the
second step is our per-band scaling. The mean embedding of a clip goes through a hidden layer with hard swish.

Their kernels are (bands, steps), ours (steps, bands): they are turned. Names of theirs, block i of ours counting from
zero, in a block those layers counted that it has:

    stem, last                                features.{0, 16}.{0, 1}.*                   conv, norm
    blocks.{i}.{expand, depth, project}       features.{i + 1}.block.{0, 1, ...}.{0, 1}.*  conv, norm
    blocks.{i}.squeeze.{narrow, wide}         features.{i + 1}.block.{...}.conc_se_layers.0.{fc1, fc2}.*
    pooling.{hidden.linear, classify}         classifier.{2, 5}.*

and of the dynamic ones

    stem, last                                {in_c, out_c}.{0, 1}.*                       conv, norm
    blocks.{i}.{expand, depth, project}       layers.{i}.{exp, depth, proj}_{conv, norm}.* kernels, attend; norm
    blocks.{i}.lines.coefficients             layers.{i}.depth_act.coef_net.0.*
    blocks.{i}.context.{joint, norm}          layers.{i}.context_gen.joint_{conv, norm}.*
    blocks.{i}.context.{bands, steps}         layers.{i}.context_gen.conv_{f, t}.*

where the mixed kernels are (1, 1, kernels, values), and depth_act also holds the constants of the dynamic ReLU.
"""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor

from earmark.encoders import DynamicMobileNet, DynamicMobileNetOptions, MobileNet, MobileNetOptions
from earmark.errors import ModelError
from earmark.features import LogMelOptions
from earmark.formats.audioset_names import read_classes
from earmark.hub.family import Family, Shapes, State, filled
from earmark.models.network import ModelOptions, Network, NetworkOptions
from earmark.pooling import EmbeddingPoolingOptions

Architecture = Literal["mn04", "mn10", "dymn10"]
LOGMEL = LogMelOptions(
    rate=32_000, window=800, n_fft=1024, hop=320, bands=128, fmin=0.0, fmax=15_000.0, mel_scale="kaldi",
    window_shape="hann-symmetric", emphasis=0.97, emphasis_of="clip", density=False, floor=1e-5, centred_on="start",
    edge="reflect",
)  # fmt: skip
MEAN, DEVIATION = -4.5, 5.0  # of the features, the same for every band
_WIDTHS = {"mn04": 0.4, "mn10": 1.0, "dymn10": 1.0}
_HIDDEN = {"mn04": 512, "mn10": 1280, "dymn10": 1280}
_CONSTANTS = {"lambdas": (1.0, 1.0, 0.5, 0.5), "init_v": (1.0, 0.0, 0.0, 0.0)}  # of the dynamic ReLU


def efficientat_network(name: str) -> NetworkOptions:
    """The network of a checkpoint."""
    pooling = EmbeddingPoolingOptions(
        kind="embedding-average", hidden=_HIDDEN[name], activation="hardswish", dropout=0.0, hidden_dropout=0.2
    )
    encoder = (
        DynamicMobileNetOptions(width=_WIDTHS[name])
        if name.startswith("dymn")
        else MobileNetOptions(width=_WIDTHS[name], steps="coarse")
    )
    return NetworkOptions(features=LOGMEL, encoder=encoder, pooling=pooling)


def expected(name: str) -> Shapes:
    """Names and shapes of a checkpoint's tensors."""
    with torch.device("meta"):
        network = Network(_options(name))
    shapes = {theirs: _shape(ours, as_theirs(tensor)) for ours, theirs, tensor in _pairs(network)}
    return shapes | {name: (len(values),) for name, values in _constants(network).items()}


def converted(state: State, name: str) -> Network:
    """A network with these weights, in evaluation mode. The tensors must be as `expected`."""
    network = Network(_options(name))
    fix_scaling(network)
    for key, values in _constants(network).items():
        if state[key].tolist() != list(values):
            raise ModelError(f"its dynamic ReLU has other constants: {key} is {state[key].tolist()}, not {values}")
    return filled(network, {ours: as_ours(state[theirs], tensor) for ours, theirs, tensor in _pairs(network)})


def _options(name: str) -> ModelOptions:
    return ModelOptions(labels=tuple(read_classes(None).values()), **dict(efficientat_network(name)))


def _pairs(network: Network) -> list[tuple[str, str, Tensor]]:
    """Names of ours and of theirs, with the tensor."""
    if isinstance(network.encoder, DynamicMobileNet):
        theirs = {f"encoder.{ours}": rest for ours, rest in _dynamic_names(network.encoder).items()}
    else:
        assert isinstance(network.encoder, MobileNet)
        theirs = {f"encoder.{ours}": f"features.{rest}" for ours, rest in mobilenet_names(network.encoder).items()}
    theirs |= {"pooling.hidden.linear": "classifier.2", "pooling.classify": "classifier.5"}
    return paired(network, theirs)


def paired(network: Network, theirs: dict[str, str]) -> list[tuple[str, str, Tensor]]:
    """Names of every tensor but the scaling's in our network and, by those of its modules, in their checkpoint."""
    return [
        (name, f"{theirs[module]}.{'weight' if leaf == 'kernels' else leaf}", tensor)
        for name, tensor in network.state_dict().items()
        for module, _, leaf in [name.rpartition(".")]
        if module != "scaling"
    ]


def _dynamic_names(encoder: DynamicMobileNet) -> dict[str, str]:
    """Names of the modules of a dynamic MobileNet, ours to theirs."""
    names: dict[str, str] = {}
    for ours, theirs in (("stem", "in_c"), ("last", "out_c")):
        names |= {f"{ours}.conv": f"{theirs}.0", f"{ours}.norm": f"{theirs}.1"}
    for number in range(len(encoder.blocks)):
        ours, theirs = f"blocks.{number}", f"layers.{number}"
        for layer, short in (("expand", "exp"), ("depth", "depth"), ("project", "proj")):
            names |= {
                f"{ours}.{layer}": f"{theirs}.{short}_conv",
                f"{ours}.{layer}.attend": f"{theirs}.{short}_conv.residuals.0",
                f"{ours}.{layer}.norm": f"{theirs}.{short}_norm",
            }
        names[f"{ours}.lines.coefficients"] = f"{theirs}.depth_act.coef_net.0"
        context = {"joint": "joint_conv", "norm": "joint_norm", "bands": "conv_f", "steps": "conv_t"}
        names |= {f"{ours}.context.{mine}": f"{theirs}.context_gen.{their}" for mine, their in context.items()}
    return names


def _constants(network: Network) -> dict[str, tuple[float, ...]]:
    """What a checkpoint of a dynamic network holds beside what is learned."""
    if not isinstance(network.encoder, DynamicMobileNet):
        return {}
    blocks = range(len(network.encoder.blocks))
    return {f"layers.{number}.depth_act.{key}": values for number in blocks for key, values in _CONSTANTS.items()}


def mobilenet_names(encoder: MobileNet) -> dict[str, str]:
    """Names of the modules of a MobileNetV3, ours to those of theirs within `features`."""
    names: dict[str, str] = {}
    for part, place in (("stem", 0), ("last", len(encoder.blocks) + 1)):
        names |= {f"{part}.conv": f"{place}.0", f"{part}.norm": f"{place}.1"}
    for number, block in enumerate(encoder.blocks):
        layers = [layer for layer in ("expand", "depth", "squeeze", "project") if getattr(block, layer) is not None]
        for place, layer in enumerate(layers):
            ours, inside = f"blocks.{number}.{layer}", f"{number + 1}.block.{place}"
            if layer == "squeeze":
                inside = f"{inside}.conc_se_layers.0"
                names |= {f"{ours}.narrow": f"{inside}.fc1", f"{ours}.wide": f"{inside}.fc2"}
            else:
                names |= {f"{ours}.conv": f"{inside}.0", f"{ours}.norm": f"{inside}.1"}
    return names


def _shape(name: str, tensor: Tensor) -> tuple[int, ...]:
    return (1, 1, *tensor.shape) if name.endswith(".kernels") else tuple(tensor.shape)


def as_theirs(ours: Tensor) -> Tensor:
    """Kernels (outputs, inputs, steps, bands) as (outputs, inputs, bands, steps); others as they are."""
    return ours.transpose(2, 3) if ours.ndim == 4 else ours


def as_ours(theirs: Tensor, like: Tensor) -> Tensor:
    """The way back, to the shape of `like`."""
    return theirs.transpose(2, 3) if like.ndim == 4 else theirs.reshape(like.shape)


def fix_scaling(network: Network) -> None:
    """The scaling that their front-end ends with."""
    network.scaling.mean.fill_(MEAN)
    network.scaling.std.fill_(DEVIATION)


FAMILY = Family(get_args(Architecture), expected, converted)
