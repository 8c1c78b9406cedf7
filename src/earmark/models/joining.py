"""Models there are, put together into a fused model directory."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from earmark.decisions import OperatingPoint
from earmark.errors import OutputError
from earmark.files import write_text
from earmark.models.directory import MEMBERS, copy_model, load_model, load_point, member_names, write_fusion
from earmark.models.fusion import Fusion
from earmark.runtime.ensemble import fused_point


def join(
    sources: Sequence[Path], output: Path, card: Callable[[Fusion, OperatingPoint], str]
) -> tuple[Fusion, OperatingPoint]:
    """Copy model directories into a new one that fuses them; it appears whole or not at all.

    `card` writes its README.md. `ConfigError` where labels differ, `ModelError` where a source is no model,
    `OutputError` where `output` holds something or cannot be written.
    """
    if output.exists() and not (output.is_dir() and not any(output.iterdir())):
        raise OutputError(f"{output} is there already; give a new directory")
    names = member_names(sources)
    models = [load_model(source) for source in sources]
    fusion = Fusion(models, [str(source) for source in sources])  # told by their paths, should they not fit
    points = [load_point(source, model.labels) for source, model in zip(sources, models, strict=True)]
    fusion.names, point = tuple(names), fused_point(points, fusion.labels)
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{output.name}.", dir=output.parent) as aside:
            made = Path(aside) / output.name
            for source, name in zip(sources, names, strict=True):
                copy_model(source, made / MEMBERS / name)
            point.save(made)
            write_text(made / "README.md", card(fusion, point))
            write_fusion(fusion, made)
            if output.is_dir():
                output.rmdir()
            shutil.move(made, output)
    except OSError as error:
        raise OutputError(f"cannot write {output}: {error.strerror or error}") from error
    return fusion, point
