"""Progress of long work. The command line overrides `Reporter` to draw progress bars."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Progress = Callable[[int, int], None]  # done, all


class Reporter:
    """Keeps quiet."""

    def stage(self, text: str) -> Progress | None:
        """A stage of the work begins; the returned function, if any, is called with (done, all)."""
        return None

    def say(self, text: str) -> None:
        """A line worth telling a person."""

    def callbacks(self) -> list[Any]:
        """Callbacks for the training engine (`lightning.Callback`)."""
        return []


QUIET = Reporter()
