"""Hong, Zou and Wang 2020: Tables 1 (poolings) and 2 (systems), and Fig. 3."""

from __future__ import annotations

from earmark.studies.study import Budget, Column, Expectation, PaperTable, Row, Study

_TAGGING = (
    Column("mAP", "mAP", "tagging", "map"),
    Column("mAUC", "mAUC", "tagging", "mauc"),
    Column("d-prime", "d-prime", "tagging", "dprime"),
)
_DETECTION = (Column("segment F1, tuned", "F1", "tuned", "f1"),)

STUDY = Study(
    name="hong2020",
    paper="Hong et al. 2020",
    tables=(
        PaperTable(
            "Table 1",
            "poolings",
            "",
            _TAGGING,
            (
                Row("Max pooling", "hong2020/max"),
                Row("Average pooling", "hong2020/average"),
                Row("Max + average pooling", "hong2020/max-average"),
                Row("Attention pooling", "hong2020/attention"),
                Row("Single-head attention pooling", "hong2020/single-head"),
                Row("GMAP", "hong2020/gmap"),
            ),
            extra=_DETECTION,
        ),
        PaperTable(
            "Table 2",
            "systems",
            "",
            _TAGGING,
            (
                Row("AudioSet benchmark, Gemmeke et al. 2017", "gemmeke2017/benchmark"),
                Row("Yu et al. 2018", "yu2018/multi-level-attention"),
                Row("Kong et al. 2019", "kong2019/feature-attention"),
                Row("Ford et al. 2019", "ford2019/deep-residual"),
                Row("Kong et al. 2020", "kong2020/wavegram-logmel-cnn14"),
                Row("GMAP", "hong2020/gmap"),
            ),
            extra=_DETECTION,
        ),
    ),
    budgets=(
        Budget("full", "The settings of the recipes, which are those of PANNs, because the paper gives none."),
        Budget(
            "small",
            "400 updates of 32 clips in 8 epochs, and a convolutional network a quarter as wide (16, 32, 64, 128 "
            "filters).",
            epochs=8,
            steps=400,
            changes=("network.encoder.channels=[16, 32, 64, 128]",),
        ),
    ),
    parts={"eval": "AudioSet eval"},
    expected=(
        Expectation("GMAP beats a single head", "Table 1", "hong2020/gmap", "hong2020/single-head"),
        Expectation("a single head beats plain attention", "Table 1", "hong2020/single-head", "hong2020/attention"),
        Expectation("attention beats the average", "Table 1", "hong2020/attention", "hong2020/average"),
    ),
    figure="weights",
    figure_recipes=("hong2020/gmap", "hong2020/attention"),
)
