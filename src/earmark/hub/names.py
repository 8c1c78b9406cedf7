"""Models by name: "panns/cnn14" is downloaded and converted once, and then a directory like any other.

"earmark/everyday" came with the package (`box.py`).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from earmark.errors import ModelError, did_you_mean
from earmark.hub import box

if TYPE_CHECKING:
    from earmark.hub.published import Architecture

FAMILY = "panns/"


def locate(model: str | os.PathLike[str]) -> Path:
    """The directory of a model, given as such or by name; a directory that exists comes first.

    Anything else is returned unchanged, and its reader reports what is wrong. `ModelError` if there is no model
    of that name, or it is not in the cache and cannot be fetched.
    """
    if not isinstance(model, str | os.PathLike):
        raise ModelError(f"no model {model!r}; expected a directory or a name")
    path = Path(model)
    name = path.as_posix()
    try:
        there = path.exists()
    except OSError as error:  # a name longer than the system allows
        raise ModelError(f"no model at {name[:80]}...: {error.strerror}") from error
    if there or not name.startswith((FAMILY, box.FAMILY)):
        return path
    if name == box.NAME:
        return box.directory()
    from earmark.hub.published import CHECKPOINTS  # what follows costs time that a model at hand need not take

    for known in CHECKPOINTS:
        if name == FAMILY + known:
            return _fetched(known)
    names = [*(FAMILY + known for known in CHECKPOINTS), box.NAME]
    raise ModelError(f"no model {name!r}{did_you_mean(name, names)}; known: {', '.join(names)}")


def at_hand() -> list[tuple[str, Path]]:
    """Models that need no download, by name and directory: the one in the package, and those in the user's cache."""
    from earmark.hub.download import cache_folder
    from earmark.hub.published import CHECKPOINTS
    from earmark.runtime.directory import CONFIG

    folders = ((FAMILY + name, cache_folder() / FAMILY / name) for name in CHECKPOINTS)
    return [(box.NAME, box.directory()), *(each for each in folders if (each[1] / CONFIG).is_file())]


def _fetched(name: Architecture) -> Path:
    """The converted model in the user's cache, made where it is not there."""
    from earmark.hub.download import cache_folder, download, download_bar
    from earmark.hub.importing import import_panns
    from earmark.hub.published import CHECKPOINTS
    from earmark.runtime.directory import CONFIG

    folder = cache_folder() / FAMILY / name
    if (folder / CONFIG).is_file():
        return folder
    published = CHECKPOINTS[name]
    file = cache_folder() / FAMILY / published.file
    try:
        with download_bar(published.file) as report:
            download(published.url, f"md5:{published.md5}", file, report)
    except ModelError as error:
        instead = f"'earmark import-panns {published.file} -o MODEL' makes a model from a file that you have already"
        raise ModelError(f"{FAMILY}{name} is not in {cache_folder()}, and {error}; {instead}") from error
    import_panns(file, folder, name)
    file.unlink()  # the model holds the same numbers
    return folder
