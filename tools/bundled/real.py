"""Scores of recordings as they are, and what a list of tags and events of them is worth.

`score_recordings` listens as the command line does and keeps the scores; the figures are of decisions made of them:

    top1           share of clips whose highest class score (groups left out) is that of the class they hold
    map            mean over classes of average precision
    right          share of clips given at least one right tag
    precision      share of the given tags that are right
    wrong_events   events a minute that are neither of the recording's labels nor of their groups

A tag of a group is right where the clip holds one of its classes.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt

from earmark.audio import read_audio
from earmark.clock import Clock
from earmark.decisions import OperatingPoint, decide
from earmark.files import write_aside
from earmark.labels import Labels
from earmark.metrics import tagging_metrics
from earmark.models.network import Network
from earmark.models.torch_engine import engine_of
from earmark.runtime.scorer import Job, Scorer, Waveform
from earmark.scores import Scores
from tools.bundled.table import GROUPS, MERGED, Recording, groups_of

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Heard:
    """A recording, its scores and whose part it is."""

    recording: Recording
    scores: Scores

    @property
    def right(self) -> set[str]:
        """What may be said of it: its labels, comma between, and the groups of those."""
        labels = [label for label in self.recording.label.split(",") if label]
        return {*labels, *(group for label in labels for group in groups_of(label))}


def test_recordings(data: Path, recordings: Sequence[Recording]) -> list[Recording]:
    """What nothing was learnt from or chosen on: all of ESC-50's fold 4, whatever the licence, and `field/`'s own."""
    with (data / "esc50" / "clips.csv").open(encoding="utf-8", newline="") as file:
        fold = [row for row in csv.DictReader(file) if row["fold"] == "4"]
    clips = [Recording(f"esc50/{row['filename']}", row["label"], "test", "", row["licence"], "") for row in fold]
    return [*clips, *(row for row in recordings if row.fold == "test" and row.filename.startswith("field/"))]


def score_recordings(model: Path, data: Path, recordings: Sequence[Recording], cache: Path) -> list[Heard]:
    """Scores of whole recordings, kept in the file `cache`; of labels merged since, the highest."""
    if not cache.is_file():
        _write(model, data, recordings, cache)
    found = []
    with np.load(cache) as stored:
        labels = Labels(json.loads(str(stored["labels"])))
        step, start = json.loads(str(stored["clock"]))
        clock = Clock(Fraction(step), Fraction(start))
        clips, seconds = stored["clip"], stored["seconds"]
        for number, row in enumerate(recordings):
            frames = stored[f"frames-{number}"].astype(np.float32)
            found.append(Heard(row, Scores(row.filename, labels, clips[number], frames, clock, float(seconds[number]))))
    return found


def _write(model: Path, data: Path, recordings: Sequence[Recording], cache: Path) -> None:
    network = Network.from_pretrained(model)
    jobs = (
        Job(row.filename, Waveform(read_audio(data / row.filename, network.rate).samples, network.rate))
        for row in recordings
    )
    scores = [scored.scores for scored in Scorer(engine_of(network)).score_all(jobs) if scored.scores is not None]
    if len(scores) != len(recordings):
        raise ValueError(f"{len(recordings) - len(scores)} recordings could not be scored")
    with write_aside(cache) as temporary, open(temporary, "wb") as file:
        np.savez(
            file,
            labels=json.dumps(list(network.labels)),
            clock=json.dumps([str(network.clock.step), str(network.clock.start)]),
            clip=np.stack([each.clip for each in scores]),
            seconds=np.array([each.duration for each in scores]),
            **{f"frames-{number}": each.frames.astype(np.float16) for number, each in enumerate(scores)},  # type: ignore[arg-type]
        )


def ranking(heard: Sequence[Heard], classes: Sequence[str]) -> tuple[float, float, float]:
    """Top-1, top-5 and mAP of clips among `classes`; a class that the model does not know scores 0."""
    scores = np.stack([_merged(each.scores, classes) for each in heard])
    truth = np.array([classes.index(each.recording.label) for each in heard])
    order = np.argsort(-scores, axis=1, kind="stable")
    top1 = float(np.mean(order[:, 0] == truth))
    top5 = float(np.mean((order[:, :5] == truth[:, None]).any(axis=1)))
    held = sorted({each.recording.label for each in heard})
    columns = [classes.index(label) for label in held]
    targets = truth[:, None] == np.array(columns)[None]
    return top1, top5, tagging_metrics(targets, Labels(held), scores=scores[:, columns]).map


def _merged(scores: Scores, classes: Sequence[str]) -> FloatArray:
    """Clip scores (classes,) by today's names."""
    found = dict.fromkeys(classes, 0.0)
    for name, score in zip(scores.labels, scores.clip.tolist(), strict=True):
        name = MERGED.get(name, name)
        if name in found:
            found[name] = max(found[name], score)
    return np.array([found[name] for name in classes], np.float32)


@dataclass(frozen=True)
class Listed:
    """What a list of tags and events is worth."""

    clips: int
    minutes: float
    right: float  # share of clips given at least one right tag
    precision: float  # of tags; NaN where none was given
    tags: int
    silent: float  # share of clips without any tag
    wrong_events: float  # a minute
    wrong_tags: dict[str, int]


def listed(heard: Sequence[Heard], point: OperatingPoint, groups: bool = True, least: float = 0.0) -> Listed:
    """Tags and events at an operating point; without `groups`, theirs are left out of the count."""
    right = given = correct = silent = wrong = 0
    names: dict[str, int] = {}
    for each in heard:
        decision = decide(each.scores, point, min_score=least)
        tags = {MERGED.get(tag, tag) for tag, _ in decision.tags if groups or tag not in GROUPS}
        true = tags & each.right
        right, given, correct, silent = right + bool(true), given + len(tags), correct + len(true), silent + (not tags)
        for tag in tags - true:
            names[tag] = names.get(tag, 0) + 1
        wrong += sum(MERGED.get(event.label, event.label) not in each.right for event in decision.events)
    minutes = sum(each.scores.duration for each in heard) / 60
    return Listed(
        len(heard),
        minutes,
        right / max(len(heard), 1),
        correct / given if given else float("nan"),
        given,
        silent / max(len(heard), 1),
        wrong / max(minutes, 1e-9),
        dict(sorted(names.items(), key=lambda item: (-item[1], item[0]))),
    )
