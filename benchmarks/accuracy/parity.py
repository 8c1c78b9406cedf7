"""Our metrics against sed_eval and sed_scores_eval, live, on random cases that are not those stored with the tests.

    python -m venv REF && REF/bin/pip install "numpy<2.4" "pandas<3" "setuptools<81" sed_eval sed_scores_eval
    python -m benchmarks.accuracy.parity REF/bin/python [--cases 300] [--seed 1] [--write]

Those packages cannot live beside numpy 2: cases are drawn here, scored there by a second process, and compared here.
Times that are exactly a collar apart are compared to the nanosecond here and as binary fractions there (see
`metrics/event.py`); the cases hold none: estimated times end half a millisecond off the others.
"""

from __future__ import annotations

import argparse
import json
import math
import pathlib
import subprocess
import tempfile
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from benchmarks.sections import machine, replace_section
from earmark.clock import Clock
from earmark.events import Event, merge_overlapping
from earmark.labels import Labels
from earmark.metrics import psds
from earmark.metrics.event import event_metrics
from earmark.metrics.psds import PSDS1, PSDS2
from earmark.metrics.segment import segment_metrics
from earmark.scores import Scores

LABELS = Labels(["a", "b", "c"])
SECONDS, STEP = 10.0, Fraction(1, 10)
OFF = 0.0005  # seconds: times have two decimals, collars three

THEIRS = """
import json, sys
import numpy as np, pandas as pd
import sed_eval
from sed_scores_eval import intersection_based
from sed_scores_eval.base_modules.scores import create_score_dataframe
cases, labels = json.load(open(sys.argv[1])), sys.argv[2].split(",")
out = []
for case in cases:
    segment = sed_eval.sound_event.SegmentBasedMetrics(labels, time_resolution=1.0)
    event = sed_eval.sound_event.EventBasedMetrics(labels, t_collar=0.2, percentage_of_length=0.2)
    for name, reference in case["reference"].items():
        rows = lambda events: [dict(filename=name, onset=a, offset=b, event_label=c) for a, b, c in events]
        for metric in (segment, event):
            metric.evaluate(rows(reference), rows(case["estimated"][name]))
    figures = {}
    for kind, metric in (("segment", segment), ("event", event)):
        overall = metric.results_overall_metrics()
        figures[kind] = [overall["f_measure"]["f_measure"], overall["error_rate"]["error_rate"]]
    edges = np.arange(case["frames"] + 1) / 10
    arrays = {n: np.array(v, dtype=np.float32) for n, v in case["scores"].items()}
    scores = {n: create_score_dataframe(v, edges, labels) for n, v in arrays.items()}
    truth = {n: [tuple(e) for e in v] for n, v in case["reference"].items()}
    lengths = {n: 10.0 for n in truth}
    for name, gtc, dtc, ct in (("psds1", 0.7, 0.7, 0.0), ("psds2", 0.1, 0.1, 0.5)):
        options = dict(dtc_threshold=dtc, gtc_threshold=gtc, cttc_threshold=0.3 if ct else None,
                       alpha_ct=ct, alpha_st=1.0, unit_of_time="hour", max_efpr=100.0)
        figures[name] = intersection_based.psds(scores, truth, lengths, **options)[0]
    out.append(figures)
json.dump(out, open(sys.argv[3], "w"))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("python", help="interpreter of the environment that holds the two packages")
    parser.add_argument("--cases", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", action="store_true", help="write the table into docs/benchmarks.md")
    args = parser.parse_args()
    cases = [draw(np.random.default_rng((args.seed, number))) for number in range(args.cases)]
    theirs = scored_by(args.python, cases)
    worst: dict[str, float] = {}
    for case, expected in zip(cases, theirs, strict=True):
        for name, value in ours(case).items():
            gap = 0.0 if same(value, expected[name]) else float(np.max(np.abs(np.subtract(value, expected[name]))))
            worst[name] = max(worst.get(name, 0.0), gap)
    text = "\n".join(
        [
            "## Parity with sed_eval and sed_scores_eval",
            "",
            f"{args.cases} random cases of one to four recordings, {len(LABELS)} classes, scored live by both sides.",
            "",
            "| metric | reference | largest difference |",
            "|---|---|---|",
            *(f"| {name} | {reference(name)} | {gap:.1e} |" for name, gap in worst.items()),
            "",
            f"Command: `python -m benchmarks.accuracy.parity REF/bin/python --cases {args.cases} --write`. {machine()}",
        ]
    )
    print(text)
    if args.write:
        replace_section("benchmarks.md", "parity", text, title="# Benchmarks")


def reference(name: str) -> str:
    return "sed_scores_eval" if name.startswith("psds") else "sed_eval (F1 and error rate)"


def draw(rng: np.random.Generator) -> dict[str, Any]:
    """A case: reference and estimated events, and frame scores, of one to four recordings; every class occurs."""
    names = [f"{number}.wav" for number in range(rng.integers(1, 5))]
    truth = {name: events(rng) for name in names}
    truth[names[0]] = merged([*truth[names[0]], *(span(rng, label) for label in LABELS)])
    frames = int(SECONDS / STEP)
    scores = {name: rng.random((frames, len(LABELS)), dtype=np.float32).round(2).tolist() for name in names}
    estimated = {name: [[on + OFF, off + OFF, label] for on, off, label in events(rng)] for name in names}
    return {"reference": truth, "estimated": estimated, "scores": scores, "frames": frames}


def events(rng: np.random.Generator) -> list[list[Any]]:
    return merged([span(rng, str(rng.choice(LABELS.names))) for _ in range(rng.integers(0, 6))])


def span(rng: np.random.Generator, label: str) -> list[Any]:
    onset = float(rng.uniform(0, SECONDS - 0.5).__round__(2))
    return [onset, round(min(SECONDS, onset + float(rng.uniform(0.2, 4))), 2), label]


def merged(spans: list[list[Any]]) -> list[list[Any]]:
    return [list(event[:3]) for event in merge_overlapping(Event(*each) for each in spans)]


def scored_by(python: str, cases: list[dict[str, Any]]) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "cases.json").write_text(json.dumps(cases))
        (folder / "theirs.py").write_text(THEIRS)
        paths = [str(folder / "cases.json"), ",".join(LABELS), str(folder / "out.json")]
        subprocess.run([python, str(folder / "theirs.py"), *paths], check=True, capture_output=True)
        found: list[dict[str, Any]] = json.loads((folder / "out.json").read_text())
        return found


def ours(case: Mapping[str, Any]) -> dict[str, Any]:
    truth = {name: [Event(*each) for each in rows] for name, rows in case["reference"].items()}
    found = {name: [Event(*each) for each in rows] for name, rows in case["estimated"].items()}
    segment, event = segment_metrics(truth, found, LABELS), event_metrics(truth, found, LABELS)
    scores = [
        Scores(name, LABELS, np.ones(len(LABELS), np.float32), np.float32(values), Clock(STEP), SECONDS)
        for name, values in case["scores"].items()
    ]
    return {
        "segment": [segment.f1, segment.error_rate],
        "event": [event.f1, event.error_rate],
        "psds1": psds(scores, truth, LABELS, options=PSDS1).value,
        "psds2": psds(scores, truth, LABELS, options=PSDS2).value,
    }


def same(value: Any, expected: Any) -> bool:
    """Whether both are undefined alike or equal to the last bit."""
    pairs = zip(np.atleast_1d(value), np.atleast_1d(expected), strict=True)
    return all(a == b or (math.isnan(a) and math.isnan(b)) for a, b in pairs)


if __name__ == "__main__":
    main()
