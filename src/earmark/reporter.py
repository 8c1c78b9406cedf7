"""Progress of long work. The command line overrides `Reporter` to draw progress bars."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Progress = Callable[[int, int], None]  # done, all


@dataclass(frozen=True)
class Counts:
    """How a run over many recordings stands."""

    done: int  # by this run
    before: int  # by earlier ones
    failed: int
    total: int | None  # all there are; None while they are still being listed
    seconds: float  # of audio scored
    elapsed: float  # seconds

    @property
    def left(self) -> float | None:
        """Seconds that the rest takes at the pace so far; None where that is not known."""
        if self.total is None or not self.done:
            return None
        return max(0, self.total - self.before - self.done) * self.elapsed / self.done


Follow = Callable[[Counts], None]


class Reporter:
    """Keeps quiet."""

    def stage(self, text: str) -> Progress | None:
        """A stage of the work begins; the returned function, if any, is called with (done, all)."""
        return None

    def counts(self, text: str) -> Follow | None:
        """Work on many recordings begins; the returned function, if any, is called with how it stands."""
        return None

    def say(self, text: str) -> None:
        """A line worth telling a person."""

    def callbacks(self) -> list[Any]:
        """Callbacks for the training engine (`lightning.Callback`)."""
        return []


QUIET = Reporter()
