"""A folder to the bottom, one folder held at a time, in the order that `find_recordings` sorts paths into."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator

from earmark.audio.find import kind_of
from earmark.audio.source import AUDIO_EXTENSIONS


def walk(folder: str, problems: list[str], passed: Counter[str]) -> Iterator[tuple[str, str]]:
    """Relative path (forward slashes) and real path of each recording below a folder, sorted as paths are.

    Only one folder is held at a time. Links are followed, each real folder and file once; names that begin with a dot
    are passed over. Folders that cannot be read are noted in `problems`; other files are counted by kind in `passed`.
    """
    real_root = os.path.realpath(folder)
    seen, linked = {real_root}, set[str]()
    stack = [(iter(_names(folder, problems, passed)), "", real_root)]
    while stack:
        names, place, real_place = stack[-1]
        for name, kind in names:
            inside = f"{place}{name}"
            real = f"{real_place}{os.sep}{name}"
            if kind in "LM":  # a link
                real = os.path.realpath(real)
            if kind in "DM":
                if real not in seen:  # a link back up would go on for ever
                    seen.add(real)
                    stack.append((iter(_names(os.path.join(folder, inside), problems, passed)), inside + "/", real))
                    break
            elif real in linked:
                continue
            elif kind == "L":
                if not _listed_before(real, inside, real_root):
                    linked.add(real)
                    yield inside, real
            else:
                yield inside, real
        else:
            stack.pop()


def _listed_before(real: str, inside: str, real_root: str) -> bool:
    """Whether the file that a link leads to was given out by its own name before the link."""
    if not real.startswith(real_root + os.sep):
        return False
    parts = real[len(real_root) + 1 :].split(os.sep)
    listed = not any(part.startswith(".") for part in parts) and parts[-1].lower().endswith(AUDIO_EXTENSIONS)
    return listed and parts < inside.split("/")


def _names(folder: str, problems: list[str], passed: Counter[str]) -> list[tuple[str, str]]:
    """Names in a folder with their kinds, sorted: Files, Links to files, Directories, links to directories (M)."""
    found: list[tuple[str, str]] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                name = entry.name
                if name.startswith("."):
                    continue
                link = entry.is_symlink()
                if _is(entry.is_dir):
                    found.append((name, "M" if link else "D"))
                elif name.lower().endswith(AUDIO_EXTENSIONS) and _is(entry.is_file):
                    found.append((name, "L" if link else "F"))
                else:
                    passed[kind_of(entry.path)] += 1
    except OSError as error:
        problems.append(f"{folder}: cannot be read ({error.strerror or error})")
    found.sort()
    return found


def _is(kind: Callable[[], bool]) -> bool:
    try:
        return kind()
    except OSError:  # a loop of links
        return False
