"""Recordings and the files named after them.

A recording is named by its path relative to the folder it came from, with forward slashes (`street/a.wav`).
Formats with one file a recording put `street/a.txt` there: same stem, mirrored folders. Where two recordings
share a stem (`a.wav`, `a.mp3`) each keeps its whole name (`a.wav.txt`), so that none overwrites the other. A name that
leaves no room for the ending (systems allow 255 bytes) is cut, and ends in a digest of the whole by which it is found.
"""

from __future__ import annotations

import hashlib
import os
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath

from earmark.errors import ConfigError, OutputError, did_you_mean

_MOST_BYTES, _KEPT_BYTES = 255, 200  # of a file's name; of one that is cut


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
    return {name: _with_suffix(path, suffix) for name, path in chosen.items()}


def _with_suffix(path: str, suffix: str) -> str:
    folder, _, last = path.rpartition("/")
    if len(os.fsencode(last + suffix)) > _MOST_BYTES:
        return "/".join(([folder] if folder else []) + [_shortened(last) + suffix])
    return path + suffix


def _shortened(name: str) -> str:
    """A long name cut, with a digest of the whole; a short one as it is."""
    name = unicodedata.normalize("NFC", name)
    whole = os.fsencode(name)
    if len(whole) <= _KEPT_BYTES:
        return name
    return f"{whole[:_KEPT_BYTES].decode(errors='ignore')}~{hashlib.blake2b(whole, digest_size=4).hexdigest()}"


def target_files(
    destination: str | Path, formats: Sequence[str], suffixes: Mapping[str, str], name: str
) -> dict[str, Path]:
    """The file of each format that holds all recordings: `name` in a folder, or the destination itself.

    `destination` is a file when it ends like one of these formats and is not a folder. `ConfigError` for an
    unknown format, `OutputError` when one file is asked to hold another format or several.
    """
    check_formats(formats, suffixes)
    destination = Path(destination)
    ending = destination.suffix.lower()
    fitting = next((form for form, suffix in suffixes.items() if suffix == ending), None)
    if fitting is None or destination.is_dir():
        return {form: destination / (name + suffixes[form]) for form in formats}
    if len(formats) != 1 or suffixes[formats[0]] != ending:
        instead = f", a name ending in {suffixes[formats[0]]}, or --format {fitting}" if len(formats) == 1 else ""
        raise OutputError(f"{destination} cannot hold {' and '.join(formats)}: give a folder instead{instead}")
    return {formats[0]: destination}


def check_formats(formats: Sequence[str], known: Iterable[str]) -> None:
    """`ConfigError` for a format that is not among the known ones."""
    known = list(known)
    for form in formats:
        if form not in known:
            raise ConfigError(f"unknown format {form!r}, choose from {', '.join(known)}{did_you_mean(form, known)}")


def match_recordings(names: Iterable[str], known: Iterable[str]) -> dict[str, str]:
    r"""Which known recording each name means: {name: known name}, names that fit none (or several) left out.

    The folders in a name count: two paths fit where one is the end of the other, so `/data/street/a.wav`, `a.wav`
    and `C:\data\street\a.wav` find `street/a.wav`, and `park/a.wav` does not. Tried in turn: the name itself;
    without its extension (`a.txt` finds `a.wav`); the end of a path; that without its extension. Where all names of
    both sides are absolute, what all of a side begin with is left out first, for they are of two machines. No two names
    are matched to one recording.

    >>> match_recordings(["a", "/data/b.wav", "c"], ["a.wav", "b.wav"])
    {'a': 'a.wav', '/data/b.wav': 'b.wav'}
    """
    names, known = list(dict.fromkeys(names)), list(dict.fromkeys(known))
    ours, theirs = _parts_of(names), _parts_of(known)
    if all(map(_is_absolute, names)) and all(map(_is_absolute, known)):
        ours, theirs = _without_shared(ours), _without_shared(theirs)
    matched = {name: name for name in set(names) & set(known)}
    keys = [(_whole, _whole), (_whole, _stem), (_stem, _whole), (_stem, _stem)]
    if any("~" in name and len(name) > _KEPT_BYTES // 4 for name in names):  # the longest letters have four bytes
        keys += [(_whole, _short_stem), (_whole, _short)]
    for ends in (False, True):  # first the whole path, then the end of one
        for our_key, their_key in keys:
            taken = set(matched.values())
            left = _Index({name: our_key(ours[name]) for name in names if name not in matched}, ends)
            right = _Index({name: their_key(theirs[name]) for name in known if name not in taken}, ends)
            for name, parts in left.parts.items() if right.parts else ():
                fits = right.fitting(parts)
                if len(fits) == 1 and left.fitting(right.parts[fits[0]]) == [name]:
                    matched[name] = fits[0]
    return {name: matched[name] for name in names if name in matched}


_Parts = tuple[str, ...]


def _whole(parts: _Parts) -> _Parts:
    return parts


def _stem(parts: _Parts) -> _Parts:
    return (*parts[:-1], _without_suffix(parts[-1]))


def _short(parts: _Parts) -> _Parts:
    return (*parts[:-1], _shortened(parts[-1]))


def _short_stem(parts: _Parts) -> _Parts:
    return _short(_stem(parts))


class _Index:
    """Names by the parts of their paths, and by every end of a path."""

    def __init__(self, parts: Mapping[str, _Parts], ends: bool) -> None:
        self.parts, self.ends = parts, ends
        self.whole: dict[_Parts, list[str]] = {}
        self.by_end: dict[_Parts, list[str]] = {}
        for name, of in parts.items():
            self.whole.setdefault(of, []).append(name)
            for first in range(1, len(of)) if ends else ():
                self.by_end.setdefault(of[first:], []).append(name)

    def fitting(self, parts: _Parts) -> list[str]:
        """The names whose path is this one or, of ends, is the end of it or ends with it; two are enough."""
        found = list(self.whole.get(parts, ()))
        if self.ends:
            found += self.by_end.get(parts, ())[:2]
            for first in range(1, len(parts)):
                found += self.whole.get(parts[first:], ())
        return found


def _parts_of(names: Sequence[str]) -> dict[str, _Parts]:
    """The folders and the last part of each name, Unicode composed."""
    return {name: path_parts(unicodedata.normalize("NFC", name)) for name in names}


def _without_shared(parts: Mapping[str, _Parts]) -> dict[str, _Parts]:
    """The same without the folders that all begin with."""
    shared = 0
    for level in zip(*(of[:-1] for of in parts.values()), strict=False):
        if len(set(level)) > 1:
            break
        shared += 1
    return {name: of[shared:] for name, of in parts.items()}


def _is_absolute(name: str) -> bool:
    return name.startswith(("/", "\\\\")) or PureWindowsPath(name).is_absolute()


def path_parts(name: str) -> tuple[str, ...]:
    r"""The folders and the last part of a path as any system writes it; the root itself is none of them.

    >>> path_parts(r"C:\data\a.wav "), path_parts("./street/a.wav")
    (('C', 'data', 'a.wav'), ('street', 'a.wav'))
    """
    parts = name.strip().replace("\\", "/").split("/")
    return tuple(part.rstrip(":") or part for part in parts if part not in ("", ".")) or (name,)


def _relative(name: str) -> str:
    path = PurePosixPath(PureWindowsPath(name).as_posix() if "\\" in name else name)
    parts = [part.rstrip(":") for part in path.parts if part not in ("/", "//")]
    if not parts or ".." in parts:
        raise OutputError(f"recording {name!r} would be written outside the output folder")
    return "/".join(parts)


def _without_suffix(name: str) -> str:
    """The name without its extension; a dot followed by digits alone (`x_30.000_40.000`) ends no name."""
    stem, dot, suffix = name.rpartition(".")
    ends_none = not dot or not suffix or "/" in suffix or suffix.isdigit() or not stem or stem.endswith("/")
    return name if ends_none else stem
