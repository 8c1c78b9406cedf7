"""Many recordings through a model, and an account of them: what was scored, what failed, what was read only in part.

    Task -> decide_all, in this process or another -> Decided -> a sink (`pass_on`), or files (`archive`)

A task and what was decided are plain data, so that they travel between processes and machines.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

from earmark.audio import SHORT, Source, probe, too_short
from earmark.audio.listing import Listing
from earmark.audio.remote import close_source, is_remote, open_source
from earmark.decisions import score_curve
from earmark.decisions.parents import events_with_parents, tags_with_parents
from earmark.errors import EarmarkError
from earmark.events import Event
from earmark.formats import write_scores
from earmark.formats.embeddings import Embedded, write_vectors
from earmark.formats.ontology import Parents, read_parents
from earmark.reporter import Counts, Follow
from earmark.runtime.embedder import Embedder
from earmark.runtime.scorer import Job
from earmark.runtime.tables import Tracks
from earmark.runtime.tagger import Result, Tagger
from earmark.stopwatch import stage

_FEW = 100  # recordings whose headers are read to learn how long they are
DEATHS = 2  # of workers with a recording alone
Verb = Literal["detect", "tag", "embed"]
# Events (onset, offset, label, score), tags (label, score), or of embeddings one (vectors, seconds, file, None).
Items = list[tuple[Any, ...]]
Sink = Callable[[str, Any], object]  # name of a recording, its events or tags


class Task(NamedTuple):
    """A recording that is to be read."""

    position: int  # among the recordings of this run
    name: str
    path: str
    size: int = -1  # bytes; -1: it cannot be asked for
    mtime: int = -1  # ns
    scores: str | None = None  # where the table of its frame scores goes, or its embeddings


class Decided(NamedTuple):
    """What became of a task."""

    items: Items = []  # noqa: RUF012 - never changed
    seconds: float = 0.0
    actions: tuple[str, ...] = ()  # what was done to the audio
    problem: str | None = None  # it could be read only in part
    failed: str | None = None  # it could not be used: why
    rate: int | None = None  # Hz, of the file, where that was asked for


@dataclass(frozen=True)
class Work:
    """What is done with each recording."""

    verb: Verb
    min_score: float = 0.0  # tags and events that score below are left out
    rates: bool = False  # the sample rate is wanted
    root: str = ""  # folder that the names of files with embeddings are relative to
    ontology: str | None = None  # a file: labels above what was decided are added (`formats.ontology`)
    steady: bool = False  # scores must not depend, in their last bits, on what else is scored (`Scorer.steady`)


@dataclass
class Account:
    """What became of the recordings of a run."""

    scored: int = 0
    seconds: float = 0.0  # of audio scored
    items: int = 0  # events or tags
    before: int = 0  # recordings that were done by an earlier run
    gone: int = 0  # recordings of an earlier run that are not among the inputs any more
    failed: list[str] = field(default_factory=list)  # which, and why
    partial: list[str] = field(default_factory=list)  # read only in part: which, and what is missing
    actions: Counter[str] = field(default_factory=Counter)  # what was done to the audio of how many recordings

    def add(self, name: str, decided: Decided) -> None:
        """Count a recording."""
        if decided.failed is not None:
            self.failed.append(decided.failed)
            return
        self.scored += 1
        self.seconds += decided.seconds
        self.items += len(decided.items)
        if decided.problem:
            self.partial.append(f"{name}: {decided.problem}")
        self.actions.update(action for action in decided.actions if action != decided.problem)

    def add_record(self, record: Mapping[str, Any]) -> None:
        """Count a recording by its line of a journal."""
        items = record.get("items", ())
        seconds, actions = record.get("seconds", 0.0), record.get("actions", ())
        self.add(record["name"], Decided(items, seconds, actions, record.get("problem"), record.get("failed")))

    def clear(self) -> None:
        """Count anew, but for what earlier runs did."""
        before, gone = self.before, self.gone
        self.__init__()  # type: ignore[misc]
        self.before, self.gone = before, gone


class Suspects:
    """Recordings that were with a worker that died: they are tried again in ever smaller groups.

    What a worker dies of twice while it is alone is a failure.
    """

    def __init__(self, why: str) -> None:
        self.why = why
        self.groups: deque[list[Task]] = deque()
        self._deaths: Counter[int] = Counter()

    def add(self, tasks: list[Task]) -> Iterator[tuple[Task, Decided]]:
        """Take up what a dead worker held; those that are failures come back."""
        if len(tasks) > 1:
            half = len(tasks) // 2
            self.groups += [tasks[:half], tasks[half:]]
            return
        for task in tasks:
            self._deaths[task.position] += 1
            if self._deaths[task.position] < DEATHS:
                self.groups.append([task])
            else:
                yield task, Decided(failed=f"{task.path}: {DEATHS} {self.why}")


Backend = Callable[[Iterable[Task]], Iterator[tuple[Task, Decided]]]  # tasks come back in any order


def decide_all(tagger: Tagger | Embedder, work: Work, tasks: Iterable[Task]) -> Iterator[tuple[Task, Decided]]:
    """Every task with what was decided, in their order; frame scores or embeddings are written on the way."""
    waiting: deque[tuple[Task, Source]] = deque()
    tagger.scorer.steady = work.steady
    above: Parents = {}
    if work.ontology is not None and isinstance(tagger, Tagger):
        above = read_parents(Path(work.ontology), tagger.labels)

    def jobs() -> Iterator[Job]:
        for task in tasks:
            source = open_source(task.path)
            waiting.append((task, source))
            yield Job(task.name, source)

    for outcome in tagger.stream(jobs(), min_score=work.min_score):
        task, source = waiting.popleft()
        close_source(source)
        yield (
            task,
            _embedded(work, task, outcome)
            if isinstance(tagger, Embedder)
            else _decided(tagger, work, above, task, outcome),
        )


def _embedded(work: Work, task: Task, outcome: Any) -> Decided:
    """Write the embeddings of a recording, and say where they are."""
    if not isinstance(outcome, Embedded):
        return Decided(failed=str(outcome[1]))
    if outcome.duration < SHORT:
        return Decided(failed=f"{task.path}: {too_short(outcome.duration)}")
    assert task.scores is not None
    file = Path(task.scores)
    write_vectors(file, outcome.found)
    name = file.relative_to(work.root).as_posix()
    item = (float(len(outcome.found.start)), outcome.duration, name, None)
    return Decided([item], outcome.duration, outcome.actions, outcome.problem)


def _decided(tagger: Tagger, work: Work, above: Parents, task: Task, outcome: Any) -> Decided:
    if not isinstance(outcome, Result):
        return Decided(failed=str(outcome[1]))
    seconds = outcome.scores.duration
    if seconds < SHORT:
        return Decided(failed=f"{task.path}: {too_short(seconds)}")
    if task.scores is not None:
        with stage(tagger.scorer.stopwatch, "write"):
            write_scores(Path(task.scores), score_curve(outcome.scores, tagger.operating_point))
    items: Items
    if work.verb == "detect":
        items = [*(events_with_parents(outcome.events, above) if above else outcome.events)]
    else:
        items = [*(tags_with_parents(outcome.tags, above) if above else outcome.tags)]
    rate = probe(open_source(task.path)).rate if work.rates else None
    return Decided(items, seconds, outcome.actions, outcome.problem, None, rate)


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
    began = reported = time.monotonic()

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
        if follow is not None and now - reported > 0.1:
            reported = now
            follow(Counts(turn, 0, len(account.failed), listing.total, account.seconds, now - began))
    if follow is not None:
        count = account.scored + len(account.failed)
        follow(Counts(count, 0, len(account.failed), count, account.seconds, time.monotonic() - began))
    return account


def seconds_of(listing: Listing) -> float | None:
    """How long recordings are together, by their headers; None where they do not say, or are many or far away."""
    few = listing.few(_FEW)
    if few is None or any(is_remote(entry.path) for entry in few):
        return None
    total = 0.0
    for entry in few:
        try:
            length = probe(entry.path).duration
        except (EarmarkError, OSError):
            continue  # scoring it will take no time, and report what is wrong with it
        if length is None:
            return None
        total += length
    return total


def as_record(task: Task, decided: Decided) -> dict[str, Any]:
    """A journal's line. Scores are rounded to the six decimals that every format has."""
    record: dict[str, Any] = {"name": task.name, "path": task.path, "size": task.size, "mtime": task.mtime}
    if decided.failed is not None:
        return {**record, "failed": decided.failed}
    record["seconds"] = decided.seconds
    record["items"] = [_rounded(item) for item in decided.items]
    if decided.rate is not None:
        record["rate"] = decided.rate
    if decided.actions:
        record["actions"] = decided.actions
    if decided.problem is not None:
        record["problem"] = decided.problem
    return record


def of_record(verb: Verb, record: Mapping[str, Any]) -> Decided:
    """What a journal's line says."""
    if "failed" in record:
        return Decided(failed=record["failed"])
    items: Items = [Event(*item) for item in record["items"]] if verb == "detect" else [*map(tuple, record["items"])]
    actions = tuple(record.get("actions", ()))
    return Decided(items, record["seconds"], actions, record.get("problem"), None, record.get("rate"))


def _rounded(item: tuple[Any, ...]) -> list[Any]:
    *times, label, score = item
    return [*map(float, times), label, None if score is None else round(float(score), 6)]
