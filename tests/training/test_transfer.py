"""Fine-tuning: a training that begins with another model's weights."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import safetensors.torch
import torch

from earmark.data.manifest import read_manifest
from earmark.decisions import OperatingPoint
from earmark.encoders import EmbeddingNetOptions, MLPOptions, blocks_in_order
from earmark.errors import ConfigError, ModelError
from earmark.models.directory import write_model
from earmark.models.fusion import Fusion
from earmark.models.network import ModelOptions, Network
from earmark.pooling import AttentionOptions
from earmark.recipes import load_recipe
from earmark.reporter import Reporter
from earmark.training.loop import Machine
from earmark.training.module import TrainingModule
from earmark.training.options import TrainingOptions
from earmark.training.request import Request
from earmark.training.run import Run
from earmark.training.transfer import Source, frozen_modules, settle, take_over, with_checked_freeze
from earmark.training.weights import settle_norms
from tests.pooling.test_matrix import BANDED, ENCODERS, FEATURES, HEARS, POOLINGS

MACHINE = Machine(precision="float32")
Tune = Callable[..., Request]


@pytest.fixture
def data(collection: Path, tmp_path: Path) -> Path:
    """The collection under other labels, and only three of them."""
    folder = Path(shutil.copytree(collection / "train", tmp_path / "data"))
    table = (folder / "weak.tsv").read_text()
    for old, new in (("beep", "alarm"), ("horn", "car"), ("hum", "fridge"), (",whistle", ""), ("whistle", "")):
        table = table.replace(old, new)
    (folder / "weak.tsv").write_text(table)
    return folder


@pytest.fixture
def tune(data: Path, trained: Path, recipe: Path, tmp_path: Path) -> Tune:
    def call(output: str = "m", freeze: str | int | None = None, source: Path = trained, *changes: str) -> Request:
        origin = Source("old", source, freeze)
        chosen = load_recipe(str(recipe), ["training.epochs=2", *changes], origin.network)
        train = read_manifest(data)
        return Request(
            train=train,
            valid=None,
            network=chosen.network,
            training=chosen.training,
            output=tmp_path / output,
            source=origin,
        )

    return call


def finish(request: Request, reporter: Reporter | None = None) -> dict[str, torch.Tensor]:
    run = Run(request, MACHINE, reporter or Reporter(), recipe="tiny", command="earmark train", name="m")
    trained = run.train()
    run.save(trained)
    return weights(request.output)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return safetensors.torch.load_file(folder / "model.safetensors")


def changed(old: dict[str, torch.Tensor], new: dict[str, torch.Tensor], part: str) -> set[str]:
    names = [name for name in old if name.startswith(part)]
    assert names
    return {name for name in names if old[name].numpy().tobytes() != new[name].numpy().tobytes()}


def test_frozen_the_encoder_is_the_same_to_the_last_bit(tune: Tune, trained: Path) -> None:
    old, new = weights(trained), finish(tune(freeze="encoder"))
    assert not changed(old, new, "encoder.")
    assert not changed(old, new, "scaling.")
    assert changed(old, new, "pooling.") == {name for name in old if name.startswith("pooling.")}


def test_with_frozen_blocks_only_what_lies_above_them_learns(tune: Tune, trained: Path) -> None:
    old, new = weights(trained), finish(tune(freeze="blocks"))
    assert not changed(old, new, "encoder.blocks.")
    assert {name.split(".")[1] for name in changed(old, new, "encoder.")} == {"last", "gru"}
    assert not {name for name in changed(old, new, "encoder.") if "running" in name or "tracked" in name}
    assert changed(old, new, "pooling.") == {name for name in old if name.startswith("pooling.")}


@pytest.mark.parametrize(("number", "learned"), [(1, {"last", "gru"}), (2, {"gru"})])
def test_of_an_encoder_the_lowest_blocks_can_be_frozen(
    number: int, learned: set[str], tune: Tune, trained: Path
) -> None:
    request = tune("m", number, trained, "training.settle=2", "training.weight_decay=0.1")
    old, new = weights(trained), finish(request)
    assert {name.split(".")[1] for name in changed(old, new, "encoder.")} == learned
    assert not {name for name in changed(old, new, "encoder.blocks.")}, "its batch statistics included"
    assert changed(old, new, "pooling.") == {name for name in old if name.startswith("pooling.")}
    part = "lowest block" if number == 1 else "lowest 2 blocks"
    assert f"; {part} frozen)" in (request.output / "README.md").read_text()


def test_what_is_frozen_hears_no_dropout_and_keeps_statistics_even_of_norms_without_weights(model: Path) -> None:
    old = Network.from_pretrained(model)
    network = Network(old.options.model_copy(update={"encoder": MLPOptions(units=(8, 8, 8), dropout=0.5)}))
    bare = torch.nn.BatchNorm1d(8, affine=False)
    network.encoder.layers.insert(2, bare)  # after the first layer: part of the lowest block
    blocks = blocks_in_order(network.encoder)
    assert bare in blocks[0].modules
    for parameter in blocks[0].parameters:
        parameter.requires_grad_(False)
    settle(network.train())
    assert [module.training for block in blocks for module in block.modules] == [False] * 4 + [True] * 6
    assert bare in frozen_modules(network)
    before = bare.running_mean.clone()
    settle_norms(network, [(torch.randn(2, 8, network.front_end.bands), None)])  # of 8 frames, which it normalises
    assert torch.equal(bare.running_mean, before)


def test_as_many_blocks_as_there_are_is_the_encoder_and_more_are_refused(trained: Path) -> None:
    assert with_checked_freeze(Source("old", trained, 3)).freeze == "encoder"
    for freeze in (None, "encoder", "blocks", 2):
        assert with_checked_freeze(Source("old", trained, freeze)).freeze == freeze
    for number in (0, 4):
        with pytest.raises(ConfigError, match=r"old has 3 blocks \(blocks.0, last, gru\); expected 1 to 3, encoder"):
            with_checked_freeze(Source("old", trained, number))


CNN = {"kind": "cnn", "channels": [4, 8], "pools": [[2, 2], [2, 2]]}


@pytest.fixture(scope="module")
def convolutional(tmp_path_factory: pytest.TempPathFactory, trained: Path) -> Path:
    """A model whose encoder is a `cnn`, as that of PANNs, with statistics that are not those of a new network."""
    folder = Path(shutil.copytree(trained, tmp_path_factory.mktemp("cnn") / "model"))
    torch.manual_seed(3)
    changes = {"encoder": CNN, "pooling": {"kind": "gmap", "hidden": 6, "heads": 2}}
    data = Network.from_pretrained(folder).options.model_dump(mode="json") | changes
    network = Network(ModelOptions.parse(data, "cnn")).train()
    with torch.no_grad():
        network(torch.randn(4, 32_000))
    network.save_pretrained(folder)
    return folder


@pytest.mark.parametrize("encoder", ["crnn", "cnn"])
@pytest.mark.parametrize("pooling", POOLINGS)
def test_every_pooling_goes_with_an_encoder_of_another_model(
    pooling: str, encoder: str, tune: Tune, trained: Path, convolutional: Path
) -> None:
    source = {"crnn": trained, "cnn": convolutional}[encoder]
    kind = json.dumps({"kind": pooling, **POOLINGS[pooling]})
    quick = ("training.epochs=1", "training.steps_per_epoch=1", "training.layer_decay=0.5")
    request = tune("m", 1, source, f"network.pooling={kind}", *quick)
    old, new = weights(source), finish(request)
    made, before = Network.from_pretrained(request.output), Network.from_pretrained(source)
    assert made.options.pooling.kind == pooling
    assert (made.clock, made.options.encoder, made.options.features) == (
        *(before.clock, before.options.encoder, before.options.features),
    )
    for key in ("window_seconds", "overlap_seconds"):
        assert getattr(made.options, key) == getattr(before.options, key)
    moved = changed(old, new, "encoder.")
    lowest = {"crnn": ("encoder.blocks.0.",), "cnn": ("encoder.bn0.", "encoder.blocks.0.")}[encoder]
    assert moved
    assert not [name for name in moved if name.startswith(lowest)]


def test_an_encoder_without_blocks_cannot_freeze_them(trained: Path, model: Path) -> None:
    old = Network.from_pretrained(model)
    plain = Network(old.options.model_copy(update={"encoder": EmbeddingNetOptions()}))
    plain.save_pretrained(model)
    with pytest.raises(ConfigError, match=r"--freeze blocks: the encoder of old has no blocks"):
        take_over(Network(plain.options), Source("old", model, "blocks"))


def test_not_frozen_it_learns_but_the_scaling_stays(tune: Tune, trained: Path) -> None:
    old, new = weights(trained), finish(tune())
    assert len(changed(old, new, "encoder.")) > 5
    assert any("running_mean" in name for name in changed(old, new, "encoder."))
    assert not changed(old, new, "scaling.")


def test_labels_are_the_users_and_the_card_says_what_it_was_made_from(tune: Tune, trained: Path) -> None:
    request = tune(freeze="encoder")
    finish(request)
    tagger = Network.from_pretrained(request.output)
    assert tagger.labels.names == ("alarm", "car", "fridge")
    assert tagger.options.window_seconds == Network.from_pretrained(trained).options.window_seconds
    card = (request.output / "README.md").read_text()
    assert re.search(r"\*\*fine-tuned from\*\*: old \(4 labels; weights sha256 [0-9a-f]{16}...; encoder frozen\)", card)
    assert f"**parameters**: {tagger.parameter_count():,}" in card  # all of them, frozen or not


def test_a_new_head_alone_learns_the_new_labels(tune: Tune, trained: Path) -> None:
    more = ("training.epochs=10", "training.learning_rate=0.1")
    history = Run(tune("m", "encoder", trained, *more), MACHINE).train().history
    assert history[-1]["train_loss"] < 0.5 * history[0]["train_loss"]


@pytest.mark.parametrize(
    ("freeze", "changes"),
    [
        ("encoder", ()),
        ("blocks", ("training.head={updates: 5}", "training.encoder_rate=0.5")),
        (1, ("training.encoder_rate=0.5", "training.layer_decay=0.8", "training.settle=2")),
        (None, ("training.layer_decay=0.8",)),
    ],
)
def test_stopped_it_goes_on_to_the_same_weights(
    freeze: str | int | None, changes: tuple[str, ...], tune: Tune, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = finish(tune("whole", freeze, trained, *changes))
    torn = tune("torn", freeze, trained, *changes)
    module = "earmark.training.callbacks.History.on_train_epoch_end"
    original = __import__("earmark.training.callbacks", fromlist=["History"]).History.on_train_epoch_end

    def stop(self: object, trainer: object, pl_module: object) -> None:
        if trainer.current_epoch == 1:
            raise KeyboardInterrupt
        original(self, trainer, pl_module)

    monkeypatch.setattr(module, stop)
    with pytest.raises(KeyboardInterrupt):
        finish(torn)
    monkeypatch.setattr(module, original)
    assert (torn.output / "training" / "last.ckpt").is_file()
    resumed = finish(torn)
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_another_source_or_another_freeze_is_another_request(tune: Tune, model: Path) -> None:
    request = tune()
    request.claim("float32")
    assert tune(source=model).difference() == ""  # the same weights elsewhere
    assert tune(freeze="encoder").difference() == tune(freeze=2).difference() == "source.freeze"
    assert tune("m", None, model, "training.layer_decay=0.8").difference() == "training.layer_decay"
    plain = Request(**{**vars(request), "source": None})
    assert plain.difference() == "source"
    state = weights(model)
    state["pooling.classify.bias"].add_(1.0)
    safetensors.torch.save_file(state, model / "model.safetensors")
    with pytest.raises(ConfigError, match=r"with a different source.weights; choose another directory"):
        tune(source=model).check()
    run = json.loads((request.output / "training" / "run.json").read_text())
    assert run["source"] == {"weights": request.source.digest, "freeze": None}


def test_only_what_depends_on_unknown_labels_is_new(trained: Path) -> None:
    old = Network.from_pretrained(trained)
    for labels, new in ((("a", "b"), True), (("a", "b", "c", "d"), True), (old.labels.names, False)):
        torch.manual_seed(1)
        tagger = Network(old.options.model_copy(update={"labels": labels}))
        fresh = take_over(tagger, Source("old", trained))
        heads = {f"pooling.{head}.{kind}" for head in ("classify", "localise") for kind in ("weight", "bias")}
        assert set(fresh) == (heads if new else set())  # as many labels are still other labels
        if new and len(labels) == len(old.labels):
            assert not torch.equal(tagger.pooling.classify.weight, old.pooling.classify.weight)


@pytest.mark.parametrize("more", [(), ("new",), ("new", "newer", "newest")])
def test_labels_that_the_source_knows_keep_their_rows_in_any_order(trained: Path, more: tuple[str, ...]) -> None:
    old = Network.from_pretrained(trained)
    known = tuple(reversed(old.labels.names))[:3]
    labels = (*more[:1], *known, *more[1:])
    torch.manual_seed(1)
    tagger = Network(old.options.model_copy(update={"labels": labels}))
    drawn = {name: tensor.clone() for name, tensor in tagger.state_dict().items()}
    fresh = take_over(tagger, Source("old", trained))
    for head in ("classify", "localise"):
        for kind in ("weight", "bias"):
            name = f"pooling.{head}.{kind}"
            ours, theirs = tagger.state_dict()[name], old.state_dict()[name]
            for label in known:
                assert torch.equal(ours[labels.index(label)], theirs[old.labels.index(label)])
            for label in more:
                assert torch.equal(ours[labels.index(label)], drawn[name][labels.index(label)])
            assert (name in fresh) == bool(more)


def test_rows_and_columns_of_known_labels_are_kept_where_a_layer_sees_the_scores(model: Path) -> None:
    old = Network.from_pretrained(model)
    pooling = AttentionOptions(localise_from="scores")
    source = Network(old.options.model_copy(update={"labels": ("a", "b", "c"), "pooling": pooling}))
    source.save_pretrained(model)
    tagger = Network(source.options.model_copy(update={"labels": ("c", "z", "a")}))
    take_over(tagger, Source("old", model))
    ours, theirs = tagger.pooling.localise.weight, source.pooling.localise.weight  # (classes, classes)
    assert torch.equal(ours[[0, 0, 2, 2], [0, 2, 0, 2]], theirs[[2, 2, 0, 0], [2, 0, 2, 0]])


def test_a_frozen_encoder_stays_in_evaluation_mode(trained: Path) -> None:
    tagger = Network.from_pretrained(trained).train()
    settle(tagger)
    assert tagger.encoder.training
    take_over(tagger, Source("old", trained, "encoder"))
    settle(tagger)
    assert not any(module.training for module in tagger.encoder.modules())
    assert tagger.pooling.training


def test_another_network_does_not_fit(tune: Tune, trained: Path) -> None:
    with pytest.raises(ConfigError, match=r"network.encoder differs from that of old, so its weights do not fit"):
        Run(tune("m", None, trained, "network.encoder.units=4"), MACHINE).train()
    request = tune("n", "encoder", trained, "network.pooling={kind: max}")
    assert not changed(weights(trained), finish(request), "encoder.")  # but another pooling does


def test_a_source_that_is_no_model_of_one_network_is_refused(tmp_path: Path, model: Path) -> None:
    fused = Fusion([Network.from_pretrained(model)] * 2, ["a", "b"])
    write_model(fused, tmp_path / "fused", OperatingPoint.load(model))
    with pytest.raises(ConfigError, match=r"start from one of its members: members/a, members/b"):
        _ = Source("fused", tmp_path / "fused").network
    (model / "model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"model.safetensors: cannot be read"):
        _ = Source("m", model).digest
    with pytest.raises(ModelError, match=r"no model at .*nowhere"):
        _ = Source("nowhere", tmp_path / "nowhere").network


@pytest.fixture
def train(earmark: Callable, recipe: Path) -> Callable:
    def call(data: Path, output: Path, *more: object) -> object:
        return earmark(
            *("train", data, "-o", output, "--recipe", recipe, "--epochs", 1, "--precision", "float32"), *more
        )

    return call


def test_the_command_line_fine_tunes(train: Callable, data: Path, model: Path, tmp_path: Path) -> None:
    more = ("--from", model, "--freeze", "encoder", "--valid-fraction", 0)
    ran = train(data, tmp_path / "m", *more)
    assert ran.code == 0, ran.err
    assert f"training 'tiny' from {model} on 32 clips of 3 labels" in ran.err
    assert not changed(weights(model), weights(tmp_path / "m"), "encoder.")
    again = train(data, tmp_path / "m", *more)
    assert again.err == f"{tmp_path / 'm'} is already finished; use --overwrite to train it again\n"
    for freeze in ((), ("--freeze", "none"), ("--freeze", 1)):
        other = train(data, tmp_path / "m", "--from", model, "--valid-fraction", 0, *freeze)
        assert (other.code, "with a different source.freeze" in other.err) == (2, True)
    all_of_it = train(data, tmp_path / "m", "--from", model, "--valid-fraction", 0, "--freeze", 3)
    assert (all_of_it.code, all_of_it.err) == (0, again.err)


def test_the_command_line_refuses_what_makes_no_sense(train: Callable, data: Path, model: Path, tmp_path: Path) -> None:
    ran = train(data, tmp_path / "m", "--freeze", "encoder")
    assert (ran.code, "name that model with --from MODEL" in ran.err) == (2, True)
    ran = train(data, tmp_path / "m", "--from", model, "--freeze", 7)
    assert (ran.code, "has 3 blocks (blocks.0, last, gru); expected 1 to 3, encoder, or none" in ran.err) == (2, True)
    ran = train(data, tmp_path / "m", "--from", model, "--freeze", "encodr")
    assert (ran.code, "--freeze encodr (did you mean 'encoder'?): expected encoder, blocks" in ran.err) == (2, True)
    before = sorted(model.rglob("*"))
    ran = train(data, model, "--from", model, "--overwrite")
    assert (ran.code, "are the same directory" in ran.err) == (2, True)
    assert sorted(model.rglob("*")) == before
    ran = train(data, tmp_path / "m", "--from", tmp_path / "nowhere")
    assert (ran.code, "no model at" in ran.err) == (2, True)
    ran = train(data, tmp_path / "m", "--from", "panns/cnn15")
    assert (ran.code, "no model 'panns/cnn15' (did you mean 'panns/cnn1" in ran.err) == (2, True)


@pytest.mark.parametrize("kind", ENCODERS)
def test_of_every_encoder_the_lowest_blocks_stay_as_they_were_and_those_above_learn(kind: str, tmp_path: Path) -> None:
    features = next(name for name in FEATURES if name in HEARS.get(kind, BANDED))
    torch.manual_seed(0)
    data = {
        "labels": ["a", "b"],
        "features": {"kind": features, **FEATURES[features]},
        "encoder": {"kind": kind, **ENCODERS[kind]},
        "pooling": {"kind": "average"},
    }
    source = Network(ModelOptions.parse(data, kind))
    source.save_pretrained(tmp_path)
    count = len(blocks_in_order(source.encoder))
    number = count // 2
    if not number:
        pytest.skip(f"{kind} has a single block")
    network = Network(source.options)
    take_over(network, Source("old", tmp_path, number))
    options = TrainingOptions(learning_rate=0.01, weight_decay=0.1, layer_decay=0.5)
    optimiser = TrainingModule(network, options, 2, 0).configure_optimizers()
    settle(network.train())
    for _ in range(2):
        pooled = network(0.1 * torch.randn(3, network.rate), torch.tensor([network.rate, 6_000, 7_000]))
        (pooled.clip.square().sum() + pooled.frames.square().sum()).backward()
        optimiser.step()
        optimiser.zero_grad()
    for depth, (old, new) in enumerate(
        zip(blocks_in_order(source.encoder), blocks_in_order(network.encoder), strict=True)
    ):
        states = [[*block.parameters, *(b for m in block.modules for b in m.buffers())] for block in (old, new)]
        alike = [torch.equal(one, other) for one, other in zip(*states, strict=True)]
        assert all(alike) == (depth < number), f"{new.name}, block {depth + 1} of {count}"
