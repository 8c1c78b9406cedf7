import csv
import io
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from earmark.formats.audioset_names import read_classes
from earmark.hub.panns import expected
from earmark.labels import Labels
from earmark.models.network import Network

AUDIOSET = Labels(read_classes(None).values())


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights under the names of Cnn10, the front-end right."""
    from earmark.features.logmel import LogMel
    from earmark.hub.panns import panns_network

    torch.manual_seed(0)
    state = {key: 0.1 * torch.randn(shape) for key, shape in expected("cnn10").items()}
    for key in state:
        if key.endswith("running_var"):
            state[key] = torch.full_like(state[key], 1.0)
    state["bn0.running_var"] += 300.0
    front = LogMel(panns_network("cnn10").features)
    state["spectrogram_extractor.stft.conv_real.weight"][0, 0] = front.window
    state["logmel_extractor.melW"] = front.filters
    path = tmp_path_factory.mktemp("checkpoint") / "Cnn10.pth"
    torch.save({"iteration": 1, "model": state}, path)
    return path


@pytest.fixture(scope="module")
def imported(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from earmark.cli.app import run

    folder = tmp_path_factory.mktemp("imported") / "m"
    assert run(["import-panns", str(checkpoint), "-o", str(folder), "--quiet"]) == 0
    return folder


def test_it_says_what_the_file_was(earmark: Callable, checkpoint: Path, tmp_path: Path) -> None:
    ran = earmark("import-panns", checkpoint, "-o", tmp_path / "m")
    assert (ran.code, ran.out) == (0, "")
    assert ran.err.splitlines() == [
        "panns/cnn10, its checksum is not among the published ones: 527 labels, 5,219,279 parameters",
        f"the model is in {tmp_path / 'm'}; no threshold was tuned; 'earmark tune' chooses better ones",
    ]
    assert {path.name for path in (tmp_path / "m").iterdir()} == {
        *("config.json", "model.safetensors", "operating_point.json", "labels.csv", "README.md")
    }
    assert Network.from_pretrained(tmp_path / "m").labels == AUDIOSET


def test_detect_gives_audioset_events_with_times(earmark: Callable, imported: Path, collection: Path) -> None:
    audio = collection / "dev" / "audio" / "dev00.wav"
    ran = earmark("detect", audio, "-m", imported)
    assert ran.code == 0, ran.err
    rows = list(csv.DictReader(io.StringIO(ran.out)))
    assert list(rows[0]) == ["filename", "onset", "offset", "event_label", "score"]
    assert {row["event_label"] for row in rows} <= set(AUDIOSET)
    assert all(0 <= float(row["onset"]) < float(row["offset"]) <= 2.0 for row in rows)
    ran = earmark("tag", audio, "-m", imported)
    assert (ran.code, ran.out.count("\n") > 1) == (0, True)


def test_fine_tuned_it_knows_the_users_labels(
    earmark: Callable, imported: Path, collection: Path, tmp_path: Path
) -> None:
    words = ("train", collection / "train", "-o", tmp_path / "m", "--from", imported, "--freeze", "encoder")
    ran = earmark(
        *words, "--steps", 2, "--set", "training.batch_size=4", "--valid-fraction", 0, "--precision", "float32"
    )
    assert ran.code == 0, ran.err
    assert Network.from_pretrained(tmp_path / "m").labels.names == ("beep", "horn", "hum", "whistle")
    assert "fine-tuned from" in (tmp_path / "m" / "README.md").read_text()
    assert earmark("detect", collection / "dev" / "audio" / "dev00.wav", "-m", tmp_path / "m").code == 0


def test_what_cannot_be_imported_is_refused_in_one_line(
    earmark: Callable, checkpoint: Path, imported: Path, tmp_path: Path
) -> None:
    torch.save({"model": {"a": torch.ones(2)}}, tmp_path / "x.pth")
    (tmp_path / "text.pth").write_text("no checkpoint")
    for words, message in (
        ((tmp_path / "x.pth", "-o", tmp_path / "m"), "is not one of the checkpoints that can be imported; nearest is"),
        ((tmp_path / "text.pth", "-o", tmp_path / "m"), "is not a PyTorch checkpoint, or it is damaged"),
        ((tmp_path / "nowhere.pth", "-o", tmp_path / "m"), "no checkpoint at"),
        ((checkpoint, "-o", imported), "is not empty; choose a new directory"),
        ((checkpoint, "-o", tmp_path / "m", "--architecture", "cnn14"), "is not panns/cnn14: missing"),
        ((checkpoint, "-o", tmp_path / "m", "--architecture", "cnn15"), "cnn15"),
    ):
        ran = earmark("import-panns", *words)
        assert (ran.code, ran.err.count("\n"), message in ran.err) == (2, 1, True), ran.err
    assert not (tmp_path / "m").exists()


def test_a_public_model_goes_by_its_name(
    earmark: Callable, imported: Path, collection: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EARMARK_CACHE", str(tmp_path))
    (tmp_path / "panns").mkdir()
    (tmp_path / "panns" / "cnn10").symlink_to(imported)
    assert earmark("detect", collection / "dev" / "audio" / "dev00.wav", "-m", "panns/cnn10").code == 0
    ran = earmark("detect", collection / "dev" / "audio" / "dev00.wav", "-m", "panns/cnn11")
    assert (ran.code, ran.err.startswith("earmark: no model 'panns/cnn11' (did you mean 'panns/cnn1")) == (2, True)
