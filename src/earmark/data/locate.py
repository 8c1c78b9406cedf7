"""Which audio file a name in a table means."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from earmark.audio import audio_files
from earmark.formats.naming import match_recordings, path_parts

LISTS = frozenset({"meta", "metadata", "labels", "label", "lists", "annotations", "annotation", "ground_truth", "csv"})


def audio_folders(table: Path, audio: Path | None) -> list[Path]:
    """Where the audio of a table may lie: the folder that was given, else `audio/` beside it, beside it, and `audio/`
    beside its folder where that is one of lists (`meta`, `labels`, ...).
    """
    if audio is not None:
        return [audio]
    beside = table if table.is_dir() else table.parent
    places = [beside / "audio", beside]
    if beside.name.casefold() in LISTS:
        places.append(beside.parent / "audio")
    return [folder for folder in places if folder.is_dir()]


def locate(names: Iterable[str], folders: Sequence[Path]) -> dict[str, Path]:
    """The file of every name that has one: {name: path}.

    A name is first taken as a path, in each folder in turn. What is left is matched to the audio files below the first
    folder in which any is found: without regard to the extension, by the end of the path, as long as exactly one file
    fits and no other name has it. A folder in a name counts: `SITE1/a.wav` is never `SITE2/a.wav`.
    """
    names = list(dict.fromkeys(names))
    found: dict[str, Path] = {}
    for name in names:
        spellings = (name, name.strip(), "/".join(path_parts(name)) if "\\" in name else name)
        paths = (folder / spelling for folder in folders for spelling in dict.fromkeys(spellings))
        path = next((path for path in paths if _is_file(path)), None)
        if path is not None:
            found[name] = path
    rest = [name for name in names if name not in found]
    for folder in folders if rest else ():
        taken = {path.resolve() for path in found.values()}
        below = {p.relative_to(folder).as_posix(): p for p in audio_files(folder) if p.resolve() not in taken}
        found |= {name: below[match] for name, match in match_recordings(rest, below).items()}
        if found:
            break
    return {name: found[name] for name in names if name in found}


def why_missing(names: Sequence[str], folders: Sequence[Path]) -> dict[str, str]:
    """Words for each name without a file: it does not exist, or it fits several."""
    below: dict[str, list[Path]] = {}
    for path in audio_files(folders[0]) if names and folders else ():
        below.setdefault(path.stem, []).append(path)
    return {name: _why_missing(name, folders, below) for name in names}


def _why_missing(name: str, folders: Sequence[Path], below: dict[str, list[Path]]) -> str:
    last = path_parts(name)[-1]
    near = below.get(Path(last).stem if Path(last).suffix else last, [])[:100]
    fits = [path for path in near if match_recordings([name], [path.relative_to(folders[0]).as_posix()])]
    if len(fits) > 1:
        return f"{name} fits several files: {fits[0]}, {fits[1]}"
    other = f"; {near[0]} lies in another folder" if near and not fits else ""
    return f"{name} does not exist (looked in {' and '.join(map(str, folders))}{other})"


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name that is too long, or holds what no name can
        return False
