"""The files that make and explain a model."""

import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import earmark
from earmark import api
from earmark.errors import ModelError
from earmark.hub.model_files import NAMES, copy_files, is_config, is_model_file, model_files


def test_config_comes_last_and_nothing_of_a_training_is_among_them(trained: Path) -> None:
    assert (trained / "training").is_dir()
    files = model_files(trained)
    assert files[-1] == "config.json"
    assert set(files) == {path.name for path in trained.iterdir() if path.is_file()}


def test_a_copy_is_the_model_and_nothing_else(trained: Path, tmp_path: Path) -> None:
    api.fuse([trained, trained], tmp_path / "both")
    (tmp_path / "both" / "members" / "model" / "mine.txt").write_text("mine")
    copy_files(tmp_path / "both", tmp_path / "copy")
    copied = sorted(path.relative_to(tmp_path / "copy").as_posix() for path in (tmp_path / "copy").rglob("*.*"))
    assert copied == sorted(model_files(tmp_path / "both"))
    assert all(is_model_file(path) for path in copied)
    assert earmark.load(tmp_path / "copy", engine="torch").labels == earmark.load(trained).labels


@given(st.lists(st.sampled_from(["members", "a", "..", "training", *NAMES, "x.bin", "model.safetensors.index.json"])))
def test_only_known_names_at_their_places_are_files_of_a_model(parts: list[str]) -> None:
    wanted = bool(parts) and parts[-1] in NAMES and (len(parts) == 1 or (len(parts) > 2 and parts[0] == "members"))
    assert is_model_file("/".join(parts)) == wanted


def test_what_is_no_complete_model_is_named(model: Path, tmp_path: Path) -> None:
    def said(folder: Path) -> str:
        with pytest.raises(ModelError) as caught:
            model_files(folder)
        return str(caught.value)

    assert "expected a directory made by 'earmark train'" in said(tmp_path / "nowhere")
    for name, message in (
        ("operating_point.json", f"{model} is not complete: operating_point.json is missing"),
        ("model.safetensors", f"{model} is not complete: model.safetensors is missing"),
        ("config.json", f"{model} is not a model directory: config.json is missing or not of earmark"),
    ):
        shutil.move(model / name, tmp_path / name)
        assert said(model) == message
        shutil.move(tmp_path / name, model / name)
    (model / "config.json").write_text('{"format_version": 2, "labels": ["owl"]}')
    (model / "model.safetensors").unlink()
    assert said(model).endswith("model.safetensors is missing (made by a later version?)")


@pytest.mark.parametrize("text", ["", "[]", "{", '{"labels": ["a"]}', '{"format_version": 1, "labels": []}', "\xff"])
def test_another_config_is_told_apart(text: str, tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_bytes(text.encode("latin-1"))
    assert not is_config(path)
