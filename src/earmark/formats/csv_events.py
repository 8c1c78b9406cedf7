"""Events as a comma separated table with scores: `filename,onset,offset,event_label,score`.

One file for all recordings, for spreadsheets and data frames; seconds, probabilities. A recording without
events is a row with its name alone. Reading accepts whatever `dcase.read_strong` does: other orders and
spellings of the columns, tabs, no scores.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from earmark.events import Event
from earmark.formats.dcase import read_strong, write_strong


def read_csv(path: str | os.PathLike[str]) -> dict[str, list[Event]]:
    """Events by recording."""
    return read_strong(path)


def write_csv(path: str | os.PathLike[str], events: Mapping[str, Sequence[Event]]) -> None:
    """Write events with their scores."""
    write_strong(path, events, scores=True)
