"""Sound files cut around detections, to listen to and to train with, and a table of them that is a data set itself.

`choose`   up to a number of events of each label: the most confident, random ones, or spread evenly over all scores
`cut`      the files `label/recording_onset-offset.wav` (mono, 16 bit, at the recording's own rate) and `clips.csv`

A clip has the labels of all detections that it overlaps, not only of the one it was cut around.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import soundfile

from earmark.audio import AUDIO_EXTENSIONS, probe, read_blocks
from earmark.errors import AudioError, DataError, EarmarkError, counted
from earmark.events import Event
from earmark.files import write_aside
from earmark.formats.fields import format_score, format_seconds, join_labels
from earmark.formats.tables import write_table
from earmark.runtime.journal import Journal

Order = Literal["confident", "random", "balanced"]
TABLE = "clips.csv"
COLUMNS = ("filename", "event_labels", "score", "recording", "onset", "offset")
RESULTS = ("detect.jsonl", "similar.jsonl")  # journals of the runs whose events are reviewed and cut
_MOST_NAME = 80  # letters of a recording's name in a file name


class Clip(NamedTuple):
    """A piece of a recording around an event, seconds."""

    recording: str
    event: Event
    onset: float
    offset: float
    labels: tuple[str, ...]


@dataclass
class CutClips:
    """What came of `cut`."""

    written: list[Path] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)  # which recording, and why


def choose(
    events: Mapping[str, Sequence[Event]],
    per_label: int | None = None,
    order: Order = "confident",
    pad: float = 0.0,
    seed: int = 0,
) -> list[Clip]:
    """Events to be cut, of each label at most `per_label`, with `pad` seconds before and after.

    `confident` takes the highest scores, `balanced` evenly spaced ranks from the highest to the lowest. The same events
    and seed give the same clips. They come by recording, then onset.
    """
    by_label: dict[str, list[tuple[str, Event]]] = {}
    for recording, found in events.items():
        for event in found:
            if event.offset > event.onset:
                by_label.setdefault(event.label, []).append((recording, event))
    chosen: list[tuple[str, Event]] = []
    for label, found_ones in sorted(by_label.items()):
        ranked = sorted(found_ones, key=lambda each: (-(each[1].score or 0.0), each[0], each[1].onset))
        count = len(ranked) if per_label is None else min(per_label, len(ranked))
        if order == "random":
            ranked = random.Random(f"{seed} {label}").sample(ranked, count)
        elif order == "balanced":
            ranked = [ranked[place] for place in np.linspace(0, len(ranked) - 1, count).round().astype(int)]
        chosen += ranked[:count]
    places = {recording: place for place, recording in enumerate(events)}
    chosen.sort(key=lambda each: (places[each[0]], each[1].onset, each[1].offset, each[1].label))
    return [_clip(recording, event, events[recording], pad) for recording, event in chosen]


def _clip(recording: str, event: Event, others: Sequence[Event], pad: float) -> Clip:
    onset, offset = max(0.0, event.onset - pad), event.offset + pad
    overlapping = {each.label for each in others if each.onset < offset and each.offset > onset}
    labels = (event.label, *sorted(overlapping - {event.label}))
    return Clip(recording, event, onset, offset, labels)


def find_audio(clips: Sequence[Clip], table: Path, audio: Path | None) -> dict[str, Path]:
    """The file of each recording: in `audio`, else where the run that made the table found it, else beside the table.

    A recording that a label track names without an extension is found with any. `DataError` where none is found.
    """
    names = dict.fromkeys(clip.recording for clip in clips)
    known = {} if audio is not None else _journalled(table, set(names))
    root = audio or (table if table.is_dir() else table.parent)
    found: dict[str, Path] = {}
    for name in names:
        tried = [known[name]] if name in known else []
        tried += [root / name, *(root / (name + extension) for extension in AUDIO_EXTENSIONS)]
        path = next((path for path in tried if path.is_file()), None)
        if path is not None:
            found[name] = path
    if names and not found:
        raise DataError(
            f"{root}: holds none of the {len(names)} recordings, such as {next(iter(names))}; add --audio DIR"
        )
    return found


def _journalled(table: Path, names: set[str]) -> dict[str, Path]:
    folder = table if table.is_dir() else table.parent
    for state in (folder / ".earmark", folder / f".{table.name}.earmark"):
        for file in RESULTS:
            journal = Journal(state / file)
            if journal.path.exists():
                return {str(r["name"]): Path(r["path"]) for r in journal.records() if r["name"] in names}
    return {}


def cut(clips: Sequence[Clip], audio: Mapping[str, Path], folder: Path) -> CutClips:
    """Write the clips, recording by recording, and the table `clips.csv`. A recording that fails costs no other.

    `DataError` where not one could be cut, `OutputError` where the folder cannot be written.
    """
    done, rows = CutClips(), list[tuple[str, ...]]()
    by_recording: dict[str, list[Clip]] = {}
    for clip in clips:
        by_recording.setdefault(clip.recording, []).append(clip)
    taken: set[str] = set()
    for recording, wanted in by_recording.items():
        if recording not in audio:
            done.failed.append(f"{recording}: not found; {counted(len(wanted), 'clip')} of it left out")
            continue
        try:
            for clip, samples, rate in _pieces(audio[recording], wanted):
                name = _file_name(clip, taken)
                with write_aside(folder / name) as aside:
                    soundfile.write(aside, samples, rate, subtype="PCM_16", format="WAV")
                done.written.append(folder / name)
                times = format_seconds(clip.onset), format_seconds(clip.onset + len(samples) / rate)
                rows.append((name, join_labels(clip.labels), format_score(clip.event.score), recording, *times))
        except EarmarkError as error:
            if not isinstance(error, AudioError):
                raise
            done.failed.append(str(error))
    if not rows:
        raise DataError(
            "no clips could be cut" + (f": {done.failed[0]}" if done.failed else ": the table has no events")
        )
    write_table(folder / TABLE, COLUMNS, rows)
    return done


def _pieces(path: Path, clips: Sequence[Clip]) -> Iterator[tuple[Clip, np.ndarray, int]]:
    """The clips of a recording with their samples (samples,) and rate in Hz; it is decoded once, as a stream."""
    rate = probe(path).rate
    spans = sorted(
        (int(clip.onset * rate), max(1, round(clip.offset * rate)), place) for place, clip in enumerate(clips)
    )
    held, start = np.zeros(0, np.float32), 0
    with read_blocks(path) as blocks:
        for block in blocks:
            held = np.concatenate([held, block])
            while spans and spans[0][1] <= start + len(held):
                first, last, place = spans.pop(0)
                yield clips[place], held[first - start : last - start], rate
            needed = min((first for first, _, _ in spans), default=start + len(held))
            drop = max(0, min(needed - start, len(held)))
            held, start = held[drop:], start + drop
            if not spans:
                return
        for first, _, place in spans:  # events, or their pads, that reach beyond the end
            if first < start + len(held):
                yield clips[place], held[max(0, first - start) :], rate


def _file_name(clip: Clip, taken: set[str]) -> str:
    recording = _plain(re.sub(r"\.[A-Za-z0-9]{1,5}$", "", clip.recording))[-_MOST_NAME:]
    stem = f"{_plain(clip.event.label)}/{recording}_{clip.onset:.3f}-{clip.offset:.3f}"
    name, number = f"{stem}.wav", 1
    while name.casefold() in taken:
        number += 1
        name = f"{stem}-{number}.wav"
    taken.add(name.casefold())
    return name


def _plain(text: str) -> str:
    r"""Text as part of a file name on any system.

    >>> _plain("Air horn, truck horn"), _plain("street/a:b")
    ('Air horn, truck horn', 'street-a-b')
    """
    plain = re.sub(r'[\\/:*?"<>|\x00-\x1f\ud800-\udfff]', "-", text).strip(". ")
    return plain or "-"
