"""Recordings below `--root`, by their path from there; nothing else on the disk is within reach."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from earmark.audio import AUDIO_EXTENSIONS
from earmark.errors import AudioError

MOST = 5000  # recordings of a folder that are listed


def below(root: Path, asked: str) -> Path:
    r"""The file at a path below `root`. `AudioError` where the path leads out of it, also by links, or to no file.

    The message does not say whether something lies outside.
    """
    parts = PurePosixPath(asked).parts
    odd = any(letter in asked for letter in ("\0", "\\")) or not parts or asked.startswith(("/", "~"))
    if odd or ".." in parts or any(ord(letter) < 32 for letter in asked):
        raise AudioError(f"{asked!r} is no path below the root folder; expected for example 'street/a.wav'")
    home = root.resolve()
    try:
        place = home.joinpath(*parts).resolve()
        inside = place.is_relative_to(home) and place.is_file()
    except (OSError, RuntimeError, ValueError):  # too long, links in a circle, bytes that no name has
        inside = False
    if not inside:
        raise AudioError(f"{asked!r}: no such recording below the root folder")
    return place


def listed(root: Path, folder: str = "") -> tuple[list[str], list[str]]:
    """Folders and recordings right below a folder below `root`, by name; hidden ones and links out are left out."""
    home = root.resolve()
    place = home
    if folder:
        parts = PurePosixPath(folder).parts
        if ".." in parts or folder.startswith("/") or "\0" in folder or "\\" in folder:
            raise AudioError(f"{folder!r} is no folder below the root folder")
        place = home.joinpath(*parts).resolve()
    if not place.is_relative_to(home) or not place.is_dir():
        raise AudioError(f"{folder!r}: no such folder below the root folder")
    folders: list[str] = []
    files: list[str] = []
    for each in sorted(place.iterdir()):
        if each.name.startswith(".") or not each.resolve().is_relative_to(home):
            continue
        if each.is_dir():
            folders.append(each.name)
        elif each.suffix.lower() in AUDIO_EXTENSIONS and len(files) < MOST:
            files.append(each.name)
    return folders, files
