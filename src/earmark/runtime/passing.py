"""Results handed on as they come, with nothing kept: to standard output, or to a function."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from earmark.audio.listing import Listing
from earmark.reporter import Counts, Follow
from earmark.runtime.bulk import Account, Backend, Decided, Task, Verb
from earmark.runtime.tables import Tracks

Sink = Callable[[str, Any], object]  # name of a recording, its events or tags


def pass_on(
    verb: Verb,
    listing: Listing,
    backend: Backend,
    sink: Sink,
    scores: Path | None = None,
    follow: Follow | None = None,
) -> Account:
    """Every recording's results to `sink`, in the order of the listing.

    `scores` is a folder for tables of frame scores.
    """
    account = Account()
    tables = None if scores is None else Tracks(scores, ".tsv", listing.names, None)
    began = told = time.monotonic()

    def tasks() -> Iterator[Task]:
        for position, entry in enumerate(listing):
            table = None if tables is None else str(tables.path(entry.name))
            yield Task(position, entry.name, entry.path, scores=table)

    waiting: dict[int, tuple[Task, Decided]] = {}
    for task, decided in backend(tasks()):
        waiting[task.position] = task, decided
        while (turn := account.scored + len(account.failed)) in waiting:
            task, decided = waiting.pop(turn)
            account.add(task.name, decided)
            if decided.failed is None:
                sink(task.name, decided.items)
        now = time.monotonic()
        if follow is not None and now - told > 0.1:
            told = now
            follow(Counts(turn, 0, len(account.failed), listing.total, account.seconds, now - began))
    if follow is not None:
        count = account.scored + len(account.failed)
        follow(Counts(count, 0, len(account.failed), count, account.seconds, time.monotonic() - began))
    return account
