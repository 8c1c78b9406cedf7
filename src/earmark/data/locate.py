"""Which audio file a name in a table means."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path, PurePath

from earmark.audio import audio_files
from earmark.formats.naming import match_recordings


def audio_folders(table: Path, audio: Path | None) -> list[Path]:
    """Where the audio of a table may lie: the folder that was given, else `audio/` beside it and beside it."""
    if audio is not None:
        return [audio]
    beside = table.parent
    return [folder for folder in (beside / "audio", beside) if folder.is_dir()]


def locate(names: Iterable[str], folders: Sequence[Path]) -> dict[str, Path]:
    """The file of every name that has one: {name: path}.

    A name is first taken as a path, in each folder in turn. What is left is matched to the audio files below
    the first folder: without regard to the extension, then to the folders in the name, as long as exactly one
    file fits and no other name has it.
    """
    names = list(dict.fromkeys(names))
    found: dict[str, Path] = {}
    for name in names:
        paths = (folder / name for folder in folders)
        path = next((path for path in paths if path.is_file()), None)
        if path is not None:
            found[name] = path
    rest = [name for name in names if name not in found]
    if rest and folders:
        taken = {path.resolve() for path in found.values()}
        below = {p.relative_to(folders[0]).as_posix(): p for p in audio_files(folders[0]) if p.resolve() not in taken}
        found |= {name: below[match] for name, match in match_recordings(rest, below).items()}
    return {name: found[name] for name in names if name in found}


def why_missing(name: str, folders: Sequence[Path]) -> str:
    """Words for a name without a file: it does not exist, or it fits several."""
    stem = PurePath(name).stem if PurePath(name).suffix else PurePath(name).name
    fits = [p for p in audio_files(folders[0]) if p.stem == stem] if folders else []
    if len(fits) > 1:
        return f"{name} fits several files: {fits[0]}, {fits[1]}"
    return f"{name} does not exist (looked in {' and '.join(map(str, folders))})"
