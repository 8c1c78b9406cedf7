"""A request knows its own directory, and is refused every other."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from earmark.data.manifest import read_manifest
from earmark.errors import ConfigError, OutputError
from earmark.reporter import Reporter
from earmark.training.loop import Machine
from earmark.training.request import Request, clear
from earmark.training.run import Run

MACHINE = Machine(precision="float32")
Ask = Callable[..., Request]


def finish(request: Request, reporter: Reporter | None = None) -> None:
    run = Run(request, MACHINE, reporter or Reporter(), recipe="tiny", command="earmark train", name="m")
    trained = run.train()
    run.save(trained)


def test_a_request_knows_its_own_directory_and_no_other(ask: Ask) -> None:
    request = ask()
    request.check()
    assert request.difference() == ""
    assert request.claim("float32") is True
    assert request.claim("float32") is False
    request.check()
    for other, named in (
        (ask(seed=1), "seed"),
        (ask("training.learning_rate=0.5"), "training.learning_rate"),
        (ask("network.features.hop=160"), "network.features.hop"),
        (ask(validate=False), "validation clips"),
    ):
        assert other.difference() == named
        with pytest.raises(
            ConfigError, match=f"already contains a training run with a different {named}; choose another"
        ):
            other.check()
    ask(output="elsewhere", seed=1).check()


def test_a_changed_collection_is_another(ask: Ask, collection: Path, tmp_path: Path) -> None:
    shutil.copytree(collection / "train", tmp_path / "data")
    request = ask()
    request.claim("float32")
    table = tmp_path / "data" / "weak.tsv"
    table.write_text(table.read_text().replace("beep", "horn,beep"))
    changed = Request(**{**vars(request), "train": read_manifest(table)})
    assert changed.difference() == "training clips"


def test_directories_that_are_taken_are_refused(ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    ask().check()
    (tmp_path / "m" / "thesis.tex").write_text("")
    with pytest.raises(OutputError, match=r"m is not empty and contains no training run; choose a new directory"):
        Run(ask(), MACHINE).train()
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"file is a file; expected a directory for the model"):
        ask(output="file").check()


def test_clearing_takes_what_a_training_wrote_and_nothing_else(ask: Ask, tmp_path: Path) -> None:
    finish(ask())
    (tmp_path / "m" / "notes.txt").write_text("")
    clear(tmp_path / "m")
    assert [path.name for path in (tmp_path / "m").iterdir()] == ["notes.txt"]
    (tmp_path / "m" / "training").mkdir()
    (tmp_path / "m" / "README.md").write_text("mine")
    clear(tmp_path / "m")  # holds neither a model nor a run
    assert len(list((tmp_path / "m").iterdir())) == 3
    clear(tmp_path / "nowhere")
