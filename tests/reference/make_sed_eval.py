"""Makes sed_eval.json.gz: small random cases and what sed_eval 0.2.1 says of them.

sed_eval (2018) and dcase_util cannot live beside numpy 2.4 and current setuptools, so the numbers are made in an
environment of their own and stored:

    python3 -m venv refvenv
    refvenv/bin/pip install "setuptools<81" "numpy<2.4" "pandas<3" wheel
    refvenv/bin/pip install --no-build-isolation sed_eval
    refvenv/bin/python tests/reference/make_sed_eval.py

Made with Python 3.11, numpy 2.3.5, sed_eval 0.2.1, dcase_util 0.2.20. Each case is one data set: a few recordings
with reference and estimated events, on a grid of 0.05 s so that ties with collars and segment borders are common.
Among them are recordings without events on one side or both, empty estimates, events of no length (`0 0 label` and
elsewhere), overlaps within a class, crowds of near-identical events (for the matching), events beyond the duration.
NaN is stored as null; rates of a case without any reference activity are not stored (sed_eval divides by an epsilon).
"""

import gzip
import json
import math
import random
import warnings
from pathlib import Path

import dcase_util
import sed_eval

LABELS = ["car", "dog", "siren"]
TARGET = Path(__file__).with_name("sed_eval.json.gz")


def random_events(rng, kind, labels):
    """Events [onset, offset, label] of one recording."""
    if kind == "none" or rng.random() < 0.1:
        return []
    events = []
    for _ in range(rng.randint(1, 12 if kind == "crowd" else 5)):
        onset = rng.randint(0, 12 if kind == "crowd" else 180) / 20
        length = rng.choice([0, 1, 3]) / 20 if kind == "short" else rng.randint(1, 8 if kind == "crowd" else 80) / 20
        events.append([onset, round(onset + length, 2), rng.choice(labels)])
    if rng.random() < 0.15:
        events.append([0, 0, rng.choice(labels)])
    return events


def moved(rng, events, labels):
    """An estimate that resembles the reference: times off by some steps, labels confused, some lost."""
    found = []
    for onset, offset, label in events:
        if rng.random() < 0.2:
            continue
        onset = max(0.0, onset + rng.randint(-6, 6) / 20)
        offset = max(onset, offset + rng.randint(-10, 10) / 20)
        found.append([round(onset, 2), round(offset, 2), label if rng.random() < 0.8 else rng.choice(labels)])
    rng.shuffle(found)
    return found


def random_case(rng, number):
    labels = LABELS[: rng.randint(1, 3)]
    recordings = []
    for _ in range(rng.randint(1, 3)):
        kind = rng.choice(["plain", "plain", "short", "crowd", "crowd", "none"])
        reference = random_events(rng, kind, labels)
        if number % 25 == 0:
            estimated = []
        elif rng.random() < 0.7:
            estimated = moved(rng, reference, labels)
        else:
            estimated = random_events(rng, kind, labels)
        recordings.append([reference, estimated, rng.choice([3.0, 7.3, 10.0])])
    return {"labels": labels, "recordings": recordings}


def as_list(events):
    return dcase_util.containers.MetaDataContainer(
        [{"filename": "a.wav", "onset": on, "offset": off, "event_label": label} for on, off, label in events]
    )


def numbers(metric, labels, substitutions):
    """[tp, f1, precision, recall, rate, S, D, I] overall, then [f1, precision, recall, rate] of each class."""
    overall = metric.overall
    f, rates = metric.overall_f_measure(), metric.overall_error_rate()
    counted = [overall[key] for key in substitutions]
    rate = rates["error_rate"] if overall["Nref"] else math.nan
    rows = [[overall["Ntp"], f["f_measure"], f["precision"], f["recall"], rate, *counted]]
    for label in labels:
        f, rates = metric.class_wise_f_measure(label), metric.class_wise_error_rate(label)
        rate = rates["error_rate"] if metric.class_wise[label]["Nref"] else math.nan
        rows.append([f["f_measure"], f["precision"], f["recall"], rate])
    return [[None if math.isnan(value) else float(value) for value in row] for row in rows]


def segment(case, length, cut):
    metric = sed_eval.sound_event.SegmentBasedMetrics(case["labels"], time_resolution=length)
    for reference, estimated, duration in case["recordings"]:
        metric.evaluate(as_list(reference), as_list(estimated), evaluated_length_seconds=duration if cut else None)
    return numbers(metric, case["labels"], "SDI")


def event(case, onset, offset, matching, share):
    metric = sed_eval.sound_event.EventBasedMetrics(
        case["labels"],
        evaluate_onset=onset,
        evaluate_offset=offset,
        t_collar=0.2,
        percentage_of_length=share,
        event_matching_type=matching,
    )
    for reference, estimated, _ in case["recordings"]:
        metric.evaluate(as_list(reference), as_list(estimated))
    return numbers(metric, case["labels"], ["Nsubs", "Nfn", "Nfp"])


def main():
    warnings.simplefilter("ignore")
    rng = random.Random(2018)
    cases = []
    for number in range(2500):
        case = random_case(rng, number)
        case["segment"] = [
            [length, cut, segment(case, length, cut)]
            for length, cut in [(1.0, False), (1.0, True), (rng.choice([0.1, 0.25, 0.3, 2.0]), False)]
        ]
        options = [
            (True, True, "optimal", 0.2),
            (True, rng.random() < 0.5, rng.choice(["optimal", "greedy"]), 0.5),
            (False, True, "optimal", 0.2),
        ]
        case["event"] = [[*chosen, event(case, *chosen)] for chosen in options]
        cases.append(case)
    text = json.dumps(cases, separators=(",", ":"))
    with open(TARGET, "wb") as file, gzip.GzipFile("", "wb", fileobj=file, mtime=0) as packed:
        packed.write(text.encode())


if __name__ == "__main__":
    main()
