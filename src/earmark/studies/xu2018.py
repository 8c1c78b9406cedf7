"""Xu et al. 2018: Tables 1 (tagging) and 2 (detection), and Fig. 2."""

from __future__ import annotations

from earmark.studies.study import Budget, Column, Expectation, PaperTable, Row, Study

_TAGGING = (
    Column("F1", "F1", "tagging", "micro_f1", percent=True),
    Column("precision", "precision", "tagging", "precision", percent=True),
    Column("recall", "recall", "tagging", "recall", percent=True),
)
_DETECTION = (
    Column("F1", "F1", "segment", "f1", percent=True),
    Column("error rate", "ER", "segment", "error_rate", higher=False),
)
_MAP = (Column("mAP", "mAP", "tagging", "map", percent=True),)
_TUNED = (
    Column("F1, tuned", "F1", "tuned", "f1", percent=True),
    Column("error rate, tuned", "ER", "tuned", "error_rate", higher=False),
)
_BASELINE = Row("DCASE2017 Baseline [5]", "dcase2017/baseline-mlp")

STUDY = Study(
    name="xu2018",
    paper="Xu et al. 2018",
    tables=(
        PaperTable(
            "Table 1",
            "audio tagging",
            "tagging",
            _TAGGING,
            (
                _BASELINE,
                Row("CRNN-logMel-noBatchBal", "xu2018/crnn-logmel-nobalance"),
                Row("CRNN-logMel (i)", "xu2018/crnn-logmel"),
                Row("Gated-CRNN-logMel (ii)", "xu2018/gated-crnn-logmel"),
                Row("Gated-CRNN-MFCC (iii)", "xu2018/gated-crnn-mfcc"),
                Row("Fusion (ii+iii)", "xu2018/fusion"),
                Row("CNN-ensemble [21], own rebuild", "lee2017/cnn-ensemble"),
                Row("Frame-CNN [22], own rebuild", "chou2017/frame-cnn"),
            ),
            extra=_MAP,
        ),
        PaperTable(
            "Table 2",
            "weakly supervised sound event detection, segments of one second",
            "detection",
            _DETECTION,
            (
                _BASELINE,
                Row("Gated-CRNN-logMel", "xu2018/gated-crnn-logmel-sed"),
                Row("Gated-CRNN-MFCC (no row of the paper)", "xu2018/gated-crnn-mfcc-sed"),
                Row("Fusion", "xu2018/fusion-sed"),
                Row("CNN-ensemble [21], own rebuild", "lee2017/cnn-ensemble"),
            ),
            extra=_TUNED,
        ),
    ),
    budgets=(
        Budget("full", "The paper's own: 8,000 updates of 44 clips, the models of seven epochs fused."),
        Budget(
            "small",
            "300 updates of 44 clips in 12 epochs (the paper: 8,000 in 80). Where the paper fuses epochs 20, 30 ... "
            "80, here epochs 7, 9 and 11; batch statistics, which lag about a hundred updates behind the weights, are "
            "computed afresh for each; the step of the balancing queue is proportional to the number of clips.",
            epochs=12,
            steps=300,
            fuse=(7, 2),
            settle=40,
            scale_queue=True,
        ),
    ),
    parts={"testing": "dev", "evaluation": "eval"},
    expected=(
        Expectation(
            "balanced batches beat unbalanced ones",
            "Table 1",
            "xu2018/crnn-logmel",
            "xu2018/crnn-logmel-nobalance",
        ),
        Expectation("gates beat no gates", "Table 1", "xu2018/gated-crnn-logmel", "xu2018/crnn-logmel"),
        Expectation("fusion beats log-mel alone", "Table 1", "xu2018/fusion", "xu2018/gated-crnn-logmel"),
        Expectation("fusion beats MFCC alone", "Table 1", "xu2018/fusion", "xu2018/gated-crnn-mfcc"),
        Expectation("fusion beats log-mel alone", "Table 2", "xu2018/fusion-sed", "xu2018/gated-crnn-logmel-sed"),
    ),
    figure="localisation",
    figure_recipes=("xu2018/fusion-sed", "xu2018/gated-crnn-logmel-sed"),
)
