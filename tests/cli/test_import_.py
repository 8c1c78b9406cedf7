import csv
import io
from collections.abc import Callable
from pathlib import Path

import pytest
import soundfile
import torch


def test_what_is_no_public_checkpoint_is_refused_in_one_line(earmark: Callable, tmp_path: Path) -> None:
    torch.save({"model": {"a": torch.ones(2)}}, tmp_path / "x.pt")
    for words, message in (
        ((tmp_path / "x.pt", "-o", tmp_path / "m"), "is not one of the checkpoints that can be imported; nearest is"),
        ((tmp_path / "nowhere.pt", "-o", tmp_path / "m"), "no checkpoint at"),
        ((tmp_path / "x.pt", "-o", tmp_path / "m", "--architecture", "cnn15"), "no architecture 'cnn15'"),
    ):
        ran = earmark("import", *words)
        assert (ran.code, ran.err.count("\n"), message in ran.err) == (2, 1, True), ran.err
    assert not (tmp_path / "m").exists()


def test_a_name_offline_says_what_to_do(earmark: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    from earmark.hub.published import CHECKPOINTS

    here = replace(CHECKPOINTS["panns/cnn10"], url="http://127.0.0.1:9/Cnn10.pth")
    monkeypatch.setitem(CHECKPOINTS, "panns/cnn10", here)
    monkeypatch.setenv("EARMARK_CACHE", str(tmp_path / "cache"))
    ran = earmark("import", "panns/cnn10", "-o", tmp_path / "m")
    assert ran.code == 2
    assert "there is no network, or the server does not answer" in ran.err
    assert "'earmark import Cnn10.pth -o MODEL' makes a model from a file that you have already" in ran.err


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The smallest frame-level network with drawn weights, imported by the command line."""
    from earmark.cli.app import run
    from earmark.hub.frame_mn import FAMILY
    from tests.hub import drawn

    folder = tmp_path_factory.mktemp("detector")
    torch.save(drawn.draw(FAMILY.expected("06"), 0.1), folder / "frame_mn06_strong_1.pt")
    assert run(["import", str(folder / "frame_mn06_strong_1.pt"), "-o", str(folder / "m"), "--quiet"]) == 0
    soundfile.write(folder / "street.wav", drawn.sound(27 * 44_100, 44_100), 44_100)
    return folder


def test_a_long_recording_gives_audioset_strong_events_without_any_tuning(
    earmark: Callable, detector: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By name, from the user's cache: 27 s are three windows of 10 s, and the events are cut at none of their edges."""
    from earmark.formats.audioset_names import strong_classes

    monkeypatch.setenv("EARMARK_CACHE", str(tmp_path))
    (tmp_path / "frame-mn").mkdir()
    (tmp_path / "frame-mn" / "06").symlink_to(detector / "m")
    ran = earmark("detect", detector / "street.wav", "-m", "frame-mn/06", "--engine", "torch")
    assert ran.code == 0, ran.err
    assert "float32" in ran.err  # as the authors advise, on processors with bfloat16 too
    rows = list(csv.DictReader(io.StringIO(ran.out)))
    assert len(rows) > 20
    assert {row["event_label"] for row in rows} <= set(strong_classes().values())
    times = [float(row[edge]) for row in rows for edge in ("onset", "offset")]
    assert min(times) >= 0
    assert max(times) == 27.0
    assert all(abs(25 * time - round(25 * time)) < 1e-6 for time in times)  # steps of 40 ms
    assert all(float(row["offset"]) - float(row["onset"]) >= 0.12 for row in rows)
    whole = [row for row in rows if (row["onset"], row["offset"]) == ("0.000", "27.000")]
    assert len(whole) < len(rows)


def test_it_is_a_model_to_begin_a_training_with(
    earmark: Callable, detector: Path, collection: Path, tmp_path: Path
) -> None:
    words = ("train", collection / "train", "-o", tmp_path / "m", "--from", detector / "m", "--freeze", "encoder")
    ran = earmark(
        *words, "--steps", 2, "--set", "training.batch_size=4", "--valid-fraction", 0, "--precision", "float32"
    )
    assert ran.code == 0, ran.err
    assert earmark("detect", collection / "dev" / "audio" / "dev00.wav", "-m", tmp_path / "m").code == 0
