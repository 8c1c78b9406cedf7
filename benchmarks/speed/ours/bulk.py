"""Folders and long recordings through our tagger, as `earmark detect` sends them."""

from __future__ import annotations

import json
import pathlib
import shutil

import numpy as np
import soundfile

from benchmarks.speed.worker import Jobs

RATES = (16_000, 22_050, 32_000, 44_100, 48_000)
FORMATS = ("wav", "flac", "mp3")
SECONDS = 10


def make(folder: str) -> Jobs:
    """Jobs that make what both sides hear, and model directories from the rival's weights."""
    place = pathlib.Path(folder)

    def files(count: int, seconds: float) -> list[str]:
        """A folder of synthetic sounds in all formats and rates; their paths."""
        (place / "sounds").mkdir()
        return [str(_write(place / "sounds", number, seconds)) for number in range(count)]

    def long(minutes: float) -> str:
        """One recording, mono at 44.1 kHz."""
        path = place / "long.wav"
        clips = [_sound(number, SECONDS, 44_100) for number in range(6)]
        with soundfile.SoundFile(path, "w", 44_100, 1) as file:
            for number in range(round(60 * minutes / SECONDS)):
                file.write(clips[number % len(clips)])
        return str(path)

    def model(kind: str) -> float:
        """The directories `kind` and, of windows that do not overlap, `kind`-cut; MB of weights."""
        directory = place / kind
        if kind == "cnn14":
            from earmark.hub.importing import import_checkpoint

            import_checkpoint(place / f"{kind}.pth", directory, "cnn14")
        else:
            from benchmarks.speed.ours.gated_crnn import made
            from benchmarks.speed.ours.listening import save

            save(made(place / f"{kind}.pth"), directory)
        shutil.copytree(directory, place / f"{kind}-cut")
        config = place / f"{kind}-cut" / "config.json"
        options = json.loads(config.read_text(encoding="utf-8"))
        config.write_text(json.dumps({**options, "overlap_seconds": 0.0}), encoding="utf-8")
        return (directory / "model.safetensors").stat().st_size / 2**20

    return {"files": files, "long": long, "model": model}


def _sound(number: int, seconds: float, rate: int) -> np.ndarray:
    from earmark.data.synthetic import make_clip

    return make_clip(0, "train", number, seconds, rate)[0]


def _write(folder: pathlib.Path, number: int, seconds: float) -> pathlib.Path:
    kind, rate = FORMATS[number % len(FORMATS)], RATES[number // len(FORMATS) % len(RATES)]
    path = folder / f"{number:05d}.{kind}"
    soundfile.write(path, _sound(number, seconds, rate), rate)
    return path


def start(folder: str, kind: str, precision: str) -> Jobs:
    """Jobs of one model directory."""
    from benchmarks.speed.ours.listening import opened
    from earmark.devices import as_precision, tune_allocator
    from earmark.runtime.scorer import Job
    from earmark.stopwatch import Stopwatch

    tagger = opened(pathlib.Path(folder) / kind, as_precision(precision))
    tune_allocator()  # what loading took for a moment is given back before

    def files(paths: list[str]) -> float:
        """Seconds in the model."""
        tagger.scorer.stopwatch = watch = Stopwatch()
        for outcome in tagger.stream(Job(path, path) for path in paths):
            if isinstance(outcome, tuple):
                raise outcome[1]
        return watch.seconds["model"]

    def apart(name: str, paths: list[str]) -> float:
        """Largest difference from the tags the rival saved."""
        heard = {tag.recording: tag.scores.clip for tag in tagger(list(paths))}
        ours = np.stack([heard[pathlib.Path(path).name] for path in paths])
        return float(np.abs(ours - np.load(pathlib.Path(folder) / f"{name}.npy")).max())

    return {
        "files": files,
        "hour": lambda path: len(tagger(path).events),
        "apart": apart,
        "bf16": lambda: tagger.scorer.arithmetic.endswith("bf16"),
    }
