import csv
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

import earmark as package
from tests.bred import Breeder


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "log.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_model_directory_explains_itself_and_works(trained: Path, collection: Path) -> None:
    names = {path.name for path in trained.iterdir()} - {"scores"}  # kept by those who evaluated it
    assert names == {
        *(
            "config.json",
            "model.safetensors",
            "operating_point.json",
            "README.md",
            "recipe.yaml",
            "log.csv",
            "training",
        ),
    }
    assert {path.name for path in (trained / "training").iterdir()} == {"run.json", "tensorboard"}
    assert not list((trained / "training").glob("*.ckpt"))
    log = rows(trained)
    assert [row["epoch"] for row in log] == [str(n) for n in range(1, 13)]
    assert float(log[-1]["train_loss"]) < float(log[0]["train_loss"]) / 2
    assert float(log[-1]["valid_map"]) > 0.95
    assert float(log[-1]["valid_segment_f1"]) > 0.9
    card = (trained / "README.md").read_text()
    assert "**training clips**: 32" in card
    assert "`beep`, `horn`, `hum`, `whistle`" in card
    assert "tuned for segment-f1 on 16 recordings" in card
    tagger = package.load(trained)
    result = tagger(collection / "dev" / "audio" / "dev00.wav")
    assert [label for label, _ in result.tags] == ["beep"]


def test_it_says_what_it_does_on_stderr_and_what_came_of_it_on_stdout(
    train: Callable, collection: Path, tmp_path: Path
) -> None:
    ran = train(collection / "train", tmp_path / "m", "--epochs", 2)
    assert ran.code == 0
    lines = ran.err.splitlines()
    assert lines[0] == "training 'tiny' on 27 clips of 4 labels, validating on 5 clips; cpu, float32"
    assert lines[1].startswith("epoch 1/2  loss 0.")
    assert "valid mAP" in lines[1]
    assert lines[-1] == f"the model is in {tmp_path / 'm'}"
    assert ran.out.startswith("on the validation clips, on which it was also tuned (optimistic)\n\nTagging\nmetric")


def test_the_same_command_on_a_finished_run_says_so_and_changes_nothing(
    train: Callable, collection: Path, tmp_path: Path
) -> None:
    train(collection / "train", tmp_path / "m")
    (tmp_path / "m" / "cache").mkdir()  # as if killed while clearing away
    before = (tmp_path / "m" / "model.safetensors").read_bytes()
    again = train(collection / "train", tmp_path / "m")
    assert (again.code, again.out) == (0, "")
    assert again.err == f"{tmp_path / 'm'} is already finished; use --overwrite to train it again\n"
    assert (tmp_path / "m" / "model.safetensors").read_bytes() == before
    assert not (tmp_path / "m" / "cache").exists()


@pytest.mark.parametrize(
    ("more", "named"),
    [
        (("--seed", 3), "seed"),
        (("--set", "training.learning_rate=0.5"), "training.learning_rate"),
        (("--epochs", 3), "training.epochs"),
        (("--valid-fraction", 0.5), "training clips"),
    ],
)
def test_another_request_in_the_same_directory_is_refused_and_named(
    earmark: Callable, train: Callable, collection: Path, trained: Path, recipe: Path, more: tuple, named: str
) -> None:
    words = ["train", collection / "train", "-o", trained, "--recipe", recipe, "--precision", "float32"]
    valid = () if "--valid-fraction" in more else ("--valid", collection / "dev")
    before = sorted(trained.rglob("*"))
    ran = earmark(*words, *valid, *more)
    assert ran.code == 2
    assert ran.err == (
        f"earmark: {trained} already contains a training run with a different {named}; "
        "choose another directory, or use --overwrite to start again\n"
    )
    assert sorted(trained.rglob("*")) == before


def test_overwrite_begins_anew_and_spares_what_is_not_its_own(
    train: Callable, collection: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "m"
    train(collection / "train", folder)
    (folder / "notes.txt").write_text("mine")
    before = (folder / "model.safetensors").read_bytes()
    ran = train(collection / "train", folder, "--seed", 1, "--overwrite")
    assert ran.code == 2  # notes.txt is in the way of a new model, and is not removed
    assert "is not empty and contains no training run" in ran.err
    assert (folder / "notes.txt").read_text() == "mine"
    (folder / "notes.txt").unlink()
    assert train(collection / "train", folder, "--seed", 1).code == 0
    assert (folder / "model.safetensors").read_bytes() != before


def test_overwrite_never_touches_a_folder_that_holds_no_model(
    train: Callable, collection: Path, tmp_path: Path
) -> None:
    project = tmp_path / "project"
    (project / "training").mkdir(parents=True)
    (project / "training" / "precious.csv").write_text("1")
    ran = train(collection / "train", project, "--overwrite")
    assert (ran.code, "is not empty and contains no training run" in ran.err) == (2, True)
    assert (project / "training" / "precious.csv").read_text() == "1"


def test_steps_count_updates_in_all(train: Callable, collection: Path, tmp_path: Path) -> None:
    assert train(collection / "train", tmp_path / "m", "--steps", 2).code == 0
    assert [row["step"] for row in rows(tmp_path / "m")] == ["1", "2"]
    assert yaml.safe_load((tmp_path / "m" / "recipe.yaml").read_text())["training"]["steps_per_epoch"] == 1


def test_set_changes_a_key_and_the_recipe_kept_beside_the_model_says_so(
    train: Callable, collection: Path, tmp_path: Path
) -> None:
    more = ("--set", "network.encoder.units=4", "--set", "training.balance.max_ratio=null")
    assert train(collection / "train", tmp_path / "m", *more).code == 0
    kept = yaml.safe_load((tmp_path / "m" / "recipe.yaml").read_text())
    assert kept["network"]["encoder"]["units"] == 4
    assert kept["training"]["balance"]["max_ratio"] is None
    assert json.loads((tmp_path / "m" / "config.json").read_text())["encoder"]["units"] == 4
    again = train(collection / "train", tmp_path / "n", "--recipe", tmp_path / "m" / "recipe.yaml")
    assert again.code == 0
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in "mn"]
    assert weights[0] == weights[1]  # the recipe is all there is to know


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--set", "training.epoch=1"), "unknown key 'training.epoch' (did you mean 'epochs'?)"),
        (("--set", "training.epochs=0"), "training.epochs: Input should be greater than 0, got 0"),
        (("--set", "network.pooling.kind=atention"), "(did you mean 'attention'?)"),
        (("--set", "epochs"), "--set epochs: expected key=value, for example training.epochs=3"),
        (("--recipe", "defalt"), "no recipe 'defalt' (did you mean 'default'?)"),
        (("--recipe", "nowhere.yaml"), "nowhere.yaml: no such recipe file"),
    ],
)
def test_a_recipe_that_makes_no_sense_is_refused(
    train: Callable, collection: Path, tmp_path: Path, more: tuple, message: str
) -> None:
    ran = train(collection / "train", tmp_path / "m", *more)
    assert ran.code == 2
    assert message in ran.err
    assert ran.err.count("\n") == 1
    assert not (tmp_path / "m").exists()


def test_without_validation_the_default_point_is_taken_and_it_says_so(
    train: Callable, collection: Path, tmp_path: Path
) -> None:
    ran = train(collection / "train", tmp_path / "m", "--valid-fraction", 0)
    assert (ran.code, ran.out) == (0, "")
    assert "no validation; " in ran.err
    assert "the operating point is the default one: nothing was tuned; 'earmark tune MODEL DATA' chooses" in ran.err
    point = json.loads((tmp_path / "m" / "operating_point.json").read_text())
    assert {(part["tag_threshold"], part["tag_gate"]) for part in point["classes"].values()} == {(0.5, True)}
    assert "valid_map" not in rows(tmp_path / "m")[0]


def folded(collection: Path, folder: Path, column: str, value: Callable[[int], str]) -> Path:
    header, *lines = (collection / "train" / "weak.tsv").read_text().splitlines()
    table = folder / "table.tsv"
    table.write_text(
        "\n".join([f"{header}\t{column}", *(f"{line}\t{value(n)}" for n, line in enumerate(lines))]) + "\n"
    )
    return table


def test_a_split_column_says_what_validates(train: Callable, collection: Path, tmp_path: Path) -> None:
    table = folded(collection, tmp_path, "split", lambda n: "valid" if n % 4 == 3 else "train")
    ran = train(table, tmp_path / "m", "--audio", collection / "train" / "audio")
    assert "on 24 clips of 4 labels, validating on 8" in ran.err


def test_a_fold_validates_when_it_is_named(train: Callable, collection: Path, tmp_path: Path) -> None:
    table, audio = folded(collection, tmp_path, "fold", lambda n: str(n % 4)), collection / "train" / "audio"
    unsaid = train(table, tmp_path / "m", "--audio", audio)
    assert (unsaid.code, "name the validation fold with --valid-fold" in unsaid.err) == (2, True)
    assert "no fold '7' among 0, 1, 2, 3" in train(table, tmp_path / "m", "--audio", audio, "--valid-fold", 7).err
    ran = train(table, tmp_path / "m", "--audio", audio, "--valid-fold", 1)
    assert (ran.code, "on 24 clips of 4 labels, validating on 8" in ran.err) == (0, True)


def test_a_label_that_only_validates_is_left_out_and_named(train: Callable, collection: Path, tmp_path: Path) -> None:
    table = folded(collection, tmp_path, "split", lambda n: "valid" if n < 8 else "train")
    lines = table.read_text().splitlines()
    lines[1] = lines[1].replace("beep", "ghost")
    table.write_text("\n".join(lines) + "\n")
    ran = train(table, tmp_path / "m", "--audio", collection / "train" / "audio")
    assert ran.code == 1
    assert "  ghost: no training clip has it; left out of 1 validation clip\n" in ran.err
    assert "ghost" not in json.loads((tmp_path / "m" / "config.json").read_text())["labels"]


def test_a_folder_of_folders_is_data_too(train: Callable, collection: Path, tmp_path: Path) -> None:
    for number, name in enumerate(("beep", "horn", "background")):
        (tmp_path / "data" / name).mkdir(parents=True)
        for clip in range(4):
            target = tmp_path / "data" / name / f"{clip}.wav"
            target.symlink_to(collection / "train" / "audio" / f"train{4 * number + clip:02d}.wav")
    (tmp_path / "data" / "siren").mkdir()
    ran = train(tmp_path / "data", tmp_path / "m", "--valid-fraction", 0.25)
    assert ran.code == 1
    assert "siren: holds no recordings; the label has no clips" in ran.err
    assert json.loads((tmp_path / "m" / "config.json").read_text())["labels"] == ["beep", "horn"]


def test_without_a_cache_the_same_model_comes_out_but_for_rounding(
    train: Callable, collection: Path, tmp_path: Path
) -> None:
    ran = train(collection / "train", tmp_path / "m", "--cache", "off", "--workers", 1)
    assert ran.code == 0
    assert package.load(tmp_path / "m").labels.names == ("beep", "horn", "hum", "whistle")


def test_several_processes_train_one_model_and_speak_with_one_voice(
    collection: Path, recipe: Path, tmp_path: Path
) -> None:
    words = ["train", collection / "train", "-o", tmp_path / "m", "--recipe", recipe, "--epochs", 1]
    more = ["--valid-fraction", 0, "--processes", 2, "--precision", "float32"]
    command = [sys.executable, "-m", "earmark.cli", *map(str, [*words, *more])]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert [line.split()[0] for line in done.stderr.splitlines()] == ["training", "epoch", "no", "the", "the"]
    assert [row["step"] for row in rows(tmp_path / "m")] == ["4"]
    assert package.load(tmp_path / "m").labels.names == ("beep", "horn", "hum", "whistle")


KEPT = "what was done so far is kept: free some space, and the same command goes on"


def test_a_full_disk_is_told_in_one_line(bred: Breeder, collection: Path, recipe: Path, tmp_path: Path) -> None:
    pytest.importorskip("resource")
    words = ["train", collection / "train", "-o", tmp_path / "m", "--recipe", recipe, "--epochs", 2, "--cache", "off"]
    run = bred.start(tmp_path / "messages.txt", *words, "--precision", "float32", largest=20_000)  # bytes a file
    code, err = run.end()
    assert code == 2, err
    assert "Traceback" not in err
    last = err.splitlines()[-1]
    assert (
        last == f"earmark: cannot write {tmp_path / 'm' / 'training' / 'last.ckpt'}: disk full (File too large); {KEPT}"
    )
    assert not (tmp_path / "m" / "config.json").exists()


def test_recordings_without_labels_are_for_a_student(train: Callable, collection: Path, tmp_path: Path) -> None:
    extra = tmp_path / "extra"
    extra.mkdir()
    for name in ("dev00.wav", "dev01.wav"):
        (extra / name).write_bytes((collection / "dev" / "audio" / name).read_bytes())
    (extra / "broken.wav").write_text("this is no sound")
    ran = train(collection / "train", tmp_path / "m", "--valid-fraction", 0, "--unlabelled", extra)
    assert ran.code == 1
    lines = ran.err.splitlines()
    assert lines[0] == f"3 clips without labels from {extra}"
    assert lines[1].startswith(
        "unlabelled clips need self-training; the recipe has none, so it is switched on with default"
    )
    assert [line[:18] for line in lines if "epoch" in line] == ["teacher epoch 1/1 ", "student epoch 1/1 "]
    assert any("broken.wav" in line for line in lines)
    assert "**clips without labels**: 2" in (tmp_path / "m" / "README.md").read_text()
    assert [row["stage"] for row in rows(tmp_path / "m")] == ["1", "2"]
