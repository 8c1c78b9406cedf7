"""Published files are known by their checksums."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from earmark.errors import ModelError
from earmark.hub.importing import import_checkpoint
from earmark.hub.published import CHECKPOINTS, Checksums, origin_of, published_as


def test_a_published_file_is_known_by_its_checksum(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    md5 = hashlib.md5(checkpoint.read_bytes()).hexdigest()
    monkeypatch.setitem(CHECKPOINTS, "panns/cnn10", replace(CHECKPOINTS["panns/cnn10"], md5=md5))
    assert import_checkpoint(checkpoint, tmp_path / "m").origin == "published"
    card = (tmp_path / "m" / "README.md").read_text()
    assert f"Cnn10, Cnn10_mAP=0.380.pth as published (md5 {md5}" in card
    assert "license: cc-by-4.0" in card
    assert "https://doi.org/10.5281/zenodo.3987831" in card
    with pytest.raises(ModelError, match=r"c.pth is the published panns/cnn10 by its checksum, not panns/cnn14"):
        import_checkpoint(checkpoint, tmp_path / "n", "cnn14")
    cnn14 = replace(CHECKPOINTS["panns/cnn14"], md5=md5, sha256=None)
    monkeypatch.setitem(CHECKPOINTS, "panns/cnn14", cnn14)
    monkeypatch.delitem(CHECKPOINTS, "panns/cnn10")
    with pytest.raises(ModelError, match=r"c.pth is not panns/cnn14: missing 'bn0"):
        import_checkpoint(*(saved(tmp_path / "c.pth", {}), tmp_path / "n", "cnn14"))


def test_checksums_tell_the_published_files_apart() -> None:
    panns = {name: known for name, known in CHECKPOINTS.items() if name.startswith("panns/")}
    for name, known in panns.items():
        assert published_as(Checksums(known.md5, known.sha256 or "any")) == name
    assert published_as(Checksums(CHECKPOINTS["panns/cnn14"].md5, "forged")) is None
    assert len({known.md5 for known in panns.values()}) == len(panns) == 6
    assert CHECKPOINTS["panns/cnn14"].url == "https://zenodo.org/record/3987831/files/Cnn14_mAP%3D0.431.pth?download=1"


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_every_checkpoint_says_where_it_lies_and_whose_it_is(name: str) -> None:
    known = CHECKPOINTS[name]
    assert known.url.startswith("https://")
    assert known.file
    assert known.source.authors
    assert known.source.weights_licence
    found = Checksums("0" * 32, "0" * 64)
    assert origin_of(name, found) == ("unknown" if known.checksum is None else "other")
    assert published_as(found) is None


def saved(path: Path, state: dict[str, torch.Tensor]) -> Path:
    torch.save({"model": state}, path)
    return path
