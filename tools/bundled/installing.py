"""The directory that ships, put together beside the trained model and copied into the package."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import earmark
from earmark.decisions import OperatingPoint
from earmark.export import export
from earmark.files import write_text
from earmark.formats.tables import write_table
from earmark.hub.box import Verified, seal, verify
from tools.bundled.figures import Figures, write_scores
from tools.bundled.folds import HELD, TRAIN
from tools.bundled.licences import allowed
from tools.bundled.table import Recording

BOX = Path(earmark.__file__).parent / "box" / "everyday"
_FROM_MODEL = ("config.json", "model.safetensors", "recipe.yaml")


def assemble(
    folder: Path, model: Path, point: OperatingPoint, figures: Figures, recordings: Sequence[Recording], card: str
) -> Verified:
    """Write the finished model directory with its ONNX twin, and seal it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in _FROM_MODEL:
        shutil.copyfile(model / name, folder / name)
    point.save(folder)
    write_scores(folder / "scores.tsv", figures, recordings)
    write_sources(folder / "sources.tsv", recordings)
    write_text(folder / "README.md", card)
    export(folder)
    return seal(folder)


def write_sources(path: Path, recordings: Sequence[Recording]) -> None:
    """Every recording that was learnt from, or held out for thresholds: whose it is, its licence and its part."""
    rows = [
        (row.filename, row.label, "training" if row.fold == TRAIN else "held-out", row.source, row.licence)
        for row in recordings
        if row.fold in (TRAIN, HELD) and allowed(row.licence)
    ]
    write_table(path, ["file", "label", "part", "source", "licence"], rows)


def install(folder: Path) -> None:
    """Copy a sealed directory into the package, in place of what is there; `ModelError` where it is not in order."""
    verify(folder)
    shutil.rmtree(BOX, ignore_errors=True)
    shutil.copytree(folder, BOX)
