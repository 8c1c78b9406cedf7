"""Many recordings through a model, and an account of them: what was scored, what failed, what was read only in part."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from earmark.audio import SHORT, Recording, probe, too_short
from earmark.errors import EarmarkError
from earmark.reporter import Progress
from earmark.runtime.pipeline import Pipeline, Result
from earmark.runtime.scorer import Job

_FEW = 100  # recordings whose headers are read to learn how long they are


@dataclass
class Account:
    """What became of the recordings of a run."""

    scored: int = 0
    seconds: float = 0.0  # of audio scored
    failed: list[str] = field(default_factory=list)  # which, and why
    partial: list[str] = field(default_factory=list)  # read only in part: which, and what is missing
    actions: Counter[str] = field(default_factory=Counter)  # what was done to the audio of how many recordings

    def add(self, result: Result) -> None:
        """Count a recording that was scored."""
        self.scored += 1
        self.seconds += result.scores.duration
        if result.problem:
            self.partial.append(f"{result.recording}: {result.problem}")
        self.actions.update(action for action in result.actions if action != result.problem)


def run_all(
    pipeline: Pipeline,
    recordings: Sequence[Recording],
    account: Account,
    *,
    min_score: float = 0.0,
    progress: Progress | None = None,
) -> Iterator[Result]:
    """The result of every recording that can be read and is long enough to hold a sound; `account` has the others.

    Tags and events that score below `min_score` are left out.
    """
    jobs = [Job(recording.name, recording.path) for recording in recordings]
    for done, outcome in enumerate(pipeline.stream(jobs, min_score=min_score), 1):
        if not isinstance(outcome, Result):
            account.failed.append(str(outcome[1]))
        elif outcome.scores.duration < SHORT:
            account.failed.append(f"{jobs[done - 1].source}: {too_short(outcome.scores.duration)}")
        else:
            account.add(outcome)
            yield outcome
        if progress is not None:
            progress(done, len(jobs))


def seconds_of(recordings: Sequence[Recording]) -> float | None:
    """How long recordings are together, by their headers; None where they do not say, or are many."""
    if len(recordings) > _FEW:
        return None
    total = 0.0
    for recording in recordings:
        try:
            length = probe(recording.path).duration
        except (EarmarkError, OSError):
            continue  # scoring it will take no time, and report what is wrong with it
        if length is None:
            return None
        total += length
    return total
