"""`earmark card`: the model card."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from earmark.cli.console import Terminal

CARD = "README.md"


def command(
    model: Annotated[
        Path | None,
        typer.Argument(
            metavar="[MODEL]",
            help=(
                "Model directory, or the name of a public model such as panns/cnn14. Default: earmark/everyday, which "
                "is part of the package."
            ),
        ),
    ] = None,
) -> None:
    """Print a model's card: labels, data, results, licence."""
    from earmark.hub import box, locate

    text = _read(box.directory() if model is None else locate(model))
    terminal = Terminal()
    if not terminal.out.is_terminal:
        typer.echo(text.rstrip("\n"))  # byte for byte: rich would make pictures of :words:
        return
    from rich.markdown import Markdown

    terminal.out.print(Markdown(_body(text)), soft_wrap=False)


def _read(folder: Path) -> str:
    from earmark.errors import ModelError

    path = folder / CARD
    if not folder.is_dir():
        raise ModelError(f"no model at {folder}: expected a directory made by 'earmark train', or a name")
    if not path.is_file():
        raise ModelError(f"{folder} has no model card: {CARD} is missing")
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ModelError(f"{path} is damaged: {error}") from error


def _body(card: str) -> str:
    r"""A card without the lines for programs at its head.

    >>> _body("---\nlicense: mit\n---\n# A model")
    '# A model'
    """
    return re.sub(r"\A---\n.*?^---\n\s*", "", card, flags=re.DOTALL | re.MULTILINE)
