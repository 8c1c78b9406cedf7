"""`open_models`: model directories and names of models, opened to run with the operating point that was asked for.

`push` sends one to the Hugging Face Hub, `export` writes its ONNX file.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from earmark.errors import ConfigError
from earmark.files import PathLike
from earmark.reporter import QUIET, Reporter

if TYPE_CHECKING:
    from earmark.decisions import OperatingPoint
    from earmark.devices import Precision
    from earmark.hub.huggingface import Pushed
    from earmark.runtime.tagger import Tagger


def open_models(
    models: Sequence[PathLike] = (),
    *,
    device: str = "auto",
    precision: Precision = "auto",
    engine: str = "auto",
    seconds: Callable[[], float | None] = lambda: None,
    threshold: float | None = None,
    operating_point: PathLike | None = None,
    window_plan: str | None = None,
    threads: int | None = None,
    reporter: Reporter = QUIET,
) -> Tagger:
    """A model ready to run, or several as one; without any, the one in the package.

    `threshold` replaces the model's own thresholds by one; `operating_point` is a file, or a name (xu2018, dcase2017).
    `window_plan` cuts recordings as live sound is cut: "live", or "10,0.4,0.7", the seconds of window, stride and
    look-ahead. `engine`, `seconds` and `threads` are those of `earmark.opening.open_tagger`.
    """
    from earmark.hub import box, locate
    from earmark.opening import open_tagger

    if threshold is not None and operating_point is not None:
        raise ConfigError("--threshold and --operating-point exclude each other; give one of them")
    directories = [locate(model) for model in models]
    tagger = open_tagger(
        directories or [box.directory()],
        device=device,
        precision=precision,
        engine=engine,
        seconds=seconds,
        threads=threads,
    )
    if "torch" in sys.modules:
        from earmark.devices import tune_allocator

        tune_allocator()  # now: what loading took for a while is given back, not kept
    if not directories:
        reporter.say(box.notice(len(tagger.operating_point.reportable)))
    if len(directories) > 1 and operating_point is None:
        reporter.say(f"{len(directories)} models fused; operating point: {tagger.operating_point.origin}")
        reporter.say("for better results join them with 'earmark fuse', then tune the result with 'earmark tune'")
    if operating_point is not None:
        tagger.operating_point = _point(Path(operating_point), tagger)
    if threshold is not None:
        tagger.operating_point = tagger.operating_point.with_threshold(threshold)
    if window_plan is not None:
        from earmark.engine import LiveWindows
        from earmark.runtime.live import live_tagger

        tagger = live_tagger(tagger, LiveWindows.parse(window_plan))
    return tagger


def _point(file: Path, tagger: Tagger) -> OperatingPoint:
    """The operating point in a file, or of a name, checked to know the model's labels."""
    from earmark.decisions import OperatingPoint, named_point

    named = not file.exists() and not file.suffix and file.name == str(file)
    point = named_point(str(file), tagger.labels) if named else OperatingPoint.load(file)
    for label in tagger.labels:
        point.of(label)
    return point


def push(
    model: PathLike, target: str, *, private: bool = False, revision: str | None = None, licence: str = ""
) -> Pushed:
    """Send a model to the repository `target`, "hf:org/name", of the Hugging Face Hub; made where it is not there.

    `revision` is a branch (None: main), `private` is for a new repository, `licence` an identifier of the hub that the
    model's card states there. The login is that of the hub's client ('hf auth login', or $HF_TOKEN).
    """
    from earmark.hub import huggingface, locate

    if revision is not None:
        target = f"{target}@{revision}"
    return huggingface.push(locate(model), target, name=Path(model).name, private=private, licence=licence)


def export(model: PathLike) -> Path:
    """Write a model as ONNX, to run it without PyTorch; of a fusion, each of its members.

    `model` is a directory, or the name of a model whose directory may be changed. Returns the file, of a fusion the
    directory. It is kept only if it scores as the model does. Raises as `earmark.export.export`, and `OutputError` for
    a model that must stay as it is.
    """
    from earmark.export import export as write
    from earmark.hub import check_changeable, locate

    folder = locate(model)
    if folder != Path(model):  # a model by name
        check_changeable(folder)
    return write(folder)
