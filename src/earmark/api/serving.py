"""`serve`: the page and the HTTP API, and the review of what `detect` wrote on it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from earmark.api.models import open_models
from earmark.errors import ConfigError
from earmark.files import PathLike, path_or_none
from earmark.reporter import QUIET, Reporter

if TYPE_CHECKING:
    from earmark.devices import Precision


def serve(
    models: Sequence[PathLike] = (),
    *,
    host: str = "127.0.0.1",
    port: int = 8765,
    token: str | None = None,
    root: PathLike | None = None,
    output: PathLike = "earmark-page",
    max_upload: int = 2**30,
    jobs: int = 2,
    waiting: int = 64,
    origins: Sequence[str] = (),
    device: str = "auto",
    precision: Precision = "auto",
    engine: str = "auto",
    review: PathLike | None = None,
    audio: PathLike | None = None,
    reporter: Reporter = QUIET,
) -> None:
    """Serve the page and the HTTP API until SIGINT or SIGTERM; what is begun is finished.

    Each model is served by its name, the first where none is asked for; without any, the one in the package. Every
    `host` but a loopback address needs a `token`. Recordings below `root` may be opened; `output` is the folder for
    what is saved. `max_upload` is in bytes, `jobs` recordings are scored at once while `waiting` wait; `origins` are
    other sites whose pages may call. `engine` auto is ONNX Runtime where a model has its twin, as for short recordings.
    `review` is a folder or table that `detect` wrote, to be reviewed on the page; `audio` is the folder of its
    recordings, where they are not where `detect` found them.
    """
    from earmark.errors import counted
    from earmark.hub import box
    from earmark.processors import processors
    from earmark.runtime.review import Review
    from earmark.web.server import serve as run
    from earmark.web.settings import Settings

    threads = int(os.environ.get("OMP_NUM_THREADS") or 0) or max(1, processors() // jobs)  # of each job
    opened = None if review is None else Review.open(Path(review), path_or_none(audio))
    taggers = {
        name: open_models(
            [model], device=device, precision=precision, engine=engine, seconds=lambda: 0.0, threads=threads
        )
        for name, model in _names(models or [box.NAME]).items()
    }
    if not models:
        reporter.say(box.notice(len(next(iter(taggers.values())).operating_point.reportable)))
    settings = Settings(
        taggers,
        host,
        port,
        token,
        path_or_none(root),
        Path(output),
        max_upload=max_upload,
        jobs=jobs,
        waiting=waiting,
        review=opened,
        origins=tuple(origins),
    )
    with contextlib.ExitStack() as stack:
        if opened is not None:
            stack.enter_context(opened)
            left = sum(row.left for row in opened.progress())
            reporter.say(f"{opened.what}: {counted(left, 'event')} to review; verdicts go to {opened.log}")
        run(settings, reporter.say)


def _names(models: Sequence[PathLike]) -> dict[str, PathLike]:
    """Models by the names that they are served under: a public name, or that of the directory."""
    from earmark.hub import locate

    named: dict[str, PathLike] = {}
    for model in models:
        path = Path(model)
        name = path.as_posix() if locate(model) != path else path.resolve().name
        if name in named:
            raise ConfigError(f"{named[name]} and {model} are both called {name!r}; rename one of the directories")
        named[name] = model
    return named
