"""Makes dcase2017.json: what sed_eval 0.2.1 says of seeded estimates of the strong labels of DCASE2017 task 4.

Called as the organisers' task4_subtaskB_evaluation.py calls it: segment-based, one second, over the reference's files
and labels. Environment as for make_sed_eval.py; needs the label files in ../shared/data/dcase2017:

    refvenv/bin/python tests/reference/make_dcase2017.py

Made with Python 3.11, numpy 2.3.5, sed_eval 0.2.1, dcase_util 0.2.20. The estimates are made anew by the test from kind
and seed (dcase2017_estimates.py); only sed_eval's numbers are stored, NaN as null.
"""

import json
import math
import warnings
from pathlib import Path

import dcase_util
import sed_eval
from dcase2017_estimates import KINDS, estimate

HERE = Path(__file__).parent
LABELS = HERE.parents[2] / "shared" / "data" / "dcase2017" / "groundtruth_release"
FILES = {"testing": KINDS, "evaluation": ("everything", "car", "oracle", "moved", "halved", "crowd")}


def read(path):
    reference = {}
    for line in path.read_text().splitlines():
        clip, onset, offset, label = line.split("\t")
        reference.setdefault(clip, []).append((float(onset), float(offset), label))
    return reference


def as_list(clip, events):
    return dcase_util.containers.MetaDataContainer(
        [{"filename": clip, "onset": on, "offset": off, "event_label": label} for on, off, label in events]
    )


def numbers(metric):
    """Overall [tp, f1, precision, recall, rate, S, D, I]; mean, each class [f1, precision, recall, rate]."""
    found = metric.results()

    def four(part):
        f = part["f_measure"]
        return [f["f_measure"], f["precision"], f["recall"], part["error_rate"]["error_rate"]]

    counts = metric.overall
    overall = [counts["Ntp"], *four(found["overall"]), *(counts[key] for key in "SDI")]
    classes = {label: four(found["class_wise"][label]) for label in sorted(found["class_wise"])}
    return {"overall": plain(overall), "macro": plain(four(found["class_wise_average"]))} | {
        "classes": {label: plain(row) for label, row in classes.items()}
    }


def plain(row):
    return [None if math.isnan(value) else float(value) for value in row]


def main():
    warnings.simplefilter("ignore")
    cases = []
    for part, kinds in FILES.items():
        reference = read(LABELS / f"groundtruth_strong_label_{part}_set.csv")
        labels = sorted({label for events in reference.values() for _, _, label in events})
        for seed, kind in enumerate(kinds):
            found = estimate(reference, kind, seed)
            metric = sed_eval.sound_event.SegmentBasedMetrics(labels, time_resolution=1.0)
            for clip, events in reference.items():
                metric.evaluate(as_list(clip, events), as_list(clip, found.get(clip, [])))
            cases.append({"part": part, "kind": kind, "seed": seed, **numbers(metric)})
    text = ",\n".join(json.dumps(case) for case in cases)
    (HERE / "dcase2017.json").write_text(f"[\n{text}\n]\n")


if __name__ == "__main__":
    main()
