"""AudioSet's released embeddings from end to end: trained on, evaluated, and not taken for sound."""

import importlib.util
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

SMALL = (
    *("network.encoder.units=[32,32]", "network.encoder.dropout=0.0", "network.pooling.dropout=0.0"),
    *("training.epochs=3", "training.steps_per_epoch=20", "training.batch_size=16"),
    *("training.learning_rate=0.01",),
)


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty clips: each label adds a pattern of its own to two to four of the clip's ten vectors."""
    path = Path(__file__).parents[1] / "data" / "tfrecords.py"
    spec = importlib.util.spec_from_file_location("tfrecords", path)
    tfrecords = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tfrecords)
    folder = tmp_path_factory.mktemp("embeddings")
    rng = np.random.default_rng(0)
    patterns = rng.choice([-60, 60], (3, 128))
    for part, clips in (("bal_train", 40), ("eval", 20)):
        records = []
        for number in range(clips):
            labels = sorted(rng.choice(3, rng.integers(1, 3), replace=False).tolist())
            vectors = rng.normal(128, 20, (10, 128))
            for label in labels:
                first = rng.integers(0, 7)
                vectors[first : first + rng.integers(2, 5)] += patterns[label]
            name = f"{part[:4]}-{number:06d}"
            records.append(tfrecords.embedding_record(name, labels, vectors.clip(0, 255).astype(np.uint8)))
        tfrecords.write_records(folder / part / "00.tfrecord", records)
    names = ("/m/09x0r,Speech", "/m/0abc,Owl", "/m/03l9g,Hammer", "/m/0none,Silence")
    rows = [f"{index},{name}" for index, name in enumerate(names)]
    (folder / "class_labels_indices.csv").write_text("\n".join(["index,mid,display_name", *rows]) + "\n")
    return folder


def set_all(changes: tuple[str, ...]) -> list[str]:
    return [word for change in changes for word in ("--set", change)]


@pytest.mark.parametrize("cache", ["auto", "off"])
def test_a_model_of_embeddings_is_trained_tuned_and_evaluated(
    earmark: Callable, release: Path, collection: Path, tmp_path: Path, cache: str
) -> None:
    model = tmp_path / "m"
    recipe = ["--recipe", "kong2019/feature-attention", *set_all(SMALL), "--precision", "float32"]
    ran = earmark("train", release, "-o", model, *recipe, "--cache", cache)
    assert ran.code == 0, ran.err
    assert ran.err.splitlines()[0].endswith("on 40 clips of 3 labels, validating on 20 clips; cpu, float32")
    ran = earmark("evaluate", model, release / "eval", "--json", tmp_path / "m.json", "--resamples", 0)
    assert ran.code == 0, ran.err
    found = json.loads((tmp_path / "m.json").read_text())["tagging"]
    assert found["map"] > 0.9
    assert found["unranked"] == 0
    assert list(found["per_class"]) == ["Speech", "Owl", "Hammer"]
    if cache == "off":
        return
    report = earmark("evaluate", model, release / "eval", "--report", tmp_path / "r", "--resamples", 0)
    assert report.code == 0, report.err
    sound = collection / "dev" / "audio" / "dev00.wav"
    (tmp_path / "sounds" / "Owl").mkdir(parents=True)
    shutil.copy(sound, tmp_path / "sounds" / "Owl")
    ran = earmark("evaluate", model, tmp_path / "sounds")
    assert ran.code == 2
    assert "holds sound, but the model takes embeddings" in ran.err
    ran = earmark("tag", sound, "-m", model)
    assert ran.code != 0
    assert "is audio, but the model takes" in ran.err


def test_a_recipe_for_sound_refuses_embeddings_and_leaves_nothing(
    earmark: Callable, release: Path, recipe: Path, tmp_path: Path
) -> None:
    ran = earmark("train", release, "-o", tmp_path / "m", "--recipe", recipe)
    assert ran.code == 2
    assert "holds embeddings, but the model takes sound; for embeddings there are recipes such as kong2019" in ran.err
    assert not (tmp_path / "m").exists()


def test_doctor_counts_embeddings(earmark: Callable, release: Path) -> None:
    ran = earmark("doctor", release)
    assert ran.code == 0, ran.out
    head = "60 clips, 10 min of sound, 4 labels, 0 clips without any\n      60  embeddings of 128 values, 1 a second"
    assert ran.out.startswith(head)
