"""What is wrong with a labelled collection, and what it holds. Pure data; printing is the caller's.

`problems` are mistakes to mend (`ok` is false then); `notes` are worth a look and may well be meant. Every
recording is decoded to its end once, in threads, with bounded memory.
"""

from __future__ import annotations

import difflib
import hashlib
import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

from earmark.audio import SHORT, read_blocks, scan_folder, too_short
from earmark.data.datasets.embeddings import RATE, WIDTH, read_vectors, to_numbers
from earmark.data.manifest import Reading, read_manifest
from earmark.data.records import Clip, Manifest, Problem
from earmark.errors import AudioError, DataError, LevelError, MissingExtraError, counted
from earmark.events import beyond_end
from earmark.formats.tables import normalised

SILENT = -80.0  # dB re full scale, root mean square
FULL_SCALE = 0.999  # a sample this loud counts as clipped
CLIPPED = 0.01  # share of samples at full scale
FEW = 5  # clips a label should have at least
_COLUMNS = ("split", "fold", "onset", "offset", "event_label", "event_labels", "filename")


@dataclass(frozen=True)
class Inspection:
    """One recording, decoded to its end at its own rate; or the embeddings of one."""

    form: str  # "WAV PCM_16, 32000 Hz, 1 channel"
    length: int  # mono samples decoded, or vectors
    rate: int  # of these a second
    peak: float  # largest magnitude
    level: float  # dB re full scale, root mean square; -inf for digital silence
    clipped: float  # share of samples at full scale
    digest: str  # equal for recordings of equal samples and rate, whatever their format
    problem: str | None = None  # why part of it is missing
    cancelling: int = 0  # channels whose mean would be silence, so that one of them was looked at

    @property
    def duration(self) -> float:
        """Seconds."""
        return self.length / self.rate


def inspect(path: Path) -> Inspection:
    """Decode a recording and look at it. `AudioError` when it cannot be read or holds what is not a number."""
    count, peak, energy, clipped = 0, 0.0, 0.0, 0
    with read_blocks(path) as blocks:
        digest = hashlib.blake2b(str(blocks.rate).encode(), digest_size=16)
        for block in blocks:
            magnitude = np.abs(block)
            count += len(block)
            peak = max(peak, float(magnitude.max()))
            energy += float(np.square(block, dtype=np.float64).sum())
            clipped += int((magnitude >= FULL_SCALE).sum())
            digest.update(block.tobytes())
        info = blocks.info
        channels = "1 channel" if info.channels == 1 else f"{info.channels} channels"
        return Inspection(
            form=f"{info.format}, {info.rate} Hz, {channels}",
            length=count,
            rate=info.rate,
            peak=peak,
            level=10 * math.log10(energy / count) if energy > 0 else -math.inf,
            clipped=clipped / count,
            digest=digest.hexdigest(),
            problem=blocks.problem,
            cancelling=info.channels if blocks.one_channel else 0,
        )


def inspect_vectors(clip: Clip) -> Inspection:
    """What the embeddings of a clip are like; zeros all over stand for no sound. `DataError` where they are gone."""
    vectors = read_vectors(clip)
    numbers = to_numbers(vectors)
    energy = float(np.square(numbers, dtype=np.float64).mean())
    return Inspection(
        form=f"embeddings of {WIDTH} values, {RATE} a second",
        length=len(vectors),
        rate=RATE,
        peak=float(np.abs(numbers).max()),
        level=10 * math.log10(energy) if energy > 0 else -math.inf,
        clipped=0.0,
        digest=hashlib.blake2b(vectors.tobytes(), digest_size=16).hexdigest(),
    )


@dataclass(frozen=True)
class LabelRow:
    """One label: how many clips carry it, how long these are, and how long its events (None: not known)."""

    label: str
    clips: int
    seconds: float
    event_seconds: float | None


@dataclass(frozen=True)
class Diagnosis:
    """All that `examine` found."""

    source: Path
    clips: int  # listed and present
    seconds: float  # of those that can be read
    unlabelled: int  # clips without any of the labels
    labels: tuple[LabelRow, ...]
    formats: tuple[tuple[str, int], ...]  # "WAV PCM_16, 32000 Hz, 1 channel" and how many, most first
    problems: tuple[Problem, ...]
    notes: tuple[Problem, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing needs mending."""
        return not self.problems

    def counts(self) -> dict[str, int]:
        """How many problems of each kind."""
        return dict(Counter(problem.kind for problem in self.problems))


def examine(
    data: Manifest | Path,
    *,
    audio: Path | None = None,
    reading: Reading | None = None,
    threads: int = 2,
    progress: Callable[[int, int], None] | None = None,
) -> Diagnosis:
    """Look at everything. `DataError` only where there is nothing to look at; `progress(clips done, clips)`."""
    manifest = data if isinstance(data, Manifest) else read_manifest(data, audio=audio, reading=reading)
    looks: dict[str, Inspection] = {}
    problems = list(manifest.problems)
    notes: list[Problem] = []
    with ThreadPoolExecutor(max_workers=max(1, threads)) as pool:
        outcomes = zip(manifest.clips, pool.map(_look, manifest.clips), strict=True)
        for done, (clip, outcome) in enumerate(outcomes, 1):
            if isinstance(outcome, Problem):
                problems.append(outcome)
            else:
                looks[clip.name] = outcome
                problems += _faults(clip, outcome)
                notes += _oddities(clip, outcome)
            if progress is not None:
                progress(done, len(manifest.clips))
    problems += _duplicates(manifest, looks)
    problems += _misspelt(manifest)
    notes += _label_notes(manifest)
    labelled_by_folders = manifest.source.is_dir() and not any(manifest.source.glob("*.[ct]sv"))
    if labelled_by_folders and (other := scan_folder(manifest.source)).passed:
        notes.append(Problem("passed", str(manifest.source), other.summary()))
    problems += [Problem("column", str(manifest.source), text) for text in _misspelt_columns(manifest)]
    return Diagnosis(
        manifest.source,
        len(manifest.clips),
        sum(look.duration for look in looks.values()),
        sum(not clip.labels for clip in manifest.clips),
        _rows(manifest, looks),
        tuple(Counter(look.form for look in looks.values()).most_common()),
        tuple(problems),
        tuple(notes),
    )


def _look(clip: Clip) -> Inspection | Problem:
    try:
        return inspect(clip.path) if clip.record is None else inspect_vectors(clip)
    except LevelError as error:
        return Problem("level", clip.name, str(error).removeprefix(f"{clip.path}: "))
    except (AudioError, DataError, MissingExtraError) as error:
        return Problem("unreadable", clip.name, str(error).removeprefix(f"{clip.path}: "))


def _faults(clip: Clip, look: Inspection) -> Iterator[Problem]:
    """What makes a clip useless, or its labels wrong."""
    if look.problem is not None:
        yield Problem("truncated", clip.name, look.problem)
    if look.duration < SHORT:
        yield Problem("short", clip.name, too_short(look.duration))
    if look.level < SILENT and clip.labels:
        nothing = "digital silence" if clip.record is None else "vectors of zeros alone"
        what = nothing if look.peak == 0 else f"nothing above {look.level:.0f} dB"
        yield Problem("silent", clip.name, f"contains {what}, but is labelled {', '.join(clip.labels)}")
    late = beyond_end(clip.events or (), look.duration)
    if late is not None and look.problem is None:
        yield Problem("event", clip.name, late)


def _oddities(clip: Clip, look: Inspection) -> Iterator[Problem]:
    if look.clipped > CLIPPED:
        yield Problem("clipping", clip.name, f"{look.clipped:.1%} of its samples are at full scale")
    if look.cancelling:
        yield Problem("phase", clip.name, f"its {look.cancelling} channels cancel each other out; one of them is used")
    empty = [event for event in clip.events or () if event.offset <= event.onset]
    if empty:
        yield Problem("event", clip.name, f"{counted(len(empty), 'event')} of no length, {empty[0].label!r} the first")


def _duplicates(manifest: Manifest, looks: dict[str, Inspection]) -> Iterator[Problem]:
    """Clips with the same sound, whatever their names and formats."""
    groups: dict[str, list[Clip]] = defaultdict(list)
    for clip in manifest.clips:
        if clip.name in looks and looks[clip.name].peak > 0:
            groups[looks[clip.name].digest].append(clip)
    for first, *others in groups.values():
        for other in others:
            differ = set(first.labels) != set(other.labels)
            how = f"labelled {list(other.labels)} here and {list(first.labels)} there" if differ else "same labels"
            apart = "" if first.split == other.split else f", in splits {first.split} and {other.split}"
            yield Problem("duplicate", other.name, f"sounds exactly like {first.name} ({how}{apart})")


def _misspelt(manifest: Manifest) -> Iterator[Problem]:
    names, counts = list(manifest.labels), manifest.counts()
    for group in same_but_for_form(names):
        listed = " and ".join(f"{label!r} ({counted(counts[label], 'clip')})" for label in group)
        yield Problem("label", group[0], f"is this one label in several spellings? {listed}")
    grouped = {label for group in same_but_for_form(names) for label in group}
    for label in names:
        if has_outer_space(label) and label not in grouped:
            yield Problem("label", label, f"{label!r} begins or ends with a space")


def _label_notes(manifest: Manifest) -> Iterator[Problem]:
    for one, other in nearly_the_same(manifest.labels):
        yield Problem("label", one, f"nearly the same as {other!r}; are they one sound?")
    counts = manifest.counts()
    absent = [label for label, count in counts.items() if not count]
    for label, count in counts.items():
        if 0 < count < FEW or (not count and len(absent) <= FEW):
            yield Problem("few", label, {0: "no clips", 1: "only 1 clip"}.get(count, f"only {count} clips"))
    if len(absent) > FEW:
        message = f"{len(absent)} of {len(counts)} labels have no clips ({', '.join(absent[:3])} ...)"
        yield Problem("few", str(manifest.source), message)
    if manifest.unused_columns:
        yield Problem("column", str(manifest.source), f"columns not used: {', '.join(manifest.unused_columns)}")


def _misspelt_columns(manifest: Manifest) -> Iterator[str]:
    """Unused columns that look like one that would be used."""
    for column in manifest.unused_columns:
        near = difflib.get_close_matches(normalised(column), _COLUMNS, n=1, cutoff=0.75)
        if near and normalised(column) not in _COLUMNS:
            yield f"column {column!r} is not used; did you mean {near[0]!r}?"


def _rows(manifest: Manifest, looks: dict[str, Inspection]) -> tuple[LabelRow, ...]:
    seconds: defaultdict[str, float] = defaultdict(float)
    events: defaultdict[str, float] = defaultdict(float)
    strong = any(clip.events is not None for clip in manifest.clips)
    for clip in manifest.clips:
        for label in clip.labels:
            seconds[label] += looks[clip.name].duration if clip.name in looks else 0.0
        for event in clip.events or ():
            events[event.label] += event.offset - event.onset
    return tuple(
        LabelRow(label, clips, seconds[label], events[label] if strong else None)
        for label, clips in manifest.counts().items()
    )


def same_but_for_form(labels: Iterable[str]) -> list[tuple[str, ...]]:
    """Groups of labels that differ in case, spaces, hyphens and underscores alone.

    >>> same_but_for_form(["siren ", "Siren", "dog"])
    [('Siren', 'siren ')]
    """
    groups: dict[str, list[str]] = {}
    for label in sorted(set(labels)):
        groups.setdefault(_form(label), []).append(label)
    return [tuple(group) for group in groups.values() if len(group) > 1]


def nearly_the_same(labels: Iterable[str]) -> list[tuple[str, str]]:
    """Pairs that differ in one word, and that by little: a plural or a letter mistyped.

    Words of less than four letters are not compared: too many differ by one.

    >>> nearly_the_same(["church bell", "church_bells", "cat", "car"])
    [('church bell', 'church_bells')]
    """
    words = {label: _form(label).split("_") for label in sorted(set(labels))}
    return [(a, b) for a, b in combinations(words, 2) if _near(words[a], words[b])]


def has_outer_space(label: str) -> bool:
    """Whether a label begins or ends with a space."""
    return label != label.strip()


def _form(label: str) -> str:
    return re.sub(r"[\s_\-]+", "_", label.strip().casefold())


def _near(one: list[str], other: list[str]) -> bool:
    if len(one) != len(other):
        return False
    differing = [(a, b) for a, b in zip(one, other, strict=True) if a != b]
    if len(differing) != 1:
        return False
    a, b = differing[0]
    return min(len(a), len(b)) >= 4 and abs(len(a) - len(b)) <= 2 and difflib.SequenceMatcher(None, a, b).ratio() > 0.85
