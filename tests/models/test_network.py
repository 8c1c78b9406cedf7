import json
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import nn

from earmark.encoders import CNNOptions, CRNNOptions
from earmark.errors import ConfigError, ModelError, OutputError
from earmark.features import LogMelOptions
from earmark.models.network import ModelOptions, Network

LABELS = ("dog", "siren", "Fire engine, fire truck (siren)")
POOLINGS = [
    *({"kind": "attention", "axis": axis} for axis in ("class", "time")),
    *({"kind": kind} for kind in ("max", "average", "linear-softmax", "exp-softmax")),
]


def tagger(
    activation: str = "glu", pooling: dict[str, str] | None = None, seed: int = 0, **features: object
) -> Network:
    """A small tagger in evaluation mode, with scaling and batch statistics as if trained."""
    torch.manual_seed(seed)
    made = Network(
        ModelOptions(
            labels=LABELS,
            features=LogMelOptions(**{"rate": 8_000, "window": 512, "hop": 200, "bands": 24, **features}),
            encoder=CRNNOptions(channels=(4, 6), pools=(2, 4), last=8, units=6, activation=activation, dropout=0.2),
            pooling=pooling or POOLINGS[0],
            window_seconds=2.0,
            overlap_seconds=0.5,
        )
    )
    made.scaling.fit(made.front_end(0.1 * torch.randn(4, 8_000)))
    for module in made.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, std=0.3)
            nn.init.uniform_(module.running_var, 0.5, 2.0)
            nn.init.normal_(module.bias, std=0.5)
    return made.eval()


def clips(*lengths: int) -> tuple[torch.Tensor, torch.Tensor]:
    """A padded batch of noises of so many samples."""
    batch = torch.zeros(len(lengths), max(lengths))
    for row, length in zip(batch, lengths, strict=True):
        row[:length] = 0.1 * torch.randn(length)
    return batch, torch.tensor(lengths)


@torch.no_grad()
def test_a_fusion_is_told_from_a_tagger(saved: Path) -> None:
    (saved / "config.json").write_text('{"format_version": 1, "kind": "fusion", "labels": ["a"], "members": ["m"]}')
    with pytest.raises(ModelError, match="is a fusion of several models"):
        Network.from_pretrained(saved)


@pytest.mark.parametrize("activation", ["glu", "relu", "linear"])
@pytest.mark.parametrize("pooling", POOLINGS, ids=lambda p: "-".join(p.values()))
@pytest.mark.parametrize("centre", [True, False])
def test_a_clip_scores_alone_what_it_scores_beside_longer_ones(
    activation: str, pooling: dict[str, str], centre: bool
) -> None:
    model = tagger(activation, pooling, centre=centre)
    batch, lengths = clips(4_100, 16_000, 80, 1, 8_000, 511)  # 80 samples are 10 ms, less than one window
    together = model(batch, lengths)
    steps = model.steps_in(lengths).tolist()
    for row, length in enumerate(lengths.tolist()):
        alone = model(batch[row : row + 1, :length])
        assert alone.frames.shape[1] == steps[row]
        torch.testing.assert_close(together.clip[row], alone.clip[0], atol=1e-5, rtol=0)
        torch.testing.assert_close(together.frames[row, : steps[row]], alone.frames[0], atol=1e-5, rtol=0)
        assert not together.frames[row, steps[row] :].any()


@torch.no_grad()
def test_the_loudest_neighbour_changes_nothing() -> None:
    model = tagger()
    batch, lengths = clips(4_000, 16_000)
    quiet = model(batch, lengths)
    batch[1] *= 1_000
    torch.testing.assert_close(model(batch, lengths).clip[0], quiet.clip[0], atol=1e-6, rtol=0)


def test_frames_are_as_many_as_the_clock_needs() -> None:
    model = tagger()
    for samples in (1, 199, 200, 201, 8_000, 8_001, 123_456):
        assert model.steps_in(torch.tensor(samples)).item() == model.clock.frames_in(samples / model.rate)
    assert model.clock.time(40) == 1.0


def test_parameters_are_as_counted_by_hand() -> None:
    conv = {pair: 9 * pair[0] * pair[1] + 2 * pair[1] for pair in ((1, 4), (4, 4), (4, 6), (6, 6), (6, 8))}
    gated = 2 * (conv[1, 4] + conv[4, 4] + conv[4, 6] + conv[6, 6])
    recurrent = 2 * 3 * 6 * (8 + 6 + 2)
    heads = 2 * (12 * 3 + 3)
    assert tagger().parameter_count() == gated + conv[6, 8] + recurrent + heads


def test_a_saved_tagger_scores_to_the_bit_what_it_scored(tmp_path: Path) -> None:
    model = tagger()
    model.save_pretrained(tmp_path / "a" / "model")
    again = Network.from_pretrained(tmp_path / "a" / "model")
    assert not again.training
    assert again.labels.names == LABELS
    assert again.options == model.options
    batch, lengths = clips(4_100, 16_000)
    with torch.no_grad():
        before, after = model(batch, lengths), again(batch, lengths)
    torch.testing.assert_close(after, before, atol=0, rtol=0)
    np.testing.assert_array_equal(again.scaling.std, model.scaling.std)


def test_weights_that_are_read_are_not_drawn_before(tmp_path: Path) -> None:
    torch.manual_seed(0)
    encoder = CNNOptions(channels=(4, 8), pools=((2, 4), (2, 4)))
    features = LogMelOptions(rate=8_000, window=512, hop=200, bands=24)
    model = Network(ModelOptions(labels=LABELS, features=features, encoder=encoder)).eval()
    model.save_pretrained(tmp_path)
    before = torch.get_rng_state()
    again = Network.from_pretrained(tmp_path)
    assert torch.equal(torch.get_rng_state(), before)
    for name, tensor in again.state_dict().items():
        assert torch.equal(tensor, model.state_dict()[name])
        assert tensor.ndim != 4 or tensor.is_contiguous(memory_format=torch.channels_last)
    for name, buffer in again.named_buffers():  # what is not saved is there too
        assert torch.equal(buffer, model.get_buffer(name))


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    tagger().save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def rewrite(folder: Path, **changes: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_a_missing_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no model at .*nowhere: expected a directory made by 'earmark train'"):
        Network.from_pretrained(tmp_path / "nowhere")


def test_a_directory_without_config_is_refused(saved: Path) -> None:
    (saved / "config.json").unlink()
    with pytest.raises(ModelError, match=r"config\.json is missing \(was the training finished\?\)"):
        Network.from_pretrained(saved)


@pytest.mark.parametrize("text", ["{", "", "[1, 2]", "\udcff", "[" * 100_000, '{"a":' * 100_000])
def test_a_damaged_config_is_refused(saved: Path, text: str) -> None:
    (saved / "config.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ModelError, match=r"config\.json is damaged: "):
        Network.from_pretrained(saved)


def test_a_misspelt_key_is_refused_with_a_guess(saved: Path) -> None:
    rewrite(saved, window_second=3)
    with pytest.raises(
        ModelError, match=r"config\.json: unknown key 'window_second' \(did you mean 'window_seconds'\?\)"
    ):
        Network.from_pretrained(saved)


@pytest.mark.parametrize(
    ("version", "message"),
    [
        (2, "format_version is 2, this earmark reads 1: it was made by a newer earmark; upgrade"),
        (None, "format_version is None"),
    ],
)
def test_another_version_is_refused(saved: Path, version: int | None, message: str) -> None:
    rewrite(saved, format_version=version, something_new=True)
    with pytest.raises(ModelError, match=message):
        Network.from_pretrained(saved)


def test_missing_weights_are_refused(saved: Path) -> None:
    (saved / "model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"model\.safetensors is missing; the model directory is incomplete"):
        Network.from_pretrained(saved)


@pytest.mark.parametrize("kept", [0, 5, 100, 0.5, 0.999])
def test_weights_cut_short_are_refused(saved: Path, kept: float) -> None:
    path = saved / "model.safetensors"
    content = path.read_bytes()
    path.write_bytes(content[: int(kept if kept == int(kept) else kept * len(content))])
    with pytest.raises(ModelError, match=r"model\.safetensors is damaged \(cut short while copying\?\)"):
        Network.from_pretrained(saved)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_refused(saved: Path, value: float) -> None:
    path = saved / "model.safetensors"
    state = safetensors.torch.load_file(path)
    state["pooling.classify.bias"][0] = value
    safetensors.torch.save_file(state, path)
    with pytest.raises(ModelError, match=r"'pooling\.classify\.bias' holds values that are not numbers"):
        Network.from_pretrained(saved)


def test_weights_of_another_type_are_refused(saved: Path) -> None:
    path = saved / "model.safetensors"
    state = safetensors.torch.load_file(path)
    state["pooling.classify.bias"] = state["pooling.classify.bias"].to(torch.int64)
    safetensors.torch.save_file(state, path)
    with pytest.raises(ModelError, match=r"'pooling\.classify\.bias' is of torch\.int64, expected torch\.float32"):
        Network.from_pretrained(saved)


@pytest.mark.parametrize("key", ["window", "bands"])
def test_sizes_that_no_network_has_are_refused_before_memory_is_taken(saved: Path, key: str) -> None:
    rewrite(saved, features={"kind": "logmel", key: 10**9})
    with pytest.raises(ModelError, match=f"config\\.json: features\\.{key}: 1000000000 is more than any network has"):
        Network.from_pretrained(saved)


def test_weights_of_other_shapes_are_refused(saved: Path) -> None:
    rewrite(saved, labels=["dog", "siren"])
    with pytest.raises(
        ModelError, match=r"does not fit config\.json: 4 tensors differ; the first: 'pooling\.classify\.bias'"
    ):
        Network.from_pretrained(saved)


def test_a_tensor_too_many_or_too_few_is_refused(saved: Path) -> None:
    path = saved / "model.safetensors"
    state = safetensors.torch.load_file(path)
    for changed, name in (
        ({k: v for k, v in state.items() if k != "scaling.std"}, r"scaling\.std"),
        ({**state, "extra": torch.zeros(1)}, "extra"),
    ):
        safetensors.torch.save_file(changed, path)
        with pytest.raises(ModelError, match=f"1 tensors differ; the first: '{name}'"):
            Network.from_pretrained(saved)


def test_a_place_that_cannot_be_written_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        tagger().save_pretrained(tmp_path / "file")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"features": {"bands": 900}}, r"features: 900 mel bands need a longer n_fft"),
        ({"features": {"bands": 4}}, r"encoder: 4 bands are too few for pools \(2, 2, 2\)"),
    ],
)
def test_an_impossible_network_is_refused(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Network(ModelOptions.parse({"labels": ["a"], **wrong}, "x"))


def test_windows_must_not_overlap_by_more_than_half() -> None:
    with pytest.raises(ConfigError, match=r"overlap_seconds \(2\.0\) .*half of window_seconds \(3\.0\)"):
        ModelOptions.parse({"labels": ["a"], "window_seconds": 3}, "x")


def test_a_tagger_needs_a_label() -> None:
    with pytest.raises(ConfigError, match=r"labels: .*at least 1 item"):
        ModelOptions.parse({"labels": []}, "x")
