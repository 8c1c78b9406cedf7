"""What `tag` and `detect` share: a model on many recordings, the broken ones listed at the end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from earmark.audio import Recording
from earmark.cli.console import NOTHING_DONE, OK, SOME_FAILED, Terminal, count
from earmark.cli.profiling import profile_lines
from earmark.data.doctor import SHORT
from earmark.decisions import OperatingPoint, named_point
from earmark.devices import Precision, tune_allocator
from earmark.errors import ConfigError
from earmark.evaluation.labelled import too_short
from earmark.hub import box, locate
from earmark.labels import Labels
from earmark.models import opening
from earmark.runtime.pipeline import Pipeline, Result
from earmark.runtime.scorer import Job
from earmark.stopwatch import Stopwatch


@dataclass
class Listening:
    """One run of `tag` or `detect`."""

    terminal: Terminal
    pipeline: Pipeline
    heard: int = 0
    failed: list[str] = field(default_factory=list)
    partial: list[str] = field(default_factory=list)  # read in part
    audio: float = 0.0  # seconds heard
    watch: Stopwatch | None = None  # where the time goes, where that is asked for

    def profile(self, began: float) -> None:
        """Measure where the time goes; what passed since `began` (`time.perf_counter`) was loading."""
        scorer = self.pipeline.scorer
        self.watch = scorer.stopwatch = Stopwatch(began)
        self.watch.add("load", began)

    def results(self, recordings: Sequence[Recording], min_score: float) -> Iterator[Result]:
        """The result of every recording that can be read and is long enough to hold a sound."""
        jobs = [Job(recording.name, recording.path) for recording in recordings]
        changed: dict[str, int] = {}
        with self.terminal.bar("listening") as bar:
            for done, outcome in enumerate(self.pipeline.stream(jobs, min_score=min_score), 1):
                if not isinstance(outcome, Result):
                    self.failed.append(str(outcome[1]))
                elif outcome.scores.duration < SHORT:
                    self.failed.append(f"{jobs[done - 1].source}: {too_short(outcome.scores.duration)}")
                else:
                    self._note(outcome, changed)
                    yield outcome
                if bar:
                    bar(done, len(jobs))
        for action, number in changed.items():
            self.terminal.say(f"{action}: {count(number, 'recording')}")

    def _note(self, result: Result, changed: dict[str, int]) -> None:
        """Keep account of what was done to a recording, and of what is missing from it."""
        self.heard += 1
        self.audio += result.scores.duration
        if result.problem:
            self.partial.append(f"{result.recording}: {result.problem}")
        for action in result.actions:
            if action != result.problem:
                changed[action] = changed.get(action, 0) + 1

    def tell(self, found: int, what: str) -> None:
        """Say how much was found in how many recordings, and what computed it."""
        self.terminal.say(f"{count(found, what)} in {heard(self.heard, self.pipeline)}")

    def close(self) -> int:
        """Say where the time went, if that was asked for, and list what failed; the exit code."""
        if self.watch is not None:
            for line in profile_lines(self.watch, self.pipeline.scorer, self.heard, self.audio):
                self.terminal.err.print(line, markup=False)  # asked for, so told even when quiet
        self.terminal.faults(self.partial, "recordings that could be read only in part")
        self.terminal.faults(self.failed, "recordings that could not be used")
        if not self.failed and not self.partial:
            return OK
        return SOME_FAILED if self.heard else NOTHING_DONE


def heard(recordings: int, pipeline: Pipeline) -> str:
    """How many recordings, and what computed their scores: "16 recordings (cpu, bf16)"."""
    return f"{count(recordings, 'recording')} ({pipeline.scorer.arithmetic})"


def open_pipeline(
    models: Path | Sequence[Path],
    device: str,
    precision: Precision,
    threshold: float | None = None,
    operating_point: Path | None = None,
    terminal: Terminal | None = None,
) -> Pipeline:
    """A model ready to listen, or several as one, with another operating point where one is asked for.

    No model is the one in the package. `terminal` is told so, and how several models decide together where nobody has
    said.
    """
    if threshold is not None and operating_point is not None:
        raise ConfigError("--threshold and --operating-point exclude each other: give one of them")
    directories = [locate(model) for model in ([models] if isinstance(models, Path) else models)]
    pipeline = opening.open_pipeline(directories or [box.directory()], device=device, precision=precision)
    tune_allocator()  # now: what loading took for a while is given back, not kept
    if terminal is not None and not directories:
        terminal.say(box.notice(len(pipeline.labels)))
    if terminal is not None and len(directories) > 1 and operating_point is None:
        terminal.say(f"{len(directories)} models as one; decided by {pipeline.operating_point.origin}")
        terminal.say("better: put them together with 'earmark fuse', then 'earmark tune' the result")
    if operating_point is not None:
        pipeline.operating_point = _point(operating_point, pipeline.labels)
        for label in pipeline.labels:
            pipeline.operating_point.of(label)
    if threshold is not None:
        pipeline.operating_point = pipeline.operating_point.with_threshold(threshold)
    return pipeline


def _point(file: Path, labels: Labels) -> OperatingPoint:
    """The operating point in a file, or of a name."""
    named = not file.exists() and not file.suffix and file.name == str(file)
    return named_point(str(file), labels) if named else OperatingPoint.load(file)


def tell_written(terminal: Terminal, paths: Sequence[Path], folder: Path) -> None:
    """Say which files were written; many are counted."""
    if len(paths) > 5:
        terminal.say(f"wrote {count(len(paths), 'file')} into {folder}")
    else:
        for path in paths:
            terminal.say(f"wrote {path}")
