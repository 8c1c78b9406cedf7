"""What of a model directory is read without PyTorch: fusions, operating points, twins."""

import json
from pathlib import Path

import pytest

from earmark.decisions import OperatingPoint
from earmark.errors import ModelError
from earmark.labels import Labels
from earmark.runtime.directory import check_members, fusion_options, has_twin, load_point, open_twin

LABELS = ["dog", "siren"]


def fusion(folder: Path, *members: str, labels: list[str] = LABELS) -> Path:
    folder.mkdir(exist_ok=True)
    config = {"format_version": 1, "kind": "fusion", "labels": labels, "members": list(members)}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def test_a_network_is_no_fusion_and_a_newer_format_is_left_to_its_reader(trained: Path, tmp_path: Path) -> None:
    assert fusion_options(trained) is None
    assert fusion_options(tmp_path) is None
    folder = fusion(tmp_path / "new", "a")
    (folder / "config.json").write_text((folder / "config.json").read_text().replace('version": 1', 'version": 2'))
    assert fusion_options(folder) is None


def test_a_fusion_has_a_twin_when_all_members_have_one(tmp_path: Path) -> None:
    folder = fusion(tmp_path / "m", "members/a", "members/b")
    for name in ("a", "b"):
        assert not has_twin(folder)
        (folder / "members" / name).mkdir(parents=True)
        (folder / "members" / name / "model.onnx").touch()
    assert has_twin(folder)


@pytest.mark.parametrize("member", ["/etc", "../a", ""])
def test_a_member_outside_the_directory_is_refused(tmp_path: Path, member: str) -> None:
    with pytest.raises(ModelError, match="outside the model directory"):
        fusion_options(fusion(tmp_path / "m", member))


def test_a_member_that_is_a_link_out_of_the_directory_is_refused(tmp_path: Path) -> None:
    folder = fusion(tmp_path / "m", "a")
    (tmp_path / "elsewhere").mkdir()
    (folder / "a").symlink_to(tmp_path / "elsewhere")
    options = fusion_options(folder)
    assert options is not None
    with pytest.raises(ModelError, match="a link out of the model directory"):
        check_members(folder, options)


def test_an_operating_point_of_other_labels_is_refused(tmp_path: Path) -> None:
    OperatingPoint.plain(["cat"]).save(tmp_path)
    assert load_point(tmp_path, Labels(["cat"])) == OperatingPoint.plain(["cat"])
    with pytest.raises(ModelError, match="its labels differ from those of the model"):
        load_point(tmp_path, Labels(["dog"]))


def test_a_twin_opens_with_the_labels_of_its_directory_and_no_others(twin: Path, tmp_path: Path) -> None:
    config = json.loads((twin / "config.json").read_text())
    assert list(open_twin(twin).labels) == config["labels"]
    folder = tmp_path / "changed"
    folder.mkdir()
    (folder / "model.onnx").write_bytes((twin / "model.onnx").read_bytes())
    (folder / "config.json").write_text(json.dumps({**config, "labels": config["labels"][::-1]}))
    with pytest.raises(ModelError, match="earmark export"):
        open_twin(folder)
