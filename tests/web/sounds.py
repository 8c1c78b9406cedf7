"""Sounds that anyone can compute, and that the model in the package reports: shared by tests and benchmarks."""

from __future__ import annotations

import numpy as np

from earmark.arrays import FloatArray


def horn(rate: int) -> FloatArray:
    """Three seconds with two blasts of a car's horn, which it also takes for a siren."""
    times = np.arange(3 * rate) / rate
    tones = sum(np.sin(2 * np.pi * k * hz * times) / k for hz in (420, 510) for k in range(1, 7))
    return _over_noise(0.2 * tones * (times % 1.5 < 0.9))


def crickets(rate: int) -> FloatArray:
    """Three seconds of chirps at 4.5 kHz, half of the time."""
    times = np.arange(3 * rate) / rate
    chirps = np.sin(2 * np.pi * 4500 * times) * np.maximum(0, np.sin(2 * np.pi * 30 * times))
    return _over_noise(0.2 * chirps * (times % 0.6 < 0.3))


def alarm(rate: int) -> FloatArray:
    """Three seconds of an alarm clock's beeps."""
    times = np.arange(3 * rate) / rate
    beeps = np.sign(np.sin(2 * np.pi * 2048 * times)) * ((8 * times).astype(int) % 2) * (times % 1 < 0.5)
    return _over_noise(0.3 * beeps)


def scene(rate: int) -> FloatArray:
    """Nine seconds: crickets, a horn, an alarm clock."""
    return np.concatenate([crickets(rate), horn(rate), alarm(rate)])


def _over_noise(wave: FloatArray) -> FloatArray:
    noise = 0.002 * np.random.RandomState(7).standard_normal(len(wave))
    return np.clip(wave + noise, -1, 1).astype(np.float32)
