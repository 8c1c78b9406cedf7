"""Render `scapes`, the data set of the accuracy benchmarks: soundscapes of real recordings with weak and strong labels.

    python -m tools.scapes train OUT --data ESC50      2,000 soundscapes, from folds 1 to 3
    python -m tools.scapes dev OUT --data ESC50          400 soundscapes, from fold 4

A soundscape is ten seconds of one background class with one to four events at a random level above it. Foreground
classes are drawn with the weights of `FOREGROUND`: the most frequent is 40 times as likely as the rarest, much as in
DCASE2017 task 4. Each soundscape has its own generator, seeded by (seed of the split, index), so the same
command always writes the same samples, in any order and with any number of processes. A test holds stored hashes.

ESC50 is a folder with `clips.csv` (columns filename, fold, label) and the recordings that it names, all at 32 kHz. A
recording at another rate is refused: a resampler would change the samples, and with them the benchmark.

    OUT/SPLIT/audio/scape-SEED-INDEX.wav    32 kHz, mono, 16 bit
    OUT/SPLIT/weak.tsv                      filename, event_labels separated by commas
    OUT/SPLIT/strong.tsv                    filename, onset, offset, event_label; times in seconds
    OUT/SPLIT/durations.tsv                 filename, duration in seconds
    OUT/SPLIT/.rendered.jsonl               the events of each finished soundscape

Every file is written whole or not at all. A run that was stopped continues where it stopped: soundscapes that have both
a sound file and a line in `.rendered.jsonl` are not rendered again.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import multiprocessing
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import repeat
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from earmark.audio import read_audio
from earmark.errors import DataError, EarmarkError
from earmark.files import write_aside, write_text

Samples = npt.NDArray[np.float32]
Event = tuple[float, float, str]  # onset and offset in seconds, label
Catalogue = Mapping[str, Sequence[Path]]  # label -> recordings, in the order of their names

RATE = 32_000  # Hz
SECONDS = 10.0  # length of a soundscape
LENGTH = int(SECONDS * RATE)  # samples

# How often each foreground class is drawn, relative to the others.
FOREGROUND = {
    **{"engine": 40, "dog": 30, "siren": 24, "train": 20, "car_horn": 16, "crying_baby": 13, "helicopter": 11},
    **{"church_bells": 9, "clock_alarm": 8, "vacuum_cleaner": 7, "chainsaw": 6, "laughing": 5, "rooster": 4.5},
    **{"coughing": 4, "cat": 3, "door_wood_knock": 2.5, "keyboard_typing": 2, "crow": 1.6, "glass_breaking": 1.3},
    "sneezing": 1,
}
BACKGROUND = ("rain", "sea_waves", "wind", "crickets", "crackling_fire", "water_drops")

FADE = 0.25  # s, cross-fade between two background recordings
BED_LEVEL = (-38.0, -28.0)  # dB, level of the background
EVENT_LEVEL = (0.0, 20.0)  # dB, level of an event above the background
EVENTS = {1: 0.35, 2: 0.35, 3: 0.2, 4: 0.1}  # number of events -> probability
LONGEST = 5.0  # s, longest piece taken from a recording
CUTTABLE = 1.5  # s, pieces longer than this are shortened in half of all cases, to no less than SHORTENED
SHORTENED = 1.0  # s
EDGE = 0.02  # s, fade at both ends of a piece
LOUDEST = 0.95  # a soundscape with a higher peak is scaled down to it

STEP = 0.02  # s, step in which activity is measured
BELOW_PEAK = 30.0  # dB, a step is active down to this level below the loudest one ...
AUDIBLE = -70.0  # dB, ... and above this level
GAP = 0.4  # s, shorter pauses belong to the sound
SHORTEST = 0.1  # s, shorter sounds are ignored


@dataclass(frozen=True)
class Split:
    """Which folds of the recordings a split uses, how many soundscapes it has, and its seed."""

    folds: tuple[int, ...]
    count: int
    seed: int

    def name(self, index: int) -> str:
        """File name of soundscape `index`."""
        return f"scape-{self.seed}-{index:05d}.wav"


SPLITS = {"train": Split((1, 2, 3), 2_000, 1), "dev": Split((4,), 400, 2)}


@lru_cache(maxsize=256)
def recording(path: Path) -> Samples:
    """All samples of a recording, (samples,). `DataError` if it is damaged or has another rate than `RATE`."""
    audio = read_audio(path)
    if audio.problem is not None:
        raise DataError(f"{path} is damaged ({audio.problem}); the benchmark needs the whole recording")
    if audio.rate != RATE:
        raise DataError(f"{path} has {audio.rate} Hz, expected {RATE}: resampled recordings give other soundscapes")
    audio.samples.flags.writeable = False  # shared by all soundscapes
    return audio.samples


def rms(samples: Samples) -> float:
    """Root of the mean square, at least 1e-9."""
    return float(np.sqrt(np.mean(samples.astype(np.float64) ** 2)) + 1e-9)


@cache
def sounds(path: Path) -> tuple[tuple[float, float], ...]:
    """Onsets and offsets (seconds) of the active parts of a recording."""
    step = round(STEP * RATE)
    samples = recording(path)
    steps = samples[: len(samples) // step * step].reshape(-1, step)  # (steps, samples a step)
    level = 10 * np.log10((steps.astype(np.float64) ** 2).mean(axis=1) + 1e-12)
    active = level > max(level.max() - BELOW_PEAK, AUDIBLE)
    changes = np.flatnonzero(np.diff(active, prepend=False, append=False))
    found: list[tuple[float, float]] = []
    for onset, offset in (changes.reshape(-1, 2) / round(1 / STEP)).tolist():
        if found and onset - found[-1][1] < GAP:
            found[-1] = (found[-1][0], offset)
        else:
            found.append((onset, offset))
    return tuple((onset, offset) for onset, offset in found if offset - onset >= SHORTEST)


def bed(catalogue: Catalogue, rng: np.random.Generator) -> Samples:
    """`LENGTH` samples of one background class: recordings of equal level, cross-faded."""
    choices = catalogue[BACKGROUND[rng.integers(len(BACKGROUND))]]
    fade = int(FADE * RATE)
    rising = np.linspace(0, 1, fade, dtype=np.float32)
    laid = np.zeros(0, np.float32)
    while len(laid) < LENGTH:
        piece = recording(choices[int(rng.integers(len(choices)))])
        piece = piece / rms(piece)
        if len(laid):
            laid[-fade:] = laid[-fade:] * (1 - rising) + piece[:fade] * rising
            piece = piece[fade:]
        laid = np.concatenate([laid, piece])
    return laid[:LENGTH]


def cut(parts: Sequence[tuple[float, float]], first: int, rng: np.random.Generator) -> tuple[float, float]:
    """Start and stop (seconds) of the piece that begins with part `first`; later parts join it within `LONGEST`."""
    start, stop = parts[first]
    within = [offset for _, offset in parts[first:] if offset - start <= LONGEST]
    stop = min(max(within, default=stop), start + LONGEST)
    if stop - start > CUTTABLE and rng.random() < 0.5:
        stop = start + rng.uniform(SHORTENED, stop - start)
    return start, stop


def add_event(mix: Samples, floor: float, path: Path, label: str, rng: np.random.Generator) -> list[Event]:
    """Add a piece of a recording to `mix` (in place), at a level above `floor`; return its events."""
    parts = sounds(path)
    if not parts:
        return []
    first = int(rng.integers(len(parts)))
    start, stop = cut(parts, first, rng)
    piece = recording(path)[int(start * RATE) : int(stop * RATE)].copy()
    edge = min(len(piece) // 4, int(EDGE * RATE))
    piece[:edge] *= np.linspace(0, 1, edge)
    piece[len(piece) - edge :] *= np.linspace(1, 0, edge)
    at = rng.uniform(0, SECONDS - len(piece) / RATE)
    gain = floor * 10 ** (rng.uniform(*EVENT_LEVEL) / 20) / rms(piece)
    begin = int(at * RATE)
    mix[begin : begin + len(piece)] += gain * piece
    return [
        (at + onset - start, at + min(offset, stop) - start, label) for onset, offset in parts[first:] if onset < stop
    ]


def joined(events: Sequence[Event]) -> list[Event]:
    """Events in order of time; those of one label that overlap or touch have become one."""
    out: list[Event] = []
    for onset, offset, label in sorted(events, key=lambda event: (event[2], event[0])):
        if out and out[-1][2] == label and onset <= out[-1][1]:
            out[-1] = (out[-1][0], max(out[-1][1], offset), label)
        else:
            out.append((onset, offset, label))
    return sorted(out)


def soundscape(catalogue: Catalogue, rng: np.random.Generator) -> tuple[Samples, list[Event]]:
    """One soundscape, (`LENGTH`,), and its events."""
    labels = list(FOREGROUND)
    probability = np.array(list(FOREGROUND.values()), float)
    probability /= probability.sum()
    mix = bed(catalogue, rng)
    mix *= 10 ** (rng.uniform(*BED_LEVEL) / 20)
    floor = rms(mix)
    events: list[Event] = []
    for _ in range(rng.choice(list(EVENTS), p=list(EVENTS.values()))):
        label = labels[rng.choice(len(labels), p=probability)]
        paths = catalogue[label]
        events += add_event(mix, floor, paths[int(rng.integers(len(paths)))], label, rng)
    peak = np.abs(mix).max()
    return (mix / peak * LOUDEST if peak > LOUDEST else mix), joined(events)


def find_recordings(data: Path, folds: Sequence[int]) -> dict[str, list[Path]]:
    """The recordings of every class in these folds. Backgrounds with digital silence are left out.

    `DataError` if `clips.csv` is missing or has no usable recording of a class.
    """
    table = data / "clips.csv"
    if not table.is_file():
        raise DataError(f"{table} does not exist; name the folder of the recordings with --data")
    found: dict[str, list[Path]] = {label: [] for label in (*FOREGROUND, *BACKGROUND)}
    with open(table, newline="", encoding="utf-8") as file:
        for line, row in enumerate(csv.DictReader(file), start=2):
            try:
                if int(row["fold"]) in folds and row["label"] in found:
                    found[row["label"]].append(data / row["filename"])
            except (KeyError, TypeError, ValueError):
                raise DataError(f"{table}, line {line}: expected columns filename, fold (a number) and label") from None
    for label in found:
        found[label].sort()
        if label in BACKGROUND:
            found[label] = [path for path in found[label] if np.mean(np.abs(recording(path)) < 1e-5) < 0.05]
    if missing := sorted(label for label in found if not found[label]):
        raise DataError(
            f"{table} has no usable recording of {', '.join(missing)} in folds {', '.join(map(str, folds))}"
        )
    return found


def render_one(catalogue: Catalogue, split: Split, folder: Path, index: int) -> list[Event]:
    """Write soundscape `index` below `folder`, whole or not at all, and return its events."""
    samples, events = soundscape(catalogue, np.random.default_rng((split.seed, index)))
    with write_aside(folder / "audio" / split.name(index)) as path:
        soundfile.write(path, samples, RATE, subtype="PCM_16", format="WAV")
    return events


class Journal:
    """`.rendered.jsonl`: a first line that identifies the data, then [index, events] of every finished soundscape."""

    def __init__(self, folder: Path, split: Split, data: Path) -> None:
        """Read what an earlier run left. `DataError` if that run used other recordings."""
        self.path = folder / ".rendered.jsonl"
        head = {"seed": split.seed, "clips": hashlib.sha256((data / "clips.csv").read_bytes()).hexdigest()}
        self.events: dict[int, list[Event]] = {}
        lines = self.path.read_text(encoding="utf-8").split("\n")[:-1] if self.path.exists() else []
        if lines and json.loads(lines[0]) != head:
            raise DataError(f"{folder} was rendered from other recordings; choose another folder or delete it")
        for line in lines[1:]:
            index, events = json.loads(line)
            if (folder / "audio" / split.name(index)).is_file():
                self.events[index] = [(onset, offset, label) for onset, offset, label in events]
        write_text(self.path, "".join(f"{json.dumps(line)}\n" for line in (head, *self.events.items())))

    def add(self, index: int, events: list[Event]) -> None:
        """Note a soundscape whose sound file is in place."""
        self.events[index] = events
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(json.dumps((index, events)) + "\n")


def write_tables(folder: Path, split: Split, events: Sequence[Sequence[Event]]) -> None:
    """weak.tsv, strong.tsv and durations.tsv of the first soundscapes, given the events of each."""
    weak, strong, durations = (
        ["filename\tevent_labels"],
        ["filename\tonset\toffset\tevent_label"],
        ["filename\tduration"],
    )
    for index, found in enumerate(events):
        name = split.name(index)
        weak.append(f"{name}\t{','.join(sorted({label for _, _, label in found}))}")
        strong += [f"{name}\t{onset:.3f}\t{offset:.3f}\t{label}" for onset, offset, label in found]
        durations.append(f"{name}\t{SECONDS:.1f}")
    for table, rows in (("weak", weak), ("strong", strong), ("durations", durations)):
        write_text(folder / f"{table}.tsv", "\n".join(rows) + "\n")


def rendered(
    catalogue: Catalogue, split: Split, folder: Path, wanted: Sequence[int], processes: int
) -> Iterator[tuple[int, list[Event]]]:
    """Render the wanted soundscapes, in order; yields index and events of each when its file is in place."""
    if processes == 1:
        for index in wanted:
            yield index, render_one(catalogue, split, folder, index)
        return
    with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn")) as pool:
        fixed = (repeat(catalogue), repeat(split), repeat(folder))
        yield from zip(wanted, pool.map(render_one, *fixed, wanted, chunksize=8), strict=True)


def render(data: Path, folder: Path, split: Split, count: int, processes: int = 1) -> None:
    """Render the first `count` soundscapes of a split into `folder`, and their tables."""
    catalogue = find_recordings(data, split.folds)
    (folder / "audio").mkdir(parents=True, exist_ok=True)
    journal = Journal(folder, split, data)
    wanted = [index for index in range(count) if index not in journal.events]
    if len(wanted) < count:
        print(f"{count - len(wanted)} of {count} soundscapes are there already", file=sys.stderr)
    for done, (index, events) in enumerate(rendered(catalogue, split, folder, wanted, processes), start=1):
        journal.add(index, events)
        if sys.stderr.isatty():
            print(f"\r{done}/{len(wanted)}", end="" if done < len(wanted) else "\n", file=sys.stderr, flush=True)
    write_tables(folder, split, [journal.events[index] for index in range(count)])


def positive(text: str) -> int:
    """A whole number above zero."""
    if (number := int(text)) < 1:
        raise ValueError(text)
    return number


def main() -> int:
    """Parse the command line and render; exit status 0, or 1 with a message."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("split", choices=SPLITS)
    parser.add_argument("out", type=Path, help="the soundscapes go to OUT/SPLIT")
    parser.add_argument("--data", type=Path, required=True, help="folder with clips.csv and the recordings")
    parser.add_argument("--count", type=positive, help="render only the first COUNT soundscapes of the split")
    parser.add_argument("--processes", type=positive, default=1, help="processes that render at the same time")
    args = parser.parse_args()
    split = SPLITS[args.split]
    try:
        render(args.data, args.out / args.split, split, args.count or split.count, args.processes)
    except EarmarkError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
