"""A whole data set from sounds synthesised on the spot, for the demo and for tests: no download, no licence.

One to four events of eight long-tailed classes lie over coloured noise, 0 to 20 dB above it, overlapping as
chance has it. Each clip has a generator of its own, seeded by (seed, split, index), so a clip is the same
whatever is made beside it. The labels are exact: an event lasts while it is within 20 dB of its loudest
moment, which is where the loudest of events sink into the background.

    DIRECTORY/train/   audio/*.wav  weak.tsv
    DIRECTORY/valid/   audio/*.wav  weak.tsv  strong.tsv  durations.tsv
    DIRECTORY/test/    audio/*.wav  weak.tsv  strong.tsv  durations.tsv
    DIRECTORY/synthetic.json        what was asked for; written last
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from earmark.data.sounds import LOWEST_RATE, VOICES, Wave, coloured_noise
from earmark.errors import OutputError
from earmark.events import Event, merge_overlapping
from earmark.formats import dcase

Progress = Callable[[int, int], None]  # (clips written, clips in all)

SPLITS = ("train", "valid", "test")
_MARK = "synthetic.json"
_RARITY = 12.0  # how many times the most frequent class outnumbers the rarest
_VERSION = 1  # goes up whenever the same seed makes other clips
_SHORTEST = 1.0  # seconds; no clip is shorter


def make_clip(
    seed: int, split: str, index: int, seconds: float = 10.0, rate: int = 16_000
) -> tuple[npt.NDArray[np.float32], list[Event]]:
    """One clip: its waveform (samples,) within [-1, 1] and its events, sorted by onset.

    The first eight clips of a split hold one class each for certain, so that none is ever missing.
    """
    rng = np.random.default_rng([seed, SPLITS.index(split), index])
    samples = round(seconds * rate)
    wave = coloured_noise(rng, samples, rate)
    names = list(VOICES)
    frequencies = _RARITY ** -np.linspace(0, 1, len(names))
    drawn = rng.choice(names, rng.choice([1, 2, 3, 4], p=[0.35, 0.35, 0.2, 0.1]), p=frequencies / frequencies.sum())
    labels = [names[index], *drawn[1:]] if index < len(names) else [*drawn]
    events = []
    for label in labels:
        sound = _trim(VOICES[label](rng, rate, seconds), rate)
        start = int(rng.integers(0, samples - len(sound) + 1))
        wave[start : start + len(sound)] += sound * 10 ** (rng.uniform(0, 20) / 20)
        onset, offset = start / rate, (start + len(sound)) / rate
        events.append(Event(round(onset, 3), round(offset, 3), str(label)))
    wave *= 10 ** (rng.uniform(-45, -30) / 20)
    wave /= max(1.0, float(np.abs(wave).max()) / 0.95)
    return wave.astype(np.float32), merge_overlapping(events)


@dataclass(frozen=True)
class _Wanted:
    """What a set is made of: equal wishes make equal files."""

    counts: dict[str, int]  # clips of each split
    seed: int
    seconds: float
    rate: int  # Hz
    version: int = _VERSION

    def __post_init__(self) -> None:
        if min(self.counts.values()) < 1 or self.seconds < _SHORTEST or self.rate < LOWEST_RATE:
            raise ValueError(
                f"a synthetic set needs clips in every split, of {_SHORTEST:g} s or more, at {LOWEST_RATE} "
                f"Hz or more; got {self.counts}, {self.seconds} s, {self.rate} Hz"
            )


def make_dataset(
    directory: str | os.PathLike[str],
    clips: int = 240,
    valid: int = 60,
    test: int = 60,
    seed: int = 0,
    seconds: float = 10.0,
    rate: int = 16_000,
    progress: Progress | None = None,
) -> Path:
    """Make the data set (see the module) of `clips` + `valid` + `test` clips; returns its directory.

    A directory that already holds exactly this set is kept; one that holds another set, or has lost clips, is
    made anew. It is built aside and moved into place whole. `OutputError` where the directory holds something
    else, which is never removed, or cannot be written; `ValueError` for impossible sizes.
    """
    wanted = _Wanted(dict(zip(SPLITS, (clips, valid, test), strict=True)), seed, seconds, rate)
    target = Path(directory)
    try:
        if _holds(target, wanted):
            return target
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as room:
            built = Path(room) / target.name
            _build(built, wanted, progress or (lambda done, total: None))
            shutil.rmtree(target, ignore_errors=True)
            built.rename(target)
    except (OSError, soundfile.LibsndfileError) as error:
        raise OutputError(f"cannot make the synthetic data set {target}: {error}") from error
    return target


def _holds(directory: Path, wanted: _Wanted) -> bool:
    """Whether the directory holds this very set; `OutputError` when it holds something that is not ours."""
    if not directory.exists() or (directory.is_dir() and not any(directory.iterdir())):
        return False
    mark = directory / _MARK
    if not mark.is_file():
        raise OutputError(f"{directory} exists and is not a synthetic data set; choose another place or delete it")
    try:
        found = json.loads(mark.read_text(encoding="utf-8"))
    except ValueError:
        return False
    counts = {split: len(list((directory / split / "audio").glob("*.wav"))) for split in SPLITS}
    return bool(found == asdict(wanted) and counts == wanted.counts)


def _build(directory: Path, wanted: _Wanted, progress: Progress) -> None:
    done = 0
    for split in SPLITS:
        (directory / split / "audio").mkdir(parents=True)
        strong: dict[str, list[Event]] = {}
        for index in range(wanted.counts[split]):
            wave, events = make_clip(wanted.seed, split, index, wanted.seconds, wanted.rate)
            strong[name := f"{split}-{index:04d}.wav"] = events
            soundfile.write(directory / split / "audio" / name, wave, wanted.rate, subtype="PCM_16")
            done += 1
            progress(done, sum(wanted.counts.values()))
        _write_labels(directory / split, strong, wanted.seconds)
    (directory / _MARK).write_text(json.dumps(asdict(wanted), indent=2) + "\n", encoding="utf-8")


def _write_labels(folder: Path, strong: Mapping[str, list[Event]], seconds: float) -> None:
    """Weak labels; and, but for the training split, strong labels and durations."""
    tags = {name: sorted({event.label for event in events}) for name, events in strong.items()}
    dcase.write_weak(folder / "weak.tsv", tags)
    if folder.name != "train":
        dcase.write_strong(folder / "strong.tsv", strong)
        dcase.write_durations(folder / "durations.tsv", dict.fromkeys(strong, seconds))


def _trim(sound: Wave, rate: int) -> Wave:
    """The part of a sound within 20 dB of its loudest 20 ms, at an RMS of 1 over its active frames."""
    size = rate // 50
    frames = sound[: len(sound) // size * size].reshape(-1, size)
    level = (frames**2).mean(axis=1)
    active = level > level.max() / 100
    first, last = np.flatnonzero(active)[[0, -1]]
    kept = sound[first * size : (last + 1) * size]
    return np.asarray(kept / np.sqrt(level[active].mean()))
