"""What the experiments on `scapes` share: each half of dev decided by what was chosen on the other half.

    python -m benchmarks.accuracy.crossing MODEL SCAPES/dev -o figures.json

Scores the model's dev clips (kept in MODEL/scores), tunes on every second one for the others and the other way round,
and counts all decisions together; each figure is tuned for its own objective. Prints the figures, and writes them with
the model's size and the minutes its training took.
"""

from __future__ import annotations

import argparse
import csv
import json
import pathlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from earmark.data.manifest import read_manifest
from earmark.decisions import OperatingPoint, decide_all, score_curve
from earmark.devices import tune_allocator
from earmark.evaluation.labelled import ScoredClips
from earmark.evaluation.score_cache import score_clips_cached
from earmark.evaluation.tuning import tune
from earmark.events import Event
from earmark.files import write_text
from earmark.labels import Labels
from earmark.metrics import PSDS1, event_metrics, psds, segment_metrics, tagging_metrics
from earmark.models.directory import MEMBERS, load_model
from earmark.models.torch_engine import engine_of
from earmark.runtime.scorer import Scorer
from earmark.scores import Scores


@dataclass(frozen=True)
class Figure:
    """A column of a table: what is tuned for it, and its direction."""

    name: str
    objective: str  # empty: nothing is tuned
    higher: bool = True


FIGURES = (
    Figure("tagging mAP", ""),
    Figure("tagging F1", "tagging-f1-micro"),
    Figure("segment F1", "segment-f1-micro"),
    Figure("error rate", "error-rate", higher=False),
    Figure("event F1", "event-f1-micro"),
    Figure("PSDS1", "psds1"),
)
SAID = (
    "Thresholds and smoothing are tuned on one half of dev and applied to the other half, both ways, separately for "
    "the objective of each column; the decisions on both halves are counted together. F1 and error rate are "
    "micro-averaged over classes; a lower error rate is better."
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("dev", type=pathlib.Path, help="labelled recordings that the model was not trained on")
    parser.add_argument("-o", "--output", type=pathlib.Path, help="figures as JSON")
    args = parser.parse_args()
    tune_allocator()
    found = figures(score_dev(args.model, args.dev))
    found["parameters"] = load_model(args.model).parameter_count()
    found["minutes"] = minutes(args.model)
    text = json.dumps(found, indent=1)
    print(text)
    if args.output:
        write_text(args.output, text + "\n")


def minutes(model: pathlib.Path) -> float:
    """Minutes of a training; of models that were trained one by one and fused, of all of them."""
    log = model / "log.csv"
    if log.is_file():
        return undisturbed_minutes(log.read_text())
    return sum(minutes(member) for member in (model / MEMBERS).iterdir())


def undisturbed_minutes(log: str) -> float:
    r"""Minutes of a training at the pace of each stage's fastest epoch: without what else the machine did meanwhile.

    >>> undisturbed_minutes("stage,seconds\n1,20\n1,200\n1,230\n2,530\n2,540\n")
    1.3333333333333333
    >>> undisturbed_minutes("seconds\n50\n80\n")  # one stage alone has no column for it
    1.0
    """
    epochs: dict[str, list[float]] = {}
    before = 0.0
    for line in csv.DictReader(log.splitlines()):
        epochs.setdefault(line.get("stage", ""), []).append(float(line["seconds"]) - before)
        before = float(line["seconds"])
    return sum(len(spent) * min(spent) for spent in epochs.values()) / 60


def score_dev(model: pathlib.Path, dev: pathlib.Path, scores: pathlib.Path | None = None) -> ScoredClips:
    """Scores of the dev clips, kept in the model's directory, or in a folder of its name in `scores`.

    Classes of dev that the model never heard of are scored 0.
    """
    loaded = load_model(model)
    manifest = read_manifest(dev)
    known = score_clips_cached(Scorer(engine_of(loaded)), manifest, scores / model.name if scores else model / "scores")
    unheard = [label for label in manifest.labels if label not in loaded.labels]
    if not unheard:
        return known
    labels = Labels([*loaded.labels, *unheard])
    return replace(known, labels=labels, scores=tuple(_widened(each, labels) for each in known.scores))


def _widened(scores: Scores, labels: Labels) -> Scores:
    more = len(labels) - len(scores.labels)
    clip, frames = np.pad(scores.clip, (0, more)), np.pad(scores.frames, ((0, 0), (0, more)))
    return replace(scores, labels=labels, clip=clip, frames=frames)


def halves(scored: ScoredClips) -> list[ScoredClips]:
    """Every second recording, and the others."""
    return [replace(scored, clips=scored.clips[rest::2], scores=scored.scores[rest::2]) for rest in (0, 1)]


def figures(scored: ScoredClips) -> dict[str, float]:
    """All of `FIGURES` by name; an F1 of nothing at all is 0."""
    return {figure.name: float(np.nan_to_num(_figure(scored, figure.objective))) for figure in FIGURES}


def _figure(scored: ScoredClips, objective: str) -> float:
    tags = np.stack([scored.labels.encode(clip.labels) for clip in scored.clips])
    if not objective:
        return tagging_metrics(tags, scored.labels, scores=np.stack([scores.clip for scores in scored.scores])).map
    parts = halves(scored)
    points = [tune(part, objective, method="threshold").point for part in parts[::-1]]
    if objective.startswith("tagging"):
        decided = {name: tags for name, tags, _ in _decided(parts, points)}
        estimated = np.stack([scored.labels.encode(decided[clip.name]) for clip in scored.clips])
        return tagging_metrics(tags, scored.labels, estimated=estimated).micro_f1
    names = [clip.name for clip in scored.clips]
    reference = dict(zip(names, scored.references(), strict=True))
    if objective.startswith("psds"):
        pairs = zip(parts, points, strict=True)
        curves = [score_curve(scores, point) for part, point in pairs for scores in part.scores]
        return psds(curves, reference, scored.labels, options=PSDS1).value
    found = {name: events for name, _, events in _decided(parts, points)}
    if objective.startswith("event"):
        return event_metrics(reference, found, scored.labels).f1
    segments = segment_metrics(reference, found, scored.labels)
    return segments.error_rate if objective == "error-rate" else segments.f1


def _decided(
    parts: Sequence[ScoredClips], points: Sequence[OperatingPoint]
) -> Iterator[tuple[str, list[str], list[Event]]]:
    """Name, tags and events of every recording."""
    for part, point in zip(parts, points, strict=True):
        for decision in decide_all(part.scores, point):
            yield decision.recording, [label for label, _ in decision.tags], decision.events


if __name__ == "__main__":
    main()
