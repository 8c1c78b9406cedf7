"""Recordings below `--root`, by their path from there; nothing else on the disk is within reach."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

from earmark.audio import AUDIO_EXTENSIONS
from earmark.errors import AudioError
from earmark.options import shown

MOST = 5000  # recordings of a folder that are listed


def below(root: Path, asked: str) -> Path:
    r"""The file at a path below `root`. `AudioError` where the path leads out of it, also by links, or to no file.

    The message does not say whether something lies outside.
    """
    parts = PurePosixPath(asked).parts
    odd = any(letter in asked for letter in ("\0", "\\")) or not parts or asked.startswith(("/", "~"))
    if odd or ".." in parts or any(ord(letter) < 32 for letter in asked):
        raise AudioError(f"{shown(asked)} is no path below the root folder; expected for example 'street/a.wav'")
    home = root.resolve()
    place = home.joinpath(*parts)
    if not (_within(place, home) and os.path.isfile(place)):
        raise AudioError(f"{shown(asked)}: no such recording below the root folder")
    return place.resolve()


def listed(root: Path, folder: str = "") -> tuple[list[str], list[str]]:
    """Folders and recordings right below a folder below `root`, by name; hidden ones and links out are left out."""
    home = root.resolve()
    place = home
    if folder:
        parts = PurePosixPath(folder).parts
        if ".." in parts or folder.startswith("/") or any(letter in folder for letter in ("\0", "\\")):
            raise AudioError(f"{shown(folder)} is no folder below the root folder")
        place = home.joinpath(*parts)
    if not _within(place, home) or not os.path.isdir(place):
        raise AudioError(f"{shown(folder)}: no such folder below the root folder")
    folders: list[str] = []
    files: list[str] = []
    for each in sorted(place.iterdir()):
        if each.name.startswith(".") or not _within(each, home):
            continue
        if each.is_dir():
            folders.append(each.name)
        elif each.suffix.lower() in AUDIO_EXTENSIONS and len(files) < MOST:
            files.append(each.name)
    return folders, files


def _within(path: Path, home: Path) -> bool:
    """Whether a path, its links followed, lies below `home`."""
    try:
        return path.resolve().is_relative_to(home)
    except (OSError, RuntimeError, ValueError):  # too long, links in a circle, bytes that no name has
        return False
