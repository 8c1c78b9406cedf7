"""earmark: clips that carry only clip-level tags in, a model that tags recordings and times events out.

    import earmark

    tagger = earmark.load("model-dir")  # earmark.load() takes the model that is in the package
    result = tagger("street.wav")
    for onset, offset, label, score in result.events: ...

    for update in earmark.Listener(tagger)(blocks): ...  # live: sound that comes block by block

`earmark.api` has the calls behind the command line: train, tune, evaluate, detect, tag, score.

The way of a clip, a room each: `audio`, `features`, `augment`, `encoders` and `pooling` make a `Network` (`models`);
`runtime` runs it as a `Tagger`; `decisions` turns scores into events; `metrics`, `formats` and `report` measure, write
and show; `data`, `evaluation`, `training` and `recipes` make and measure models. Importing this package loads none of
them.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

__version__ = "0.2.0.dev0"

if TYPE_CHECKING:
    from earmark.errors import EarmarkError
    from earmark.events import Event
    from earmark.labels import Labels
    from earmark.models.network import Network
    from earmark.runtime.live import Listener
    from earmark.runtime.tagger import Result, Tagger
    from earmark.scores import Scores

_HOMES = {
    "EarmarkError": "earmark.errors",
    "Event": "earmark.events",
    "Labels": "earmark.labels",
    "Listener": "earmark.runtime.live",
    "Tagger": "earmark.runtime.tagger",
    "Result": "earmark.runtime.tagger",
    "Scores": "earmark.scores",
    "Network": "earmark.models.network",
}

__all__ = [
    "EarmarkError",
    "Event",
    "Labels",
    "Listener",
    "Network",
    "Result",
    "Scores",
    "Tagger",
    "__version__",
    "load",
]


def load(
    directory: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | None = None,
    *,
    device: str = "cpu",
    precision: str = "float32",
    engine: str = "auto",
) -> Tagger:
    """A model directory, ready to listen: `earmark.load(dir)("street.wav")`; several are fused into one model.

    A public model goes by its name, "panns/cnn14" (`earmark.hub.names`): it is downloaded once, and kept. Without a
    directory it is "earmark/everyday", which is in the package; the logger `earmark` says so, as a warning, because
    those reach stderr where nobody set logging up. `logging.getLogger("earmark").setLevel("ERROR")`, or asking for
    the model by name, keeps it silent.
    `device` is cpu, cuda, cuda:1 or auto; `precision` float32, bf16 or auto; `engine` torch, onnx or auto, which takes
    the directory's ONNX twin where that is there sooner (`earmark.opening`). Raises `earmark.EarmarkError`.
    """
    import logging

    from earmark.errors import ModelError
    from earmark.hub import box, locate
    from earmark.opening import open_tagger

    if directory is None:
        tagger = open_tagger([box.directory()], device=device, precision=precision, engine=engine)
        logging.getLogger("earmark").warning(box.notice(len(tagger.operating_point.reportable)))
        return tagger
    directories = [directory] if isinstance(directory, str | os.PathLike) else directory
    if isinstance(directories, bytes) or not isinstance(directories, Sequence) or not directories:
        raise ModelError(f"no model {directory!r}; expected a directory, a name, or a list of them")
    where = [locate(each) for each in directories]
    return open_tagger(where, device=device, precision=precision, engine=engine)


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'earmark' has no attribute {name!r}")
