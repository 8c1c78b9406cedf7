"""Published files are known by their checksums."""

import hashlib
from pathlib import Path

import pytest
import torch

from earmark.errors import ModelError
from earmark.hub.importing import import_panns
from earmark.hub.published import CHECKPOINTS, Checksums, Published, published_as


def test_a_published_file_is_known_by_its_checksum(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    md5 = hashlib.md5(checkpoint.read_bytes()).hexdigest()
    monkeypatch.setitem(CHECKPOINTS, "cnn10", Published("Cnn10", "Cnn10_mAP=0.380.pth", md5))
    assert import_panns(checkpoint, tmp_path / "m").published
    card = (tmp_path / "m" / "README.md").read_text()
    assert f"Cnn10, Cnn10_mAP=0.380.pth (md5 {md5}" in card
    assert "license: cc-by-4.0" in card
    assert "https://doi.org/10.5281/zenodo.3987831" in card
    with pytest.raises(ModelError, match=r"c.pth is the published cnn10 by its checksum, not cnn14"):
        import_panns(checkpoint, tmp_path / "n", "cnn14")
    monkeypatch.setitem(CHECKPOINTS, "cnn14", Published("Cnn14", "x", md5))
    monkeypatch.delitem(CHECKPOINTS, "cnn10")
    with pytest.raises(ModelError, match=r"c.pth is not cnn14: missing 'bn0"):
        import_panns(*(saved(tmp_path / "c.pth", {}), tmp_path / "n", "cnn14"))


def test_checksums_tell_the_published_files_apart() -> None:
    for name, known in CHECKPOINTS.items():
        assert published_as(Checksums(known.md5, known.sha256 or "any")) == name
    assert published_as(Checksums(CHECKPOINTS["cnn14"].md5, "forged")) is None
    assert len({known.md5 for known in CHECKPOINTS.values()}) == len(CHECKPOINTS) == 6
    assert CHECKPOINTS["cnn14"].url == "https://zenodo.org/record/3987831/files/Cnn14_mAP%3D0.431.pth?download=1"


def saved(path: Path, state: dict[str, torch.Tensor]) -> Path:
    torch.save({"model": state}, path)
    return path
