"""Makes sed_scores_eval.json.gz: small random cases and what sed_scores_eval 0.0.4 says of them.

It cannot live beside numpy 2.4 and pandas 3, so the numbers are made in an environment of their own and stored:

    python3 -m venv refvenv
    refvenv/bin/pip install "setuptools<81" "numpy<2.4" "pandas<3" cython wheel
    refvenv/bin/pip install --no-build-isolation sed_scores_eval
    refvenv/bin/python tests/reference/make_sed_scores_eval.py

Made with Python 3.11, numpy 2.3.5, scipy 1.17.1, pandas 2.3.3. Each case is one data set: a few recordings with
scores (whole numbers, to be divided by 20 and rounded to float32), reference events and scored boxes, on a grid
of 0.01 s so that ties with the criteria are common. Among them are recordings without events, classes without events
(their columns are withheld from sed_scores_eval, which refuses them), constant scores and few distinct ones,
events beyond the end, a last frame cut by the recording's end, and overlapping or touching events of one class
(joined before sed_scores_eval sees them, which refuses them). Boxes reach it as a score curve that is the best
box at each instant and 0 elsewhere. Cases with a class whose counts never change, whatever the threshold, are left out:
sed_scores_eval 0.0.4 fails on them.

A case: {classes, step, recordings: [[duration, scores (frames x classes), events, boxes]], psds: [[dtc, gtc, cttc,
alpha_ct, alpha_st, max_efpr, of boxes, value, value per class]], f1: [[threshold, dtc, gtc, macro, micro,
[f1, tp, fp] per class]]}; null for a class without events.
"""

import gzip
import json
import random
from pathlib import Path

import numpy as np
from sed_scores_eval import intersection_based
from sed_scores_eval.base_modules.scores import create_score_dataframe

TARGET = Path(__file__).with_name("sed_scores_eval.json.gz")


def random_scores(rng, frames, events, step, kind):
    """One class's scores, whole numbers from 0 to 20."""
    if kind == "constant":
        return [rng.randint(0, 20)] * frames
    if kind == "noise":
        return [rng.randint(0, 20) for _ in range(frames)]
    if kind == "few":
        return [rng.choice([2, 10, 18]) for _ in range(frames)]
    level, curve = rng.randint(0, 8), []
    for frame in range(frames):
        level = min(max(level + rng.randint(-2, 2), 0), 10)
        active = any(on - 0.05 <= (frame + 0.5) * step <= off + 0.05 for on, off in events)
        curve.append(level + (rng.randint(4, 10) if active else 0))
    return curve


def random_recording(rng, classes, step):
    frames = rng.randint(5, 16)
    length = frames * step
    duration = round(length - rng.choice([0, 0, step / 4]), 4)
    events = []
    if rng.random() < 0.8:
        for _ in range(rng.randint(1, 4)):
            onset = rng.randint(0, int(length * 90)) / 100
            offset = round(onset + rng.randint(1, int(length * (120 if rng.random() < 0.1 else 50))) / 100, 2)
            events.append([onset, offset, rng.randrange(classes)])
    scores = []
    for number in range(classes):
        mine = [event[:2] for event in events if event[2] == number]
        kind = rng.choice(["walk", "walk", "walk", "noise", "few", "constant"])
        scores.append(random_scores(rng, frames, mine, step, kind))
    boxes = [
        [round(max(0, on + rng.randint(-20, 20) / 100), 2), round(off + rng.randint(-10, 20) / 100, 2), label, score]
        for on, off, label in events
        for score in [rng.randint(1, 20)]
    ]
    for _ in range(rng.randint(0, 3)):
        onset = rng.randint(0, int(length * 90)) / 100
        boxes.append([onset, round(onset + rng.randint(5, 50) / 100, 2), rng.randrange(classes), rng.randint(1, 20)])
    boxes = [[on, min(off, duration), *rest] for on, off, *rest in boxes if on < min(off, duration)]
    return [duration, list(map(list, zip(*scores, strict=True))), events, boxes]


def random_case(rng):
    classes, step = rng.randint(1, 4), rng.choice([0.04, 0.1, 0.16, 0.2])
    while True:
        recordings = [random_recording(rng, classes, step) for _ in range(rng.randint(1, 6))]
        if any(events for _, _, events, _ in recordings):
            return {"classes": classes, "step": step, "recordings": recordings}


def joined(events):
    """Events of one class that overlap or touch made one."""
    found = []
    for on, off, label in sorted(events, key=lambda event: (event[2], event[0])):
        if found and found[-1][2] == label and on <= found[-1][1]:
            found[-1][1] = max(found[-1][1], off)
        else:
            found.append([on, off, label])
    return found


def curve_of_boxes(duration, boxes, classes):
    edges = sorted({0.0, duration, *(time for box in boxes for time in box[:2])})
    values = np.zeros((len(edges) - 1, classes))
    for on, off, label, score in boxes:
        first, last = edges.index(on), edges.index(off)
        values[first:last, label] = np.maximum(values[first:last, label], np.float32(score / 20))
    return values, edges


def inputs(case, of_boxes):
    names = [str(number) for number in range(case["classes"])]
    present = sorted({label for recording in case["recordings"] for _, _, label in recording[2]})
    scores, truth, durations = {}, {}, {}
    for number, (duration, rows, events, boxes) in enumerate(case["recordings"]):
        if of_boxes:
            values, edges = curve_of_boxes(duration, boxes, case["classes"])
        else:
            values = np.float32(np.array(rows) / 20).astype(float)
            edges = np.minimum(np.round(np.arange(len(rows) + 1) * case["step"], 10), duration).tolist()
        scores[str(number)] = create_score_dataframe(values[:, present], edges, [names[label] for label in present])
        truth[str(number)] = [(on, off, names[label]) for on, off, label in joined(events)]
        durations[str(number)] = duration
    return scores, truth, durations


def per_class(case, values):
    return [values.get(str(number)) for number in range(case["classes"])]


def psds(case, rng):
    rows = []
    classes = len({label for recording in case["recordings"] for _, _, label in recording[2]})
    total = sum(recording[0] for recording in case["recordings"])
    settings = [[0.7, 0.7, None, 0.0, 1.0], [0.1, 0.1, 0.3, 0.5, 1.0]]
    settings.append([rng.choice([0.2, 0.5, 0.9, 1.0]), rng.choice([0.2, 0.5, 1.0]), rng.choice([0.1, 0.5]), 1.0, 0.0])
    for number, setting in enumerate(settings):
        if classes == 1:
            setting[2:4] = [None, 0.0]
        max_efpr = rng.choice([100.0, round(3600 * rng.randint(1, 12) / total, 3), 1000.0])
        of_boxes = number == 2
        scores, truth, durations = inputs(case, of_boxes)
        dtc, gtc, cttc, alpha_ct, alpha_st = setting
        value, values, *_ = intersection_based.psds(
            scores, truth, durations, dtc_threshold=dtc, gtc_threshold=gtc, cttc_threshold=cttc,
            alpha_ct=alpha_ct, alpha_st=alpha_st, max_efpr=max_efpr,
        )  # fmt: skip
        rows.append([*setting, max_efpr, of_boxes, round(float(value), 12)])
        rows[-1].append([None if part is None else round(float(part), 12) for part in per_class(case, values)])
    return rows


def f1(case, rng):
    threshold, share = rng.choice([0.025, 0.275, 0.475, 0.5, 0.625]), rng.choice([0.3, 0.5, 0.7])
    gtc = rng.choice([0.3, 0.5, 0.7])
    scores, truth, _ = inputs(case, False)
    f, _, _, stats = intersection_based.fscore(scores, truth, threshold, dtc_threshold=share, gtc_threshold=gtc)
    rows = [
        [round(float(f[name]), 12), int(stats[name]["tps"]), int(stats[name]["fps"])] if name in stats else None
        for name in (str(number) for number in range(case["classes"]))
    ]
    return [threshold, share, gtc, round(float(f["macro_average"]), 12), round(float(f["micro_average"]), 12), rows]


def main():
    rng = random.Random(2022)
    cases = []
    while len(cases) < 2000:
        case = random_case(rng)
        try:
            case["psds"], case["f1"] = psds(case, rng), f1(case, rng)
        except (AssertionError, IndexError):
            continue
        cases.append(case)
    text = json.dumps(cases, separators=(",", ":"))
    with open(TARGET, "wb") as file, gzip.GzipFile("", "wb", fileobj=file, mtime=0) as packed:
        packed.write(text.encode())


if __name__ == "__main__":
    main()
