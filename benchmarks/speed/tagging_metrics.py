"""mAP, mAUC and d-prime of a set as large as AudioSet's evaluation clips, beside scikit-learn class by class.

    OMP_NUM_THREADS=1 python -m benchmarks.speed.tagging_metrics            20,371 clips, 527 classes, three turns: 40 s
    OMP_NUM_THREADS=1 python -m benchmarks.speed.tagging_metrics --write    and the table goes into docs/benchmarks.md

Long-tailed random tags (59 to a third of the clips) and scores that lean towards them. Both sides see the same arrays
in turn, on one thread; times are medians, and every number must agree to 1e-9. Then the confidence intervals of all
tagging figures, by 1,000 draws of the clips.

What the ratio depends on is numpy's sort. Per class it takes 0.07 ms with AVX-512, 0.10 ms with AVX2 and 1.0 ms
without either (`NPY_DISABLE_CPU_FEATURES="X86_V3 X86_V4 AVX512_ICL AVX512_SPR"` imitates that); where it is slow, clips
are counted in bins instead, which takes 0.1 ms everywhere (`earmark.metrics.tagging`).
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import sklearn
from sklearn.metrics import average_precision_score, roc_auc_score

from benchmarks.sections import machine, replace_section
from earmark.labels import Labels
from earmark.metrics import Resampling, evaluate, tagging_metrics

CLIPS, CLASSES = 20_371, 527
RAREST, COMMONEST = 59, 5_695  # clips of a class


def make(levels: int | None) -> tuple[np.ndarray, np.ndarray]:
    """Tags (clips, classes) and scores, rounded to so many levels (None: almost no ties)."""
    random = np.random.default_rng(527)
    share = np.clip(np.exp(random.normal(-5.7, 0.9, CLASSES)), RAREST / CLIPS, COMMONEST / CLIPS)
    tags = random.random((CLIPS, CLASSES), np.float32) < share
    logits = 1.5 * random.standard_normal((CLIPS, CLASSES), np.float32) + 2.5 * tags - 4
    scores = 1 / (1 + np.exp(-logits))
    return tags, scores if levels is None else np.round(scores * levels) / levels


def ours(tags: np.ndarray, scores: np.ndarray, labels: Labels) -> tuple[float, float]:
    found = tagging_metrics(tags, labels, scores=scores)
    return found.map, found.mauc


def class_by_class(tags: np.ndarray, scores: np.ndarray, labels: Labels) -> tuple[float, float]:
    columns = range(len(labels))
    ap = [average_precision_score(tags[:, column], scores[:, column]) for column in columns]
    auc = [roc_auc_score(tags[:, column], scores[:, column]) for column in columns]
    return float(np.mean(ap)), float(np.mean(auc))


def timed(score: Callable[..., tuple[float, float]], *given: object) -> tuple[float, tuple[float, float]]:
    begin = time.process_time()
    found = score(*given)
    return time.process_time() - begin, found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--resamples", type=int, default=1000)
    parser.add_argument("--write", action="store_true", help="write the table into docs/benchmarks.md")
    asked = parser.parse_args()
    labels = Labels(str(number) for number in range(CLASSES))
    lines = [
        "## mAP, mAUC and d-prime",
        "",
        f"{CLIPS:,} clips, {CLASSES} classes; CPU seconds on one thread, medians of {asked.turns} runs.",
        "",
        "| scores | tags | scikit-learn, class by class | earmark | ratio | largest difference |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, levels in {"float32, almost no ties": None, "rounded to 1/100": 100}.items():
        tags, scores = make(levels)
        seconds: dict[str, list[float]] = {"sklearn": [], "earmark": []}
        apart = 0.0
        for _ in range(asked.turns):
            their_time, theirs = timed(class_by_class, tags, scores, labels)
            our_time, own = timed(ours, tags, scores, labels)
            seconds["sklearn"].append(their_time)
            seconds["earmark"].append(our_time)
            apart = max(apart, *(abs(a - b) for a, b in zip(theirs, own, strict=True)))
        slow, fast = (statistics.median(times) for times in seconds.values())
        assert apart < 1e-9, apart
        lines.append(f"| {name} | {tags.sum():,} | {slow:.2f} s | {fast:.3f} s | {slow / fast:.0f} x | {apart:.0e} |")
    tags, scores = make(None)
    begin = time.process_time()
    evaluate(
        labels,
        reference_tags=tags,
        estimated_tags=scores > 0.5,
        clip_scores=scores,
        resampling=Resampling(asked.resamples),
    )
    lines += [
        "",
        f"Intervals of mAP, mAUC, d-prime and F1s, overall and per class, {asked.resamples:,} resamples: "
        f"{time.process_time() - begin:.0f} s.",
        "",
        f"scikit-learn {sklearn.__version__}. "
        f"Command: `OMP_NUM_THREADS=1 python -m benchmarks.speed.tagging_metrics --write`. {machine()}",
    ]
    text = "\n".join(lines)
    print(text)
    if asked.write:
        replace_section("benchmarks.md", "tagging-metrics", text, title="# Benchmarks")


if __name__ == "__main__":
    main()
