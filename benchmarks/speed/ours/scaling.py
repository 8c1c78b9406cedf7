"""What `speed_scaling` needs made: a model of the default recipe, folders of any size, recordings of any length."""

from __future__ import annotations

import os
import pathlib

import numpy as np
import soundfile

from benchmarks.speed.worker import Jobs

RATE = 16_000


def start(folder: str, classes: int) -> Jobs:
    """Jobs that make things in `folder` and return their path."""
    place = pathlib.Path(folder)

    def model() -> str:
        from benchmarks.speed.ours.listening import save
        from earmark.export import export
        from earmark.models.network import ModelOptions, Network
        from earmark.recipes import load_recipe

        labels = tuple(f"sound {number}" for number in range(classes))
        folder = save(Network(ModelOptions(labels=labels, **dict(load_recipe().network))), place / "model")
        export(folder)
        return str(folder)

    def files(count: int, seconds: float) -> str:
        """Files of a few different sounds under many names (hard links: the disk holds each once)."""
        made, many = place / "made", place / f"files-{count}"
        made.mkdir(exist_ok=True)
        many.mkdir()
        for number in range(10):
            if not (made / f"{number}.wav").exists():
                soundfile.write(made / f"{number}.wav", _noise(number, seconds), RATE)
        for number in range(count):
            os.link(made / f"{number % 10}.wav", many / f"{number:05d}.wav")
        return str(many)

    def long(seconds: float) -> str:
        path = place / f"{seconds:g}.wav"
        with soundfile.SoundFile(path, "w", RATE, 1) as file:
            for number in range(max(1, round(seconds / 60))):
                file.write(_noise(number, min(seconds, 60)))
        return str(path)

    return {"model": model, "files": files, "long": long}


def _noise(number: int, seconds: float) -> np.ndarray:
    return 0.05 * np.random.default_rng(number).standard_normal(round(seconds * RATE)).astype(np.float32)
