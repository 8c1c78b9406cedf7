"""A folder of folders -> clips: the name of a folder is the label of what lies in it.

DATA/siren/a.wav            label siren
DATA/background/b.wav       no label (so for noise, other, silence)
DATA/train/siren/a.wav      label siren, split train, where all of DATA's folders are named after splits
"""

from __future__ import annotations

from pathlib import Path

from earmark.audio import AUDIO_EXTENSIONS, audio_files
from earmark.data.records import Clip, Problem
from earmark.data.splits import TRAIN_WORDS, VALID_WORDS
from earmark.errors import DataError, counted

NO_LABEL = frozenset({"noise", "background", "other", "silence"})  # folders of clips without events


def read_folders(root: Path) -> tuple[list[Clip], list[Problem]]:
    """Clips of a folder of folders, sorted by name. `DataError` when there are none."""
    folders = _folders(root)
    loose = [path for path in audio_files(root) if path.parent == root]
    if not folders:
        raise DataError(_why_not(root, loose))
    words = TRAIN_WORDS | VALID_WORDS
    if folders and all(folder.name.casefold() in words and _folders(folder) for folder in folders):
        parts = [_labelled(root, inner, outer.name) for outer in folders for inner in _folders(outer)]
    else:
        parts = [_labelled(root, folder, None) for folder in folders]
    clips = [clip for part, _ in parts for clip in part]
    problems = [problem for _, part in parts for problem in part]
    problems += [Problem("unlabelled", str(path), "lies in no label's folder; it is left out") for path in loose]
    if not clips:
        raise DataError(_why_not(root, loose))
    return clips, problems


def _labelled(root: Path, folder: Path, split: str | None) -> tuple[list[Clip], list[Problem]]:
    labels = () if folder.name.casefold() in NO_LABEL else (folder.name,)
    clips = [Clip(path, path.relative_to(root).as_posix(), labels, split=split) for path in audio_files(folder)]
    empty = [] if clips else [Problem("empty", str(folder), "holds no recordings; the label has no clips")]
    return clips, empty


def _folders(root: Path) -> list[Path]:
    return sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))


def _why_not(root: Path, loose: list[Path]) -> str:
    tables = sorted(p.name for p in root.iterdir() if p.suffix.lower() in (".csv", ".tsv") and p.name[0] != ".")
    if tables:
        return (
            f"{root}: no folders of labelled recordings; give a table in it ({', '.join(tables[:5])}) by its own path?"
        )
    if loose:
        there = counted(len(loose), "recording")
        return f"{root}: {there} but no labels; give a table of labels, or a folder for each label"
    looked = " ".join(AUDIO_EXTENSIONS)
    return f"{root}: no recordings in this folder or below it (looked for {looked})"
