"""Recordings without labels: a folder of them, a list of paths, or one recording.

A list is a text file, a path a line, relative to the list's folder. What is among the labelled clips already is left
out: a validation clip is not to be trained on, not even without its labels.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from earmark.audio import AUDIO_EXTENSIONS, Recording, find_recordings
from earmark.data.records import Clip, Manifest, Problem, folded
from earmark.errors import DataError
from earmark.labels import Labels


def read_unlabelled(data: Path, labelled: Iterable[Manifest]) -> Manifest:
    """The recordings that are not among `labelled`, as clips without labels; lines that name no file are problems.

    `DataError` when none is left.
    """
    if data.is_file() and data.suffix.lower() not in AUDIO_EXTENSIONS:
        found, problems = _listed(data)
    else:
        found, problems = find_recordings([data]), []
    known = {clip.path.resolve() for manifest in labelled for clip in manifest.clips}
    clips = tuple(Clip(each.path, each.name, ()) for each in found if each.path.resolve() not in known)
    if not clips:
        raise DataError(
            f"{data}: all of its {len(found)} recordings are among the labelled clips" if found else f"{problems[0]}"
        )
    return Manifest(data, clips, Labels(()), tuple(folded(problems, data)))


def _listed(path: Path) -> tuple[list[Recording], list[Problem]]:
    """The recordings of a list, and its lines that name none."""
    try:
        lines = path.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError as error:
        raise DataError(f"{path} is not a list of recordings: {error}") from error
    if any("\0" in line for line in lines):
        raise DataError(f"{path}: is not a list of recordings, not even text")
    files, problems = [], []
    for number, line in enumerate(map(str.strip, lines), 1):
        if line and (path.parent / line).is_file():
            files.append(path.parent / line)
        elif line:
            problems.append(Problem("missing", f"{path}, line {number}", f"{line} does not exist; it is left out"))
    if not files and not problems:
        raise DataError(f"{path} names no recordings; expected one path per line")
    return find_recordings(files), problems
