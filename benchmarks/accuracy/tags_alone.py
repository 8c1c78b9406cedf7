"""What tags alone give: each half of dev decided by what was chosen from the tags of the other half.

Used by decisions.py, which prints the section. Beside it stand tuning with timed clips, all of them or ten, the default
point, and tags alone as version 0.1 took them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.accuracy.crossing import halves
from benchmarks.sections import mean_and_range
from earmark.decisions import Decision, OperatingPoint, decide_all, named_point
from earmark.decisions.tuning import TagsAloneOptions, tune_from_tags, tune_tagging
from earmark.evaluation.labelled import ScoredClips
from earmark.evaluation.tuning import tune
from earmark.metrics import event_metrics, segment_metrics

Choose = Callable[[ScoredClips, str], OperatingPoint]

TIMED, TEN, OLD, UNSCALED, NEW, NONE = (
    "all clips timed",
    "ten clips timed, the others unused",
    "tags alone, as in version 0.1",
    "tags alone, durations alike for all labels",
    "tags alone: `earmark tune`",
    "nothing: the default point",
)
DRAWS = 3  # of ten clips
COLUMNS = {"segment F1": "segment-f1-micro", "error rate": "error-rate", "event F1": "event-f1-micro"}


@dataclass(frozen=True)
class Row:
    """All of dev, decided."""

    segment_f1: float
    error_rate: float
    event_f1: float
    wrong_tags: float  # share of clips with a tag they do not carry
    wrong_events: float  # ... with an event of a label they do not carry
    events: float
    reference: float


def ways() -> dict[str, Choose]:
    """How the operating point is chosen on a half, for an objective; tags alone know one objective."""
    return {
        TIMED: lambda half, objective: tune(half, objective, method="threshold").point,
        NEW: lambda half, _: tune(weak(half)).point,
        UNSCALED: lambda half, _: tags_alone(half, TagsAloneOptions(shrinkage=1e9)),
        OLD: lambda half, _: as_in_0_1(half),
        NONE: lambda half, _: named_point("default", half.labels),
    }


def weak(scored: ScoredClips) -> ScoredClips:
    """The same clips without the times of their events."""
    return replace(scored, clips=tuple(replace(clip, events=None) for clip in scored.clips))


def tags_of(scored: ScoredClips) -> np.ndarray:
    """Tags (clips, classes)."""
    return np.stack([scored.labels.encode(clip.labels) for clip in scored.clips])


def tags_alone(half: ScoredClips, options: TagsAloneOptions) -> OperatingPoint:
    """The choice from tags alone with other options."""
    return tune_from_tags(tags_of(half), half.scores, options=options).point


def as_in_0_1(half: ScoredClips) -> OperatingPoint:
    """Tag thresholds that serve for events too: no smoothing, no gate."""
    clip = np.stack([scores.clip for scores in half.scores])
    point = OperatingPoint.plain(half.labels)
    for label, least in tune_tagging(tags_of(half), clip, half.labels).thresholds.items():
        part = point.of(label).model_copy(update={"tag_threshold": least, "onset": least, "offset": least})
        point = point.model_copy(update={"classes": {**point.classes, label: part}})
    return point


def drawn(half: ScoredClips, number: int, seed: int) -> ScoredClips:
    """Some clips of a half."""
    picked = np.random.default_rng(seed).permutation(len(half.clips))[:number]
    return replace(half, clips=tuple(half.clips[i] for i in picked), scores=tuple(half.scores[i] for i in picked))


def measure(parts: Sequence[ScoredClips], points: Sequence[OperatingPoint]) -> Row:
    """Each part decided by its point, all counted together."""
    clips = [clip for part in parts for clip in part.clips]
    decided: list[Decision] = [
        decision for part, point in zip(parts, points, strict=True) for decision in decide_all(part.scores, point)
    ]
    found = {each.recording: each.events for each in decided}
    listed = [events for part in parts for events in part.references()]
    reference = {clip.name: events for clip, events in zip(clips, listed, strict=True)}
    segments = segment_metrics(reference, found, parts[0].labels)
    wrong = lambda of: np.mean([bool(of(each) - set(clip.labels)) for each, clip in zip(decided, clips, strict=True)])  # noqa: E731
    return Row(
        float(np.nan_to_num(segments.f1)),
        segments.error_rate,
        float(np.nan_to_num(event_metrics(reference, found, parts[0].labels).f1)),
        float(wrong(lambda each: {label for label, _ in each.tags})),
        float(wrong(lambda each: {event.label for event in each.events})),
        sum(map(len, found.values())),
        sum(map(len, listed)),
    )


def crossed(scored: ScoredClips, choose: Choose) -> Row:
    """Both halves, each decided by the choice on the other; each of the first three figures for its own objective."""
    parts = halves(scored)
    rows: dict[str, Row] = {}
    known: dict[str, Row] = {}
    for name, objective in COLUMNS.items():
        points = [choose(part, objective) for part in parts[::-1]]
        key = repr(points)
        if key not in known:
            known[key] = measure(parts, points)
        rows[name] = known[key]
    first = rows["segment F1"]  # the point whose tags and events are counted
    return replace(first, error_rate=rows["error rate"].error_rate, event_f1=rows["event F1"].event_f1)


def table(many: Iterable[ScoredClips]) -> dict[str, list[Row]]:
    """Rows of each way, one a model (of ten clips: one a model and draw)."""
    scored = list(many)
    found = {name: [crossed(each, way) for each in scored] for name, way in ways().items()}
    found[TEN] = [
        crossed(
            each, lambda half, objective, draw=draw: tune(drawn(half, 10, draw), objective, method="threshold").point
        )
        for each in scored
        for draw in range(DRAWS)
    ]
    return {name: found[name] for name in (TIMED, NEW, UNSCALED, OLD, NONE, TEN)}


def section(many: Sequence[ScoredClips], command: str) -> str:
    """The section of docs/results.md."""
    rows = table(many)
    lines = [
        "| chosen on | segment F1 | error rate | event F1 | clips with a wrong tag "
        "| clips with an event of a wrong label | events |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for name, found in rows.items():
        figures = [
            mean_and_range([getattr(row, field) for row in found]) for field in ("segment_f1", "error_rate", "event_f1")
        ]
        shares = [f"{np.mean([getattr(row, field) for row in found]):.0%}" for field in ("wrong_tags", "wrong_events")]
        lines.append(f"| {name} | {' | '.join((*figures, *shares))} | {np.mean([row.events for row in found]):.0f} |")
    return "\n".join(
        [
            "## scapes: events from tags alone",
            "",
            f"Each half of dev ({', '.join(str(len(half.clips)) for half in halves(many[0]))} soundscapes) decided by "
            f"what was chosen on the other half; the decisions on all of dev are counted together; mean over "
            f"{len(many)} trainings of the default recipe, plus or minus half the range between them. Dev holds "
            f"{rows[NEW][0].reference:.0f} events. Where clips are timed, each of the first three figures is tuned for "
            f"its own objective ({', '.join(f'`{each}`' for each in COLUMNS.values())}), by thresholds; tags and "
            "events are counted with the first. From tags alone there is one operating point for all figures. Ten "
            f"clips: {DRAWS} draws a training and half, tags included.",
            "",
            *lines,
            "",
            verdict(rows),
            "",
            "How these figures could flatter: the shares that turn curves into onset, offset and durations are "
            "defaults. They were fitted on soundscapes of other recordings and other labels, scored by the bundled "
            "model; dev and the trainings above confirmed them, but took part in the choice of the form of the rule "
            "(odds below a typical peak, one level for all labels), of the round numbers, and of the default point.",
            "",
            f"Command: `{command}`.",
        ]
    )


def verdict(rows: dict[str, list[Row]]) -> str:
    """Tags alone against all clips timed, in a sentence; and what ten timed clips give."""

    def mean(name: str, field: str) -> float:
        return float(np.mean([getattr(row, field) for row in rows[name]]))

    share = {field: mean(NEW, field) / mean(TIMED, field) for field in ("segment_f1", "error_rate", "event_f1")}
    ten = {field: mean(TEN, field) - mean(NEW, field) for field in ("segment_f1", "error_rate", "event_f1")}
    return (
        f"Tags alone reach {share['segment_f1']:.0%} of the segment F1 of tuning with all clips timed, "
        f"{share['error_rate']:.0%} of its error rate and {share['event_f1']:.0%} of its event F1, with "
        f"{mean(NEW, 'events') / mean(NEW, 'reference'):.2f} times the true number of events. Tuning on ten timed "
        f"clips instead changes segment F1 by {ten['segment_f1']:+.3f}, error rate by {ten['error_rate']:+.3f} and "
        f"event F1 by {ten['event_f1']:+.3f}."
    )
