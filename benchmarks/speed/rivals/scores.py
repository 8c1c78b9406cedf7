"""sed_eval, sed_scores_eval and psds_eval on the cases of `ours/scores.py`. Needs numpy, pandas and these alone.

Tables are built before the clock starts: what is timed is the scoring.
"""

from __future__ import annotations

import json
import pathlib
import warnings

import numpy as np

from benchmarks.speed.worker import Jobs

PSDS = {
    "psds1": {"dtc_threshold": 0.7, "gtc_threshold": 0.7, "cttc_threshold": None, "alpha_ct": 0.0, "alpha_st": 1.0},
    "psds2": {"dtc_threshold": 0.1, "gtc_threshold": 0.1, "cttc_threshold": 0.3, "alpha_ct": 0.5, "alpha_st": 1.0},
}
Events = dict[str, list[tuple[float, float, str]]]


def _cases(folder: str) -> tuple[Events, Events, dict[str, float], list[str]]:
    """Reference, estimate, durations (s) and labels."""
    found = json.loads((pathlib.Path(folder) / "cases.json").read_text())
    sides = ({name: [tuple(event) for event in events] for name, events in found[key].items()} for key in ("r", "e"))
    reference, estimate = sides
    return reference, estimate, dict.fromkeys(reference, found["seconds"]), found["labels"]


def sed_eval(folder: str) -> Jobs:
    """Segment-based (1 s) and event-based (collar 200 ms, or 20 % of the length) F1 and error rate."""
    import sed_eval as package

    reference, estimate, _, labels = _cases(folder)

    def rows(events: Events) -> dict[str, list[dict[str, object]]]:
        keys = ("onset", "offset", "event_label")
        return {
            name: [{"filename": name, **dict(zip(keys, event, strict=True))} for event in found]
            for name, found in events.items()
        }

    theirs, found = rows(reference), rows(estimate)

    def score(kind: str) -> list[float]:
        sound = package.sound_event
        metric = (
            sound.SegmentBasedMetrics(labels, time_resolution=1.0)
            if kind == "segment"
            else sound.EventBasedMetrics(labels, t_collar=0.2, percentage_of_length=0.2)
        )
        for name, events in theirs.items():
            metric.evaluate(events, found[name])
        overall = metric.results_overall_metrics()
        return [overall["f_measure"]["f_measure"], overall["error_rate"]["error_rate"]]

    return {kind: lambda kind=kind: score(kind) for kind in ("segment", "event")}


def sed_scores_eval(folder: str) -> Jobs:
    """PSDS over all thresholds."""
    from sed_scores_eval import intersection_based
    from sed_scores_eval.base_modules.scores import create_score_dataframe

    reference, _, durations, labels = _cases(folder)
    frames = np.load(pathlib.Path(folder) / "frames.npy")
    edges = np.linspace(0, next(iter(durations.values())), frames.shape[1] + 1)
    tables = {name: create_score_dataframe(each, edges, labels) for name, each in zip(reference, frames, strict=True)}

    def score(kind: str) -> float:
        return float(
            intersection_based.psds(tables, reference, durations, unit_of_time="hour", max_efpr=100.0, **PSDS[kind])[0]
        )

    return {kind: lambda kind=kind: score(kind) for kind in PSDS}


def psds_eval(folder: str, thresholds: int) -> Jobs:
    """PSDS from so many thresholds, the way it was first computed."""
    import pandas as pd
    from psds_eval import PSDSEval

    warnings.filterwarnings("ignore", category=FutureWarning, module="psds_eval")
    reference, _, durations, labels = _cases(folder)
    frames = np.load(pathlib.Path(folder) / "frames.npy")
    step = next(iter(durations.values())) / frames.shape[1]
    columns = ["filename", "onset", "offset", "event_label"]
    truth = pd.DataFrame([(name, *event) for name, events in reference.items() for event in events], columns=columns)
    lengths = pd.DataFrame(list(durations.items()), columns=["filename", "duration"])
    detections = [
        pd.DataFrame(_detected(frames, list(reference), labels, level, step), columns=columns)
        for level in np.linspace(1 / (2 * thresholds), 1 - 1 / (2 * thresholds), thresholds)
    ]

    def score(kind: str) -> float:
        options = dict(PSDS[kind])
        weights = {"alpha_ct": options.pop("alpha_ct"), "alpha_st": options.pop("alpha_st")}
        options["cttc_threshold"] = options["cttc_threshold"] or 0.3
        metric = PSDSEval(ground_truth=truth, metadata=lengths, class_names=labels, duration_unit="hour", **options)
        for table in detections:
            metric.add_operating_point(table)
        return float(metric.psds(max_efpr=100, **weights).value)

    return {kind: lambda kind=kind: score(kind) for kind in PSDS}


def _detected(
    frames: np.ndarray, names: list[str], labels: list[str], level: float, step: float
) -> list[tuple[str, float, float, str]]:
    """Runs of frames above a level."""
    above = np.pad(frames > level, ((0, 0), (1, 1), (0, 0))).astype(np.int8)
    change = np.diff(above, axis=1).transpose(0, 2, 1)  # (recordings, classes, frames + 1)
    ons, offs = np.argwhere(change == 1), np.argwhere(change == -1)
    return [
        (names[recording], on * step, off * step, labels[label])
        for (recording, label, on), off in zip(ons.tolist(), offs[:, 2].tolist(), strict=True)
    ]
