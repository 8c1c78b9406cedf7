"""Everything earmark does, as Python calls. The command line parses its arguments, calls one of these, and prints.

    earmark.api.train("clips.csv", "model", valid="timed")
    earmark.api.tune("model", "timed", objective="event-f1")
    earmark.api.detect(["new"], models=["model"], output="found", formats=["csv", "audacity"])
    earmark.api.evaluate(["model"], "test", report="report")

`training`     train, fuse
`evaluation`   tune, evaluate, score
`recordings`   detect, tag, merge, clips
`bulk`         what detect and tag have in common: their options, and how the work is done
`embedding`    embed, similar
`live`         listen
`models`       open_models, push, export
`serving`      serve

To score recordings one by one in a program of your own, `earmark.load` is the shorter way. Nothing here prints: a
`Reporter` receives the progress, and the results are returned. Every call raises `earmark.EarmarkError`, whose message
is one line, where nothing could be done; recordings that failed while others did not are returned.
"""

from earmark.api.bulk import BulkOptions, Found
from earmark.api.embedding import Embeddings, Similar, embed, similar
from earmark.api.evaluation import Evaluated, TuningResult, evaluate, score, score_protocol, tune
from earmark.api.live import input_devices, listen, open_source
from earmark.api.models import export, open_models, push
from earmark.api.recordings import Detected, Merged, Tagged, clips, detect, merge, tag
from earmark.api.serving import serve
from earmark.api.training import DEFAULT_RECIPE, FINE_TUNE_RECIPE, Fused, TrainingResult, fuse, train
from earmark.reporter import QUIET, Reporter

__all__ = [
    "DEFAULT_RECIPE",
    "FINE_TUNE_RECIPE",
    "QUIET",
    "BulkOptions",
    "Detected",
    "Embeddings",
    "Evaluated",
    "Found",
    "Fused",
    "Merged",
    "Reporter",
    "Similar",
    "Tagged",
    "TrainingResult",
    "TuningResult",
    "clips",
    "detect",
    "embed",
    "evaluate",
    "export",
    "fuse",
    "input_devices",
    "listen",
    "merge",
    "open_models",
    "open_source",
    "push",
    "score",
    "score_protocol",
    "serve",
    "similar",
    "tag",
    "train",
    "tune",
]
