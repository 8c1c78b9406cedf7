from pathlib import Path

import pytest
import torch
import yaml

from earmark.errors import ConfigError
from earmark.models.network import ModelOptions, Network
from earmark.recipes import Recipe, load_recipe, recipe_names
from earmark.recipes.recipe import parameter_count


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_makes_a_tagger(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.name == name
    assert recipe.description.endswith(".")
    with torch.device("meta"):  # the largest have 80 million parameters
        tagger = Network(ModelOptions(labels=("a", "b"), **dict(recipe.network)))
    log_mel = getattr(recipe.network.features, "logmel", recipe.network.features)  # what MFCCs are made of
    hop = getattr(log_mel, "hop", tagger.front_end.bands)  # embeddings: a vector
    assert tagger.clock.step * tagger.rate == hop * tagger.encoder.reduction
    assert recipe.training.clip_seconds <= recipe.network.window_seconds  # trained on what is scored in one piece


@pytest.mark.parametrize("name", recipe_names())
def test_a_recipe_written_out_reads_back(name: str, tmp_path: Path) -> None:
    recipe = load_recipe(name)
    path = tmp_path / "mine.yaml"
    path.write_text(recipe.to_yaml(), encoding="utf-8")
    assert load_recipe(str(path)) == recipe
    written = yaml.safe_load(recipe.to_yaml())
    assert recipe.members or written["training"]["weight_decay"] == 0.0  # defaults are written too


def test_the_default_comes_first_and_the_yardstick_is_there() -> None:
    names = recipe_names()
    assert names[0] == "default"
    own, papers = [name for name in names if "/" not in name], [name for name in names if "/" in name]
    assert names[1:] == sorted(own[1:]) + sorted(papers)
    assert {"default", "demo", "plain-crnn"} <= set(names)
    assert load_recipe() == load_recipe("default")


def test_the_yardstick_differs_in_gates_pooling_and_drawing_alone() -> None:
    ours, plain = load_recipe("default"), load_recipe("plain-crnn")
    assert plain.network.features == ours.network.features
    assert plain.network.encoder == ours.network.encoder.model_copy(update={"activation": "relu"})
    assert plain.network.pooling.kind == "average"
    assert plain.training.balance.max_ratio is None
    for name in ("epochs", "batch_size", "learning_rate", "schedule"):
        assert getattr(plain.training, name) == getattr(ours.training, name)


@pytest.mark.parametrize(
    ("change", "place", "value"),
    [
        ("training.epochs=3", "training.epochs", 3),
        ("training.learning_rate=1e-4", "training.learning_rate", 1e-4),
        ("training.balance.max_ratio=null", "training.balance.max_ratio", None),
        ("training.keep_epochs=true", "training.keep_epochs", True),
        ("network.encoder.channels=[8, 16]", "network.encoder.channels", (8, 16)),
        ("network.pooling={kind: attention, axis: time}", "network.pooling.axis", "time"),
        ("training.augment.spec_augment.time_width=9", "training.augment.spec_augment.time_width", 9),
        ("description=a = b", "description", "a = b"),
    ],
)
def test_a_change_takes_the_type_of_its_option(change: str, place: str, value: object) -> None:
    changes = [change] if "channels" not in change else [change, "network.encoder.pools=[4, 4]"]
    found: object = load_recipe("default", changes)
    for part in place.split("."):
        found = getattr(found, part)
    assert found == value
    assert type(found) is type(value)


def test_the_last_change_of_a_key_counts() -> None:
    assert load_recipe("demo", ["training.epochs=3", "training.epochs=4"]).training.epochs == 4


def test_a_written_out_null_can_be_opened_up(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(load_recipe("demo").to_yaml())
    assert yaml.safe_load(path.read_text())["training"]["augment"]["spec_augment"] is None
    recipe = load_recipe(str(path), ["training.augment.spec_augment.time_width=9"])
    assert recipe.training.augment.spec_augment.time_width == 9


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("defualt", [], r"no recipe 'defualt' \(did you mean 'default'\?\); known: default, "),
        ("gone.yaml", [], r"gone\.yaml: no such recipe file"),
        (
            "demo",
            ["training.epoch=3"],
            r"recipe 'demo' with training\.epoch=3: unknown key 'training\.epoch' .*'epochs'",
        ),
        ("demo", ["training.epochs=many"], r"training\.epochs: .*integer.*got 'many'"),
        ("demo", ["training.epochs=0"], r"training\.epochs: .*greater than 0, got 0"),
        ("demo", ["training.epochs"], r"--set training\.epochs: expected key=value"),
        ("demo", ["=3"], "expected key=value"),
        ("demo", ["training.epochs.x=3"], r"'epochs' is a value and has no keys"),
        ("demo", ["training.epochs=[1"], "the value is not valid YAML"),
        ("demo", ["network.pooling.kind=avarage"], r"no such kind 'avarage'.*did you mean 'average'"),
        ("demo", ["network.encoder.pools=[2, 2]"], r"pools \(2\) and channels \(3\) must have the same number"),
        ("demo", ["training=3"], "training: "),
    ],
)
def test_what_is_wrong_is_named(name: str, changes: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        load_recipe(name, changes)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"name: [", r"mine\.yaml: not valid YAML: "),
        (b"- a\n- b\n", r"mine\.yaml: expected keys and values, got list"),
        (b"", r"mine\.yaml: expected keys and values, got NoneType"),
        (b"training: {epochs: 3}\n", r"mine\.yaml: 'name' is missing"),
        (b"RIFF\xff\xfe\x00\x00WAVE", r"mine\.yaml: not a text file in UTF-8"),
        (
            b"a: &a [x, x, x, x]\nb: &b [*a, *a, *a, *a]\nname: [*b, *b]\n",
            r"not valid YAML: aliases \(\*name\) are not",
        ),
        (b"name: " + b"[" * 5_000, r"mine\.yaml: not valid YAML: nested more than 20 deep"),
        (b"name: x\ntraining: {epochs: " + b"9" * 5_000 + b"}\n", r"mine\.yaml: "),
        (b"name: x\ntraining: {epochs: '" + b"9" * 5_000 + b"'}\n", r"mine\.yaml: training\.epochs: "),
        (
            b"name: x\nnetwork: {encoder: {kind: crnn, channels: [64, 64, 1000000000]}}\n",
            r"encoder\.channels: 1000000000 is more than",
        ),
        (b"name: x\nnetwork: {window_seconds: 1.0e+300}\n", r"window_seconds: 1e\+300 s is more than a day"),
        (b"name: x\n" + b"".join(b"key%d: 1\n" % n for n in range(500)), r"unknown key 'key0'.*; and 495 more$"),
        (b"name: x\ntraning: {}\n", r"mine\.yaml: unknown key 'traning' \(did you mean 'training'\?\)"),
    ],
)
def test_a_recipe_of_ones_own_is_checked(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "mine.yaml").write_bytes(content)
    with pytest.raises(ConfigError, match=message) as caught:
        load_recipe(str(tmp_path / "mine.yaml"))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 1_500  # whatever is written there


def test_a_date_is_a_text_like_any_other(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("name: 2024-05-01\n")
    assert load_recipe(str(tmp_path / "mine.yaml")).name == "2024-05-01"


def test_a_recipe_needs_no_more_than_a_name() -> None:
    assert Recipe.parse({"name": "x"}, "x").training.epochs > 0


@pytest.mark.parametrize("name", ["demo", "plain-crnn"])
def test_it_is_what_the_network_has_when_made(name: str) -> None:
    recipe = load_recipe(name)
    made = Network(ModelOptions(labels=("a", "b", "c"), **dict(recipe.network)))
    assert parameter_count(recipe, labels=3) == made.parameter_count()
    assert parameter_count(recipe) is None  # for as many labels as there are
    assert parameter_count(recipe.model_copy(update={"classes": 3})) == made.parameter_count()


def test_labels_asked_for_come_before_the_papers_classes() -> None:
    recipe = load_recipe("hong2020/average")
    assert parameter_count(recipe) - parameter_count(recipe, labels=27) == 500 * 513


def test_members_are_added_up(tmp_path: Path) -> None:
    recipe = load_recipe("demo").model_copy(update={"members": ("demo", "default")})
    alone = [parameter_count(load_recipe(name), labels=5) for name in recipe.members]
    assert parameter_count(recipe, labels=5) == sum(alone)
    assert parameter_count(recipe) is None
