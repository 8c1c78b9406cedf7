"""What a sink of live events is, and how an update reads as JSON.

    {"type": "begin", "id": 3, "label": "dog", "onset": 12.04, "offset": 12.4, "score": 0.81, "source": "mic",
     "time": "2026-05-01T06:12:33.120+00:00"}

Times are seconds from the beginning of the listening, rounded to the millisecond; `time` is when the onset was, by the
clock of the computer, where sound comes in real time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from earmark.arrays import FloatArray
from earmark.decisions import Update


@dataclass(frozen=True)
class News:
    """An update, where it was heard, and when its onset was."""

    update: Update
    source: str
    time: datetime | None = None

    def as_json(self) -> dict[str, Any]:
        """For a line, or a message."""
        update = self.update
        found: dict[str, Any] = {
            "type": update.kind,
            "id": update.id,
            "label": update.label,
            "onset": round(update.onset, 3),
            "offset": round(update.offset, 3),
            "score": round(update.score, 6),
            "source": self.source,
        }
        return found if self.time is None else {**found, "time": self.time.isoformat(timespec="milliseconds")}


class Sink:
    """Takes what is heard; this one does nothing with it."""

    def take(self, news: News) -> None:
        """An update."""

    def sound(self, samples: FloatArray, begin: float) -> None:
        """Mono samples at the rate that the sink was made for, which begin at so many seconds."""

    def close(self) -> None:
        """No more comes."""
