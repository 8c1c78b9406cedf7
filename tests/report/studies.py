"""Curves and tables of no model in particular."""

import numpy as np

from earmark.decisions.calibration import reliability
from earmark.metrics.psd_roc import Roc, mean_roc
from earmark.metrics.psds import Psds
from earmark.report.study import PrecisionRecall


def curve(ap=0.5, points=4, at=(0.5, 0.5)):
    recall = np.arange(1, points + 1) / points
    return PrecisionRecall(recall, np.linspace(1, ap, points), ap, points, at)


def scored(names, at=0.5):
    rocs = {name: Roc(np.array([0.0, 20.0]), np.array([0.1, at]), np.array([np.inf, 0.5])) for name in names}
    return Psds(at, mean_roc(list(rocs.values()), 1.0), {name: roc.area(100) for name, roc in rocs.items()}, rocs, 0)


def tables(classes=3, seed=0, names=None):
    rng = np.random.default_rng(seed)
    scores = rng.random((400, classes)).astype(np.float32)
    names = names or [f"class {number}" for number in range(classes)]
    return reliability(rng.random((400, classes)) < scores, scores, names)
