"""The model in the package, and the seal on it. Where the package lacks its model, these tests fail."""

import csv
import hashlib
import json
import logging
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import earmark
from earmark.errors import ModelError
from earmark.hub import box, locate

FREE = re.compile(r"CC0|CC[- ]BY(?![- ]?(NC|ND|SA))|public[- ]domain|Unlicense|Apache|MIT|BSD", re.IGNORECASE)


@pytest.fixture(scope="module")
def everyday() -> Path:
    """The model in the package."""
    return box.directory()


@pytest.fixture(scope="module")
def card(everyday: Path) -> str:
    return (everyday / "README.md").read_text(encoding="utf-8")


@pytest.fixture
def sealed(model: Path) -> Path:
    """A box made of another model."""
    box.seal(model)
    return model


# The model in the package


def test_it_is_the_one_that_was_made(everyday: Path) -> None:
    found = box.verify(everyday)
    assert found.deviation <= box.TOLERANCE
    assert found.size <= 8_000_000


def test_nothing_else_lies_there(everyday: Path) -> None:
    """All of it is in the package: no scores of anybody's recordings, no state of a training."""
    listed = {line.partition("  ")[2] for line in (everyday / "SHA256SUMS").read_text().splitlines()}
    wanted = {"config.json", "model.safetensors", "operating_point.json", "README.md", "recipe.yaml", "sources.tsv"}
    assert wanted | {"check.json"} <= listed
    assert {path.name for path in everyday.iterdir()} == listed | {"SHA256SUMS"}


def test_it_listens_under_its_name(everyday: Path) -> None:
    assert locate("earmark/everyday") == locate(Path("earmark") / "everyday") == everyday
    tagger = earmark.load("earmark/everyday")
    result = tagger(box.check_clip(tagger.rate), tagger.rate)
    assert result.scores.frames.shape[1] == len(tagger.labels) >= 40
    stated = json.loads((everyday / "check.json").read_text())
    heard = dict(zip(tagger.labels, result.scores.clip, strict=True))
    assert heard == pytest.approx({label: of["clip"][0] for label, of in stated.items()}, abs=1e-4)


def test_its_card_names_licence_classes_data_and_sources(everyday: Path, card: str) -> None:
    head = card.split("---\n")[1]
    assert re.search(r"(?m)^license: \S+$", head)
    missing = [label for label in earmark.load("earmark/everyday").labels if f"`{label}`" not in card]
    assert not missing
    for word in ("licence", "attribution", "sources.tsv", "ESC-50", "held-out", "precision"):
        assert word.casefold() in card.casefold(), f"the card says nothing of {word}"


def test_all_it_learnt_from_may_be_used(everyday: Path) -> None:
    with (everyday / "sources.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert len(rows) > 100
    assert not [row for row in rows if not FREE.match(row["licence"])]
    assert not [row for row in rows if not any(value for name, value in row.items() if name != "licence")]


def test_loading_no_model_takes_it_and_says_so(everyday: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "earmark"):
        tagger = earmark.load()
        said = [record.getMessage() for record in caplog.records]
        assert said == [box.notice(len(tagger.operating_point.reportable))]
        earmark.load("earmark/everyday")  # asked for
    assert len(caplog.records) == 1


def test_what_it_says_reaches_stderr_and_can_be_silenced(everyday: Path) -> None:
    loud = "import earmark; earmark.load()"
    quiet = f"import logging; logging.getLogger('earmark').setLevel('ERROR'); {loud}"
    runs = [subprocess.run([sys.executable, "-c", code], capture_output=True, text=True) for code in (loud, quiet)]
    assert [run.stdout for run in runs] == ["", ""]
    assert runs[0].stderr.startswith("no model given: using earmark/everyday (")
    assert runs[0].stderr.count("\n") == 1
    assert runs[1].stderr == ""


# Names


def test_a_package_without_it_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(box, "__file__", str(tmp_path / "hub" / "box.py"))
    for load in (earmark.load, lambda: earmark.load("earmark/everyday")):
        with pytest.raises(ModelError, match=r"earmark/everyday is missing from this installation .*; reinstall"):
            load()


def test_a_name_that_is_none_gets_a_guess() -> None:
    with pytest.raises(ModelError, match=r"no model 'earmark/evryday' \(did you mean 'earmark/everyday'\?\); known"):
        earmark.load("earmark/evryday")


def test_a_directory_of_that_name_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "earmark" / "everyday").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert locate("earmark/everyday") == Path("earmark/everyday")


# The seal


@pytest.mark.parametrize("rate", [16_000, 32_000, 44_100])
def test_the_clip_of_the_check_is_one_sound_at_every_rate(rate: int) -> None:
    clip = box.check_clip(rate)
    assert (clip.shape, clip.dtype) == ((3 * rate,), np.float32)
    siren = np.abs(np.fft.rfft(clip[:rate]))
    assert 500 < siren.argmax() < 1300  # Hz, as the piece lasts a second
    beeps = np.abs(np.fft.rfft(clip[rate * 5 // 4 : rate * 9 // 4]))
    assert beeps.argmax() == pytest.approx(3000, abs=5)
    clicks = (clip[rate * 5 // 2 : rate * 29 // 10] > 0.2).sum()
    assert clicks == 3 * 8  # three clicks of eight samples
    assert np.array_equal(clip, box.check_clip(rate))


def test_what_was_sealed_is_found_in_order(sealed: Path) -> None:
    found = box.verify(sealed)
    assert (found.labels, found.files) == (4, len(list(filter(Path.is_file, sealed.iterdir()))))
    assert found.size == sum(path.stat().st_size for path in sealed.iterdir() if path.is_file())
    assert found.deviation < 1e-6
    assert str(found).startswith("4 labels, ")
    before = (sealed / "SHA256SUMS").read_text()
    assert box.seal(sealed) == found  # a seal of a seal is the same
    assert (sealed / "SHA256SUMS").read_text() == before


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="no sha256sum on this machine")
def test_sha256sum_agrees(sealed: Path) -> None:
    done = subprocess.run(["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"], cwd=sealed, check=False)
    assert done.returncode == 0


def test_the_check_is_of_what_the_model_hears(sealed: Path) -> None:
    tagger = earmark.load(sealed)
    result = tagger(box.check_clip(tagger.rate), tagger.rate)
    stated = json.loads((sealed / "check.json").read_text())
    for number, label in enumerate(tagger.labels):
        assert stated[label]["clip"] == pytest.approx([result.scores.clip[number]], abs=1e-4)
        assert stated[label]["frames"] == pytest.approx(result.scores.frames[::15, number], abs=1e-4)


def spoil_weights(folder: Path) -> None:
    content = bytearray((folder / "model.safetensors").read_bytes())
    content[-1] ^= 1
    (folder / "model.safetensors").write_bytes(content)


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (spoil_weights, r"model\.safetensors was changed: its checksum differs"),
        (lambda folder: (folder / "recipe.yaml").unlink(), r"recipe\.yaml is missing"),
        (lambda folder: (folder / "notes.txt").write_text("x"), r"notes\.txt is not in SHA256SUMS"),
        (lambda folder: (folder / "SHA256SUMS").unlink(), r"SHA256SUMS is missing, so the files cannot be checked"),
    ],
)
def test_what_was_changed_since_is_named(sealed: Path, harm, message: str) -> None:
    harm(sealed)
    with pytest.raises(ModelError, match=message):
        box.verify(sealed)


def restate(folder: Path, change) -> None:
    """Other content in check.json, under a checksum that is right."""
    stated = json.loads((folder / "check.json").read_text())
    before = (folder / "check.json").read_bytes()
    (folder / "check.json").write_text(json.dumps(change(stated)))
    sums = (folder / "SHA256SUMS").read_text()
    pairs = [hashlib.sha256(each).hexdigest() for each in (before, (folder / "check.json").read_bytes())]
    (folder / "SHA256SUMS").write_text(sums.replace(*pairs))


def louder(stated: dict) -> dict:
    stated["hum"]["frames"][2] += 2e-4
    return stated


def shorter(stated: dict) -> dict:
    stated["hum"]["frames"].pop()
    return stated


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (louder, "the frames score of hum is off by 0.0002"),
        (shorter, r"hum has \d+ frames, not \d+"),
        (lambda stated: dict(reversed(stated.items())), "its labels differ from those of the model"),
    ],
)
def test_other_scores_than_written_down_are_told(sealed: Path, change, message: str) -> None:
    restate(sealed, change)
    with pytest.raises(ModelError, match=message):
        box.verify(sealed)


def test_what_is_too_big_is_refused(model: Path) -> None:
    (model / "big.bin").write_bytes(bytes(8_000_001))
    with pytest.raises(ModelError, match=r"has 8,\d+,\d+ bytes; the limit is 8,000,000"):
        box.seal(model)
