"""Which recording is which segment of AudioSet, by its name.

`Y<id>`, `<id>`, `Y<id>_<start>`, `<id>_<start>_<end>`, any extension: ids have 11 letters and may themselves begin with
Y or hold underscores, so a name is taken apart by their count.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from earmark.audio import audio_files
from earmark.formats.audioset import Segment

SPLITS = ("unbalanced_train", "balanced_train", "train", "eval")  # as list names hold them, longest first
_FILE = re.compile(r"(?P<video>[A-Za-z0-9_-]{11})(_(?P<start>\d+(\.\d+)?)(_\d+(\.\d+)?)?)?")


def split_of(path: Path) -> str | None:
    """The split that a list's name stands for.

    >>> split_of(Path("unbalanced_train_segments.csv")), split_of(Path("my_segments.csv"))
    ('unbalanced_train', None)
    """
    return next((split for split in SPLITS if split in path.stem.lower()), None)


def fitting(segment: Segment, files: Sequence[tuple[str | None, Path]], split: str | None) -> list[Path]:
    """The files of a video that fit a segment: (start as the name writes it, path).

    Of several, those that lie in a folder named after the split.

    >>> files = [("30", Path("a")), ("30000", Path("b")), ("3.5", Path("c"))]
    >>> fitting(Segment("--4gqARaEJE", 30.0, 40.0, 1), files, None), fitting(Segment("", 3.5, 9.0, 1), files, None)
    ([PosixPath('a'), PosixPath('b')], [PosixPath('c')])
    """
    fits = [path for start, path in files if start is None or _same(segment.start, start)]
    inside = [path for path in fits if split and any(split in part for part in path.parts[-4:-1])]
    return inside if len(fits) > 1 and inside else fits


def _same(start: float, written: str) -> bool:
    """Whether a name writes this start: in seconds, perhaps without their decimals, or in milliseconds."""
    value = float(written)
    if "." in written:
        return abs(value - start) < 0.0015
    return value in (int(start), int(start + 0.5), round(1000 * start))


def files_by_video(root: Path) -> dict[str, list[tuple[str | None, Path]]]:
    """Recordings by video: the start in the name, and the path."""
    found: defaultdict[str, list[tuple[str | None, Path]]] = defaultdict(list)
    for path in audio_files(root):
        stem = path.name[: -len(path.suffix)]
        match = _FILE.fullmatch(stem) or (_FILE.fullmatch(stem[1:]) if stem.startswith("Y") else None)
        if match is not None:
            found[match["video"]].append((match["start"], path))
    return found
