"""Several models as one, through the command line: -m twice, `fuse`, and recipes with members."""

import csv
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

BOTH = "name: both\ndescription: Two front-ends.\nmembers: [fine.yaml, coarse.yaml]\n"


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory, recipe: Path) -> Path:
    """A fused recipe, its members beside it; the second hears coarser frames at half the rate."""
    folder = tmp_path_factory.mktemp("recipes")
    text = recipe.read_text()
    (folder / "fine.yaml").write_text(text.replace("tiny", "fine"))
    coarse = text.replace("tiny", "coarse").replace(
        "rate: 16000, window: 512, hop: 320", "rate: 8000, window: 512, hop: 400"
    )
    (folder / "coarse.yaml").write_text(coarse)
    (folder / "both.yaml").write_text(BOTH)
    return folder / "both.yaml"


@pytest.fixture(scope="module")
def words(both: Path, collection: Path) -> list[str]:
    data = [str(collection / "train"), "--valid", str(collection / "dev")]
    changes = ["--set", "training.batch_size=16", "--precision", "float32", "--epochs", "2"]
    return ["train", *data, "--recipe", str(both), *changes, "-o"]


@pytest.fixture(scope="module")
def fused(tmp_path_factory: pytest.TempPathFactory, words: list[str]) -> Path:
    """A model as the fused recipe leaves it. Not to be changed."""
    from earmark.cli.app import run

    folder = tmp_path_factory.mktemp("fused") / "model"
    assert run([*words, str(folder), "--quiet"]) == 0
    return folder


def events(out: str) -> list[tuple[str, ...]]:
    return [tuple(row.values()) for row in csv.DictReader(io.StringIO(out))]


def test_a_model_twice_is_that_model(earmark: Callable, trained: Path, collection: Path) -> None:
    audio = collection / "dev" / "audio"
    once, twice = earmark("detect", audio, "-m", trained), earmark("detect", audio, "-m", trained, "-m", trained)
    assert (once.code, twice.code) == (0, 0)
    assert twice.out == once.out
    assert len(events(once.out)) > 4


def test_the_order_of_models_does_not_matter_and_how_they_decide_is_said(
    earmark: Callable, trained: Path, fused: Path, collection: Path
) -> None:
    audio, other = collection / "dev" / "audio", fused / "members" / "coarse"
    for verb in ("detect", "tag"):
        one = earmark(verb, audio, "-m", trained, "-m", other, "--threshold", 0.3)
        two = earmark(verb, audio, "-m", other, "-m", trained, "--threshold", 0.3)
        assert one.code == two.code == 0
        assert one.out == two.out
        assert one.err.startswith("2 models fused; operating point: ")
        assert "'earmark fuse'" in one.err


def test_an_operating_point_of_ones_own_needs_no_word(earmark: Callable, trained: Path, collection: Path) -> None:
    point = trained / "operating_point.json"
    ran = earmark("tag", collection / "dev", "-m", trained, "-m", trained, "--operating-point", point)
    assert ran.code == 0
    assert "as one" not in ran.err


def test_models_of_other_labels_are_refused(earmark: Callable, trained: Path, model: Path, collection: Path) -> None:
    for name in ("config.json", "operating_point.json"):
        (model / name).write_text((model / name).read_text().replace('"horn"', '"hoot"'))
    for line in (
        ["detect", collection / "dev", "-m", trained, "-m", model],
        ["fuse", trained, model, "-o", model / "x"],
    ):
        ran = earmark(*line)
        assert ran.code == 2
        assert ran.err == (
            f"earmark: models with different labels cannot be fused: {trained} has 'horn', {model} does not\n"
        )


def test_a_fused_model_is_made_tuned_measured_and_used(
    earmark: Callable, trained: Path, fused: Path, collection: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "fused"
    made = earmark("fuse", trained, fused, "-o", folder)  # a fusion within a fusion
    assert made.code == 0, made.err
    assert made.err.startswith(f"2 models fused in {folder}; operating point: ")
    assert "- **mean of the scores of**: model, model-2" in (folder / "README.md").read_text()
    tuned = earmark("tune", folder, collection / "dev")
    assert tuned.code == 0, tuned.err
    assert "after a comparison for segment-f1 on 16 timed clips" in (folder / "README.md").read_text()
    assert list((folder / "scores").iterdir())
    ran = earmark(
        *("evaluate", folder, collection / "dev", "--json", tmp_path / "m.json", "--report", tmp_path / "r"),
        *("--resamples", 0, "--shown", 1),
    )
    assert ran.code == 0, ran.err
    assert json.loads((tmp_path / "m.json").read_text())["tagging"]["map"] > 0.8
    assert (tmp_path / "r" / "report.html").is_file()
    assert len(events(earmark("detect", collection / "dev", "-m", folder).out)) > 4
    again = earmark("fuse", trained, "-o", folder)
    assert again.code == 2
    assert again.err == f"earmark: {folder} already exists; choose a new directory\n"


def test_a_recipe_with_members_trains_each_and_fuses_them(fused: Path) -> None:
    assert json.loads((fused / "config.json").read_text())["members"] == ["members/fine", "members/coarse"]
    for name in ("fine", "coarse"):
        member = fused / "members" / name
        written = (member / "recipe.yaml").read_text()
        assert f"name: {name}" in written
        assert "batch_size: 16" in written  # what --set said
        assert "epochs: 2" in written
        assert {"config.json", "model.safetensors", "operating_point.json", "README.md"} <= set(
            path.name for path in member.iterdir()
        )
    assert "members:" in (fused / "recipe.yaml").read_text()
    assert "network:" not in (fused / "recipe.yaml").read_text()


def test_the_same_command_goes_on_where_it_stopped(
    earmark: Callable, words: list[str], fused: Path, tmp_path: Path
) -> None:
    torn = Path(shutil.copytree(fused, tmp_path / "model"))
    assert earmark(*words, torn).err == f"{torn} is already finished; use --overwrite to train it again\n"
    (torn / "config.json").unlink()  # as after a stop before the fusion was tuned
    (torn / "members" / "coarse" / "config.json").unlink()  # and its last member was saved
    ran = earmark(*words, torn)
    assert ran.code == 0
    assert "training 'coarse of both'" in ran.err
    assert "fine" not in ran.err
    weights = Path("members", "coarse", "model.safetensors")
    assert (torn / weights).read_bytes() == (fused / weights).read_bytes()
    assert (torn / "operating_point.json").read_bytes() == (fused / "operating_point.json").read_bytes()


def test_another_wish_in_the_same_directory_is_refused(earmark: Callable, words: list[str], fused: Path) -> None:
    ran = earmark(*words, fused, "--seed", 1)
    assert ran.code == 2
    assert "already contains a training run with a different members.fine.seed" in ran.err


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (
            ["--processes", 2],
            "recipe 'both' trains in one process; to use --processes, train fine.yaml and coarse.yaml",
        ),
        (["--from", "MODEL"], "recipe 'both' trains several networks, but --from is for a single one"),
        (["--set", "training.epoch=3"], "unknown key 'training.epoch' (did you mean 'epochs'?)"),
    ],
)
def test_what_cannot_be_asked_of_several_is_said(
    earmark: Callable, words: list[str], trained: Path, tmp_path: Path, more: list[object], message: str
) -> None:
    ran = earmark(*words, tmp_path / "m", *(trained if word == "MODEL" else word for word in more))
    assert ran.code == 2
    assert message in ran.err
    assert not (tmp_path / "m").exists()


def test_a_recipe_named_again_is_trained_with_the_next_seed(
    earmark: Callable, both: Path, words: list[str], tmp_path: Path
) -> None:
    twice = both.with_name("twice.yaml")
    twice.write_text("name: twice\nmembers: [fine.yaml, fine.yaml]\n")
    other = [twice if word == str(both) else word for word in words]
    assert earmark(*other, tmp_path / "twice", "--seed", 3).code == 0
    assert "- **seeds**: 3, 4\n" in (tmp_path / "twice" / "README.md").read_text()
    found = [(tmp_path / "twice" / "members" / name / "model.safetensors").read_bytes() for name in ("fine", "fine-2")]
    fine = [both.with_name("fine.yaml") if word == str(both) else word for word in words]
    for seed, weights in zip((3, 4), found, strict=True):
        assert earmark(*fine, tmp_path / f"fine-{seed}", "--seed", seed).code == 0
        assert (tmp_path / f"fine-{seed}" / "model.safetensors").read_bytes() == weights
    assert found[0] != found[1]


def test_recipes_with_members_print_what_they_are(earmark: Callable) -> None:
    ran = earmark("recipes", "xu2018/fusion")
    assert ran.code == 0
    assert "members:\n- xu2018/gated-crnn-logmel\n- xu2018/gated-crnn-mfcc" in ran.out
    assert "network:" not in ran.out


def test_a_recipe_with_members_has_no_network_of_its_own(earmark: Callable, collection: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text(BOTH + "training: {epochs: 3}\n")
    ran = earmark("train", collection / "train", "-o", tmp_path / "m", "--recipe", tmp_path / "bad.yaml")
    assert ran.code == 2
    assert "a recipe with members cannot have a network or training" in ran.err
