"""The look of every figure, and figures as bytes.

Colours are those of Okabe and Ito (2008), distinguishable with all common kinds of colour vision. Figures are made
with matplotlib's objects, never pyplot, so nothing is shared between them or left behind. User text goes
through `plain`, which keeps `$` from being read as mathematics.
"""

from __future__ import annotations

import base64
import io
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from earmark.errors import MissingExtraError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, PURPLE, SKY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9"
INK, FAINT, PAPER = "#26313d", "#c9d1d9", "#ffffff"
WIDTH = 10.0  # inches: 1000 px at 100 dots an inch


def new_figure(height: float, width: float = WIDTH) -> Figure:
    """An empty figure on white, sizes in inches; `MissingExtraError` without matplotlib."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("matplotlib", "report", "drawing a figure") from error
    return Figure(figsize=(width, height), facecolor=PAPER)


def tidy(axes: Axes, grid: Literal["x", "y"] | None = "y") -> None:
    """Quiet axes: no box, thin grid behind the data, dark grey text."""
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(FAINT)
    axes.tick_params(colors=INK, length=0, labelsize=9)
    axes.set_axisbelow(True)
    if grid:
        axes.grid(axis=grid, color=FAINT, linewidth=0.6)


def plain(texts: Sequence[Any]) -> None:
    """Keep texts (labels of the user, say) from being read as mathematics."""
    for text in texts:
        text.set_parse_math(False)


def shorten(label: str, width: int = 22) -> str:
    """A label cut to `width` characters, the cut marked.

    >>> shorten("Air horn, truck horn and others")
    'Air horn, truck horn …'
    """
    return label if len(label) <= width else label[: width - 1] + "…"


def svg(figure: Figure) -> bytes:
    """The figure as SVG: for lines and bars."""
    return _saved(figure, "svg", metadata={"Date": None})


def png(figure: Figure, dpi: int = 150) -> bytes:
    """The figure as PNG: for images."""
    return _saved(figure, "png", dpi=dpi)


def data_uri(content: bytes, kind: str) -> str:
    """Bytes as a URI that a page can carry within itself; `kind` is a MIME type.

    >>> data_uri(b"earmark", "text/plain")
    'data:text/plain;base64,ZWFybWFyaw=='
    """
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def _saved(figure: Figure, form: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        # A label may hold characters that the font lacks: boxes in the figure, right in the tables.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure.savefig(buffer, format=form, facecolor=figure.get_facecolor(), **options)
    return buffer.getvalue()
