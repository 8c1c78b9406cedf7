"""Recordings and the files named after them.

A recording is named by its path relative to the folder it came from, with forward slashes (`street/a.wav`).
Formats with one file a recording put `street/a.txt` there: same stem, mirrored folders. Where two recordings
share a stem (`a.wav`, `a.mp3`) each keeps its whole name (`a.wav.txt`), so that none overwrites the other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath

from earmark.errors import ConfigError, OutputError, did_you_mean


def file_names(recordings: Iterable[str], suffix: str) -> dict[str, str]:
    """The relative path of each recording's file; no two are alike, even on disks that ignore case.

    `OutputError` for a name that leads out of the folder, or two names that differ in case alone.

    >>> file_names(["x/a.wav", "b.wav", "b.mp3"], ".txt")
    {'x/a.wav': 'x/a.txt', 'b.wav': 'b.wav.txt', 'b.mp3': 'b.mp3.txt'}
    """
    whole = {name: _relative(name) for name in recordings}
    chosen = {name: _without_suffix(path) for name, path in whole.items()}
    for _ in range(2):  # a whole name may meet another's stem ("a.wav", "a.mp3", "a.wav.ogg"): once more then
        uses = Counter(path.casefold() for path in chosen.values())
        chosen = {name: whole[name] if uses[path.casefold()] > 1 else path for name, path in chosen.items()}
    uses = Counter(path.casefold() for path in chosen.values())
    clash = [name for name, path in chosen.items() if uses[path.casefold()] > 1]
    if clash:
        raise OutputError(f"recordings {clash[0]!r} and {clash[1]!r} would be written to the same file")
    return {name: path + suffix for name, path in chosen.items()}


def target_files(
    destination: str | Path, formats: Sequence[str], suffixes: Mapping[str, str], name: str
) -> dict[str, Path]:
    """The file of each format that holds all recordings: `name` in a folder, or the destination itself.

    `destination` is a file when it ends like one of these formats and is not a folder. `ConfigError` for an
    unknown format, `OutputError` when one file is asked to hold another format or several.
    """
    check_formats(formats, suffixes)
    destination = Path(destination)
    if destination.suffix.lower() not in suffixes.values() or destination.is_dir():
        return {form: destination / (name + suffixes[form]) for form in formats}
    if len(formats) != 1 or suffixes[formats[0]] != destination.suffix.lower():
        ending = f", or a name ending in {suffixes[formats[0]]}" if len(formats) == 1 else ""
        raise OutputError(f"{destination} cannot hold {' and '.join(formats)}: give a folder instead{ending}")
    return {formats[0]: destination}


def check_formats(formats: Sequence[str], known: Iterable[str]) -> None:
    """`ConfigError` for a format that is not among the known ones."""
    known = list(known)
    for form in formats:
        if form not in known:
            raise ConfigError(f"unknown format {form!r}, choose from {', '.join(known)}{did_you_mean(form, known)}")


def match_recordings(names: Iterable[str], known: Iterable[str]) -> dict[str, str]:
    """Which known recording each name means: {name: known name}, names that fit none (or several) left out.

    Tried in turn: the name itself; without its extension; the last part alone; that without its extension.
    An event list from `a.txt` thus finds `a.wav`, and `/data/street/a.wav` finds `street/a.wav`. No two names
    are matched to one recording.

    >>> match_recordings(["a", "/data/b.wav", "c"], ["a.wav", "b.wav"])
    {'a': 'a.wav', '/data/b.wav': 'b.wav'}
    """
    names, known = list(dict.fromkeys(names)), list(dict.fromkeys(known))
    keys: list[Callable[[str], str]] = [
        str,
        _without_suffix,
        lambda name: PurePosixPath(name).name,
        lambda name: _without_suffix(PurePosixPath(name).name),
    ]
    matched: dict[str, str] = {}
    for key in keys:
        taken = set(matched.values())
        ours = _by_key((name for name in names if name not in matched), key)
        theirs = _by_key((name for name in known if name not in taken), key)
        for word, group in ours.items():
            if len(group) == 1 and len(theirs.get(word, ())) == 1:
                matched[group[0]] = theirs[word][0]
    return {name: matched[name] for name in names if name in matched}


def _by_key(names: Iterable[str], key: Callable[[str], str]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(key(name), []).append(name)
    return groups


def _relative(name: str) -> str:
    path = PurePosixPath(PureWindowsPath(name).as_posix() if "\\" in name else name)
    parts = [part.rstrip(":") for part in path.parts if part != "/"]
    if not parts or ".." in parts:
        raise OutputError(f"recording {name!r} would be written outside the output folder")
    return "/".join(parts)


def _without_suffix(name: str) -> str:
    """The name without its extension; a dot followed by digits alone (`x_30.000_40.000`) ends no name."""
    path = PurePosixPath(name)
    suffix = path.suffix
    return name if not suffix or suffix[1:].isdigit() else name[: -len(suffix)]
