"""What comes of a review on disk: label files, and tables that `train`, `tune` and `evaluate` take as DATA.

    review/
      events.csv strong.tsv label-studio.json label-studio.xml      confirmed, corrected and added events
      audacity/ raven/                                              the same, one file a recording
      training/weak.tsv training/strong.tsv                         only recordings whose every event has a verdict

A recording whose events are all judged has known content: it can teach and test a model. Others would teach that what
was not looked at yet is not there, so they are left out of `training/`.
"""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from earmark.audio import probe
from earmark.errors import ConfigError, EarmarkError, did_you_mean
from earmark.events import Event
from earmark.files import write_text
from earmark.formats import label_studio, write_events, write_strong, write_weak
from earmark.runtime.review import Review

KINDS = ("csv", "dcase", "audacity", "raven", "label-studio", "training")


@dataclass
class Exported:
    """The files of an export, and how to train with them."""

    folder: Path
    files: list[Path] = field(default_factory=list)
    recordings: int = 0  # with a verdict
    events: int = 0  # confirmed, corrected or added
    complete: int = 0  # recordings in the tables for training
    command: str = ""  # of a training with them; empty where none is complete


def export(review: Review, kinds: Sequence[str] = KINDS) -> Exported:
    """Write the results of a review below its folder; files of an earlier export are replaced.

    `ConfigError` for an unknown kind, `OutputError` where the folder cannot be written, `DataError` for a label that a
    format cannot carry.
    """
    for kind in kinds:
        if kind not in KINDS:
            raise ConfigError(f"unknown format {kind!r}{did_you_mean(kind, KINDS)}; known: {', '.join(KINDS)}")
    events, folder = review.results(), review.folder
    done = Exported(folder, recordings=len(events), events=sum(map(len, events.values())))
    if "csv" in kinds:
        done.files += write_events(folder, events, ("csv",))
    if "dcase" in kinds:
        write_strong(folder / "strong.tsv", events)
        done.files.append(folder / "strong.tsv")
    for kind in ("audacity", "raven"):
        if kind in kinds:
            shutil.rmtree(folder / kind, ignore_errors=True)  # tracks of recordings that have no verdict any more
            rates = _rates(review, events) if kind == "raven" else None
            done.files += write_events(folder / kind, events, (kind,), rates=rates) if events else []
    if "label-studio" in kinds:
        write_text(folder / "label-studio.json", label_studio.encode(events))
        write_text(folder / "label-studio.xml", label_studio.setup(review.labels))
        done.files += [folder / "label-studio.json", folder / "label-studio.xml"]
    if "training" in kinds:
        _training(review, done)
    return done


def _training(review: Review, done: Exported) -> None:
    """Weak and strong tables of the recordings that are complete."""
    complete = review.results(complete=True)
    root = audio_root(review.audio, complete)
    names = {name: name if root is not None else str(review.audio[name].resolve()) for name in complete}
    place, done.complete = done.folder / "training", len(complete)
    strong = {names[name]: events for name, events in complete.items()}
    weak = {name: list(dict.fromkeys(event.label for event in events)) for name, events in strong.items()}
    write_strong(place / "strong.tsv", strong)
    write_weak(place / "weak.tsv", weak)
    done.files += [place / "weak.tsv", place / "strong.tsv"]
    if any(weak.values()):
        audio = [] if root is None else ["--audio", str(root)]
        done.command = shlex.join(["earmark", "train", str(place), *audio, "-o", "new-model"])


def audio_root(audio: Mapping[str, Path], names: Mapping[str, object]) -> Path | None:
    """The one folder below which every recording has its name; None where there is no such folder.

    >>> audio_root({"x/a.wav": Path("/data/x/a.wav"), "b.wav": Path("/data/b.wav")}, {"x/a.wav": 0, "b.wav": 0})
    PosixPath('/data')
    """
    roots: set[Path] = set()
    for name in names:
        path = Path(os.path.abspath(audio[name]))
        depth = len(Path(name).parts)
        if path.parts[-depth:] != Path(name).parts:
            return None
        roots.add(path.parents[depth - 1])
    return roots.pop() if len(roots) == 1 else None


def _rates(review: Review, events: Mapping[str, Sequence[Event]]) -> dict[str, float]:
    """The sample rates of the recordings, of those that can be read."""
    found: dict[str, float] = {}
    for name in events:
        try:
            found[name] = probe(review.audio[name]).rate
        except (EarmarkError, OSError):
            continue
    return found
