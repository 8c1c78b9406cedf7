"""Models by name: "panns/cnn14" is downloaded and converted once, and then a directory like any other.

The names are those of the table of published checkpoints (`published`). "earmark/everyday" came with the package
(`box.py`). "hf:org/name" is a model that somebody pushed to the Hugging Face Hub (`huggingface.py`).
"""

from __future__ import annotations

import os
from pathlib import Path

from earmark.errors import ModelError, OutputError, did_you_mean
from earmark.hub import box
from earmark.hub.published import CHECKPOINTS

HUGGING_FACE = "hf:"  # begins the name of a model on that hub


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
    if there:
        return path
    if name.startswith(HUGGING_FACE):
        from earmark.hub.huggingface import fetch

        return fetch(name)
    if not is_name(name):
        return path
    if name == box.NAME:
        return box.directory()
    if name in CHECKPOINTS:
        return _fetched(name)
    names = [*CHECKPOINTS, box.NAME]
    raise ModelError(f"no model {name!r}{did_you_mean(name, names)}; known: {', '.join(names)}")


def is_name(model: str) -> bool:
    """Whether this begins as the names of public models do.

    >>> is_name("panns/cnn99"), is_name("models/cnn14")
    (True, False)
    """
    return model.startswith((box.FAMILY, *(f"{name.partition('/')[0]}/" for name in CHECKPOINTS)))


def at_hand() -> list[tuple[str, Path]]:
    """Models that need no download, by name and directory: the one in the package, and those in the user's cache."""
    from earmark.hub.cache import cache_folder
    from earmark.runtime.directory import CONFIG

    folders = ((name, cache_folder() / name) for name in CHECKPOINTS)
    return [(box.NAME, box.directory()), *(each for each in folders if (each[1] / CONFIG).is_file())]


def notes_of(folder: Path) -> Path:
    """Where scores of a model are kept: in its directory; of one that must stay as it is, in the user's cache."""
    from earmark.hub.huggingface import name_of

    if name := name_of(folder):
        from earmark.hub.cache import cache_folder

        return cache_folder() / name.replace(HUGGING_FACE, "hf/").replace("@", "/")
    return box.notes_of(folder)


def check_changeable(folder: Path, instead: str = "") -> None:
    """`OutputError` where a model's directory must stay as it is: in the package, or in the cache of a hub.

    `instead` is what else the user may do, for the message.
    """
    from earmark.hub.huggingface import name_of

    if box.holds(folder):
        raise OutputError(f"{box.NAME} cannot be changed" + (f"; {instead}" if instead else ""))
    if name := name_of(folder):
        copied = f"{name} cannot be changed; 'earmark import {name} -o MODEL' makes a copy that can"
        raise OutputError(copied + (f"; or {instead}" if instead else ""))


def _fetched(name: str) -> Path:
    """The converted model in the user's cache, made where it is not there."""
    from earmark.hub.cache import cache_folder  # what follows costs time that a model at hand need not take
    from earmark.runtime.directory import CONFIG

    folder = cache_folder() / name
    if (folder / CONFIG).is_file():
        return folder
    from earmark.hub.download import download, download_bar
    from earmark.hub.importing import import_checkpoint

    published = CHECKPOINTS[name]
    file = folder.parent / published.file
    try:
        with download_bar(published.file) as report:
            download(published.url, published.checksum, file, report)
    except ModelError as error:
        instead = f"'earmark import {published.file} -o MODEL' makes a model from a file that you have already"
        raise ModelError(f"{name} is not in {cache_folder()}, and {error}; {instead}") from error
    try:
        import_checkpoint(file, folder, name)
    except ModelError:
        if published.checksum is None:
            file.unlink()  # damaged on the way, perhaps: the next attempt downloads it anew
        raise
    file.unlink()  # the model holds the same numbers
    return folder
