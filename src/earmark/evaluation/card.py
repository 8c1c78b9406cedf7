"""The model card of a directory that was tuned again: its operating point brought up to date. No torch is needed."""

from __future__ import annotations

import re
from pathlib import Path

from earmark.decisions import OperatingPoint
from earmark.decisions.tuning import Tuned, TuningReport
from earmark.files import write_text
from earmark.report.model_card import operating_point_section, with_operating_point
from earmark.report.points import calibration_text, method_text, point_table

_SINCE = (
    "The operating point was changed afterwards: these figures belong to the previous one; run `earmark evaluate` for "
    "current figures."
)


def update_card(folder: Path, tuned: Tuned) -> None:
    """Bring the card of a model in `folder` up to its new operating point; a card of another make is left alone."""
    path = folder / "README.md"
    if path.is_file():
        write_text(path, retuned(path.read_text(encoding="utf-8"), tuned))


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
