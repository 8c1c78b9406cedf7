"""The architectures of the public PANNs checkpoints as taggers of ours, and their tensors under our names.

Kong et al. 2020, "PANNs" (docs/papers/hong2020.md, sections 3.2, 5.5 and 8). All take log-mel with a periodic Hann
window with mirrored ends, 64 Slaney bands in decibels, no per-band scaling. Names of theirs (right) and ours:

    encoder.bn0.*                              bn0.*
    encoder.blocks.{i}.layers.{j}.conv.*       conv_block{i + 1}.conv{j + 1}.*
    encoder.blocks.{i}.layers.{j}.norm.*       conv_block{i + 1}.bn{j + 1}.*
    pooling.hidden.linear.*                    fc1.*
    pooling.classify.*                         fc_audioset.*
    pooling.head.{classify, localise}.*        att_block.{cla, att}.*         weights (classes, channels, 1)

The Wavegram's are in `encoders/wavegram.py`. Their front-end lies in the checkpoint too, as a bank of
cosines and sines under the window and as mel filters: it is compared with ours and then dropped.
"""

from __future__ import annotations

import re
from typing import Literal, get_args

import torch

from earmark.encoders import CNNOptions, WavegramOptions
from earmark.errors import ModelError
from earmark.features import LogMel, LogMelOptions, LogMelWaveformOptions, log_mel_in
from earmark.formats.audioset_names import read_classes
from earmark.hub.family import Family, Shapes, State, check_finite
from earmark.hub.refused import unsupported
from earmark.models.network import ModelOptions, Network, NetworkOptions
from earmark.pooling import DecisionAttentionOptions, EmbeddingPoolingOptions, FunctionOptions

Architecture = Literal[
    "cnn10", "cnn14", "cnn14-decision-max", "cnn14-decision-att", "wavegram-logmel-cnn14", "cnn14-16k"
]
_LOGMEL = LogMelOptions(
    rate=32_000, window=1024, hop=320, bands=64, fmin=50.0, fmax=14_000.0, density=False,
    log="db", floor=1e-10, floor_kind="clamp", centred_on="start", edge="reflect",
)  # fmt: skip
_LOGMEL_16K = _LOGMEL.model_copy(update={"rate": 16_000, "window": 512, "hop": 160, "fmax": 8_000.0})
_CNN10 = CNNOptions()
_CNN14 = CNNOptions(channels=(64, 128, 256, 512, 1024, 2048), pools=((2, 2),) * 5 + ((1, 1),))
_SMOOTH = _CNN14.model_copy(update={"smooth": True})
_DROPOUT = {"dropout": 0.5, "hidden_dropout": 0.5}  # of the frame-level models

_STFT, _MEL = "spectrogram_extractor.stft", "logmel_extractor.melW"
_UNUSED = re.compile(r"att_block\.bn_att\.")  # defined, and never called
_PARTS = {  # ours to theirs, where the name begins
    "encoder.bn0.": "bn0.",
    "encoder.waveform.conv.": "pre_conv0.",
    "encoder.waveform.norm.": "pre_bn0.",
    "encoder.waveform.last.": "pre_block4.",
    "encoder.logmel.": "conv_block1.",
    "pooling.hidden.linear.": "fc1.",
    "pooling.classify.": "fc_audioset.",
    "pooling.head.classify.": "att_block.cla.",
    "pooling.head.localise.": "att_block.att.",
}
_COUNTED = re.compile(r"encoder\.(waveform\.)?blocks\.(\d+)\.")
_LAYER = re.compile(r"(?:layers\.(\d+)\.(conv|norm)|(conv|norm)s\.(\d+))\.")  # within a block
_WINDOW_ERROR, _MEL_ERROR = 1e-6, 1e-6  # what rounding explains: a window's values are up to 1, a filter's up to .02


def panns_network(name: str) -> NetworkOptions:
    """The network of a checkpoint."""
    features, encoder, pooling = {
        "cnn10": (_LOGMEL, _CNN10, EmbeddingPoolingOptions(kind="max-average", hidden=512)),
        "cnn14": (_LOGMEL, _CNN14, EmbeddingPoolingOptions(kind="max-average", hidden=2048)),
        "cnn14-16k": (_LOGMEL_16K, _CNN14, EmbeddingPoolingOptions(kind="max-average", hidden=2048)),
        "cnn14-decision-max": (_LOGMEL, _SMOOTH, FunctionOptions(kind="max", hidden=2048, **_DROPOUT)),
        "cnn14-decision-att": (
            *(_LOGMEL, _SMOOTH),
            DecisionAttentionOptions(attend="time", hidden=2048, **_DROPOUT),
        ),
        "wavegram-logmel-cnn14": (
            *(LogMelWaveformOptions(logmel=_LOGMEL), WavegramOptions()),
            EmbeddingPoolingOptions(kind="max-average", hidden=2048),
        ),
    }[name]
    return NetworkOptions(features=features, encoder=encoder, pooling=pooling, scale_bands=False)


def expected(name: str) -> Shapes:
    """Names and shapes of a checkpoint's tensors, front-end and all."""
    with torch.device("meta"):
        network = Network(_options(name))
    theirs = {_their_name(ours, _first(name)): tuple(tensor.shape) for ours, tensor in network.state_dict().items()}
    shapes = {key: (*shape, 1) if _is_conv1d(key) else shape for key, shape in theirs.items() if key is not None}
    logmel = _log_mel(network)
    bins = logmel.n_fft // 2 + 1
    shapes |= dict.fromkeys((f"{_STFT}.conv_real.weight", f"{_STFT}.conv_imag.weight"), (bins, 1, logmel.n_fft))
    return shapes | {_MEL: (bins, logmel.bands)}


def converted(state: State, name: str) -> Network:
    """A network with these weights, in evaluation mode. `ModelError` when its front-end is not as we compute it.

    The tensors must be as `expected`.
    """
    network = Network(_options(name))
    _check_front_end(state, _log_mel(network))
    ours = {key: _their_name(key, _first(name)) for key in network.state_dict()}
    weights = {key: state[theirs] for key, theirs in ours.items() if theirs is not None}
    check_finite({str(ours[key]): tensor for key, tensor in weights.items()})
    weights = {key: tensor[..., 0] if _is_conv1d(str(ours[key])) else tensor for key, tensor in weights.items()}
    network.load_state_dict(weights, strict=False)  # except the scaling, which does not change the features
    return network.eval()


def _options(name: str) -> ModelOptions:
    return ModelOptions(labels=tuple(read_classes(None).values()), **dict(panns_network(name)))


def _their_name(ours: str, first: int) -> str | None:
    """None for the scaling, which they have not. `first` is the number of the first of `encoder.blocks`."""
    if found := _COUNTED.match(ours):
        kind, number = ("pre_block", 1) if found[1] else ("conv_block", first)
        name = f"{kind}{int(found[2]) + number}.{ours[found.end() :]}"
    else:
        part = next((part for part in _PARTS if ours.startswith(part)), None)
        if part is None:
            return None
        name = _PARTS[part] + ours.removeprefix(part)
    return _LAYER.sub(lambda m: f"{'bn' if 'norm' in m[0] else 'conv'}{int(m[1] or m[4]) + 1}.", name)


def _first(name: str) -> int:
    """Where two branches meet, `encoder.blocks` begins with their second block."""
    return 2 if name == "wavegram-logmel-cnn14" else 1


def _is_conv1d(theirs: str) -> bool:
    return theirs in ("att_block.att.weight", "att_block.cla.weight")


def _log_mel(network: Network) -> LogMel:
    found = log_mel_in(network.front_end)
    assert found is not None, "all of them take log-mel"
    return found


def _check_front_end(state: State, ours: LogMel) -> None:
    """The cosine of frequency zero is one, so the first row of their transform is the window itself."""
    window = state[f"{_STFT}.conv_real.weight"][0, 0]
    if not torch.allclose(window, ours.window.cpu(), rtol=0, atol=_WINDOW_ERROR):
        raise ModelError("its front-end does not use a periodic Hann window, so its scores would change")
    if not torch.allclose(state[_MEL], ours.filters.cpu(), rtol=0, atol=_MEL_ERROR):
        options = ours.options
        raise ModelError(
            f"its mel filters are not {options.bands} Slaney bands over {options.fmin:g} to "
            f"{options.fmax:g} Hz at {options.rate} Hz, so its scores would change"
        )


FAMILY = Family(
    names=get_args(Architecture), expected=expected, converted=converted, unused=_UNUSED, refused=unsupported
)
