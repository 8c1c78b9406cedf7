"""The model card of a directory that was tuned again: its point stored, and the card brought up to it; no torch."""

from __future__ import annotations

import os
import re
from pathlib import Path

from earmark.decisions import FILE_NAME, OperatingPoint
from earmark.decisions.tuning import Tuned, TuningReport
from earmark.files import sweep, write_texts
from earmark.report.model_card import operating_point_section, with_operating_point
from earmark.report.points import calibration_text, method_text, point_table

_SINCE = (
    "The operating point was changed afterwards: these figures belong to the previous one; run `earmark evaluate` for "
    "current figures."
)


def store_point(folder: Path, tuned: Tuned) -> Path:
    """Write the operating point of the model in `folder`, and its card brought up to it: both, or neither.

    A card of another make is left alone. Returns the file of the point. `OutputError` where it cannot be written.
    """
    sweep(folder)
    point, card = folder / FILE_NAME, folder / "README.md"
    texts: dict[str | os.PathLike[str], str] = {point: tuned.point.to_text()}
    if card.is_file():
        texts[card] = retuned(card.read_text(encoding="utf-8", errors="surrogateescape"), tuned)
    write_texts(texts)
    return point


def retuned(card: str, tuned: Tuned) -> str:
    """A card with another operating point: its origin, its section, and a word of warning at the figures."""
    point = tuned.point
    card = re.sub(r"(?m)^- \*\*operating point\*\*: .*$", lambda _: f"- **operating point**: {point.origin}", card)
    section = operating_point_section(point_table(point), how_chosen(point, tuned.report), calibration_text(point))
    card = with_operating_point(card, section)
    if _SINCE not in card:
        card = re.sub(r"(?m)^(Measured on .*)$", lambda found: f"{found[1]} {_SINCE}", card)
    return card


def how_chosen(point: OperatingPoint, report: TuningReport | None) -> str:
    """How the operating point finds events, and how it was chosen."""
    return f"{method_text(point)}\n{report.summary() if report else point.origin}"
