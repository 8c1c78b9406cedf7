"""Vectors of recordings: of frames, seconds and whole recordings, whatever their length."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from earmark.arrays import FloatArray, IntArray
from earmark.clock import Clock
from earmark.engine import WindowPlan
from earmark.errors import AudioError, ModelError
from earmark.labels import Labels
from earmark.runtime.embedder import Embedder, MeanAssembly
from earmark.runtime.scorer import Job
from earmark.runtime.windows import Window

RATE, STEP = 1_000, 40


class Ramp:
    """An engine of embeddings: of each frame of 40 ms its mean level, and one."""

    labels, rate, clock = Labels(["level", "one"]), RATE, Clock(Fraction(STEP, RATE))
    takes, batch, arithmetic, parameters = "sound", 4, "cpu", 0
    plan = WindowPlan(2_000, 1_600, 40, 10, longest=2_000)
    broken = False

    def fingerprint(self) -> str:
        return "ramp"

    def steps_in(self, samples: int) -> int:
        return max(1, -(-samples // STEP))

    def listen(self, waveform: FloatArray, lengths: IntArray, watch: object = None) -> tuple[FloatArray, FloatArray]:
        steps = self.steps_in(waveform.shape[1])
        filled = np.zeros((len(waveform), steps * STEP), np.float32)
        filled[:, : waveform.shape[1]] = waveform
        level = filled.reshape(len(waveform), steps, STEP).mean(axis=2)
        found = np.stack([level, np.full_like(level, np.nan if self.broken else 1.0)], axis=2)
        return np.zeros((len(waveform), 2), np.float32), found


def ramp(seconds: float) -> FloatArray:
    return np.linspace(-0.5, 0.5, round(seconds * RATE), dtype=np.float32)


def levels(wave: FloatArray) -> FloatArray:
    return Ramp().listen(wave[None], np.array([len(wave)]))[1][0]


@pytest.mark.parametrize("seconds", [0.3, 2.0, 2.01, 7.33])
def test_frames_are_those_of_the_model_however_a_recording_is_cut(seconds: float) -> None:
    wave = ramp(seconds)
    found = Embedder(Ramp()).of_array(wave, RATE).found
    np.testing.assert_allclose(found.vectors, levels(wave), atol=1e-6)
    np.testing.assert_allclose(found.start, 0.04 * np.arange(len(found.start)))
    assert found.end[-1] == pytest.approx(seconds)
    np.testing.assert_allclose(found.end[:-1], found.start[1:])


@pytest.mark.parametrize("seconds", [0.3, 2.0, 7.33])
def test_a_second_is_the_mean_of_its_frames(seconds: float) -> None:
    wave = ramp(seconds)
    found = Embedder(Ramp(), "second").of_array(wave, RATE).found
    frames = levels(wave)
    assert found.start.tolist() == list(range(int(np.ceil(seconds))))
    assert found.end[-1] == pytest.approx(seconds)
    for second, vector in enumerate(found.vectors):
        np.testing.assert_allclose(vector, frames[25 * second : 25 * second + 25].mean(axis=0), atol=1e-5)


def test_a_clip_is_the_mean_of_all_frames() -> None:
    wave = ramp(7.33)
    found = Embedder(Ramp(), "clip").of_array(wave, RATE).found
    assert (found.start.tolist(), found.end.tolist()) == ([0.0], [pytest.approx(7.33)])
    np.testing.assert_allclose(found.vectors[0], levels(wave).mean(axis=0), atol=1e-6)


@given(
    step=st.fractions(Fraction(1, 50), Fraction(3), max_denominator=50),
    start=st.fractions(Fraction(0), Fraction(1), max_denominator=50),
    length=st.sampled_from([1.0, 2.5, None]),
    frames=st.integers(1, 60),
    cuts=st.lists(st.integers(1, 20), min_size=1, max_size=4),
)
def test_means_weigh_each_frame_by_its_share(
    step: Fraction, start: Fraction, length: float | None, frames: int, cuts: list[int]
) -> None:
    """Against the obvious: every frame laid over every stretch; however the frames come."""
    values = np.random.default_rng(0).standard_normal((frames, 2)).astype(np.float32)
    clock, duration = Clock(step, start), float(start + frames * step)
    plan = WindowPlan(1, 1, 1, 0)
    assembly = MeanAssembly(plan, 2, clock, length)
    at = 0
    for count in [*cuts, frames]:
        assembly._append(values[at : at + count])
        at += count
    begins, ends, means = assembly.means(duration)
    stretches = [(0.0, duration)] if length is None else [(k * length, (k + 1) * length) for k in range(200)]
    edges = clock.edges(frames)
    wanted = []
    for low, high in stretches:
        share = np.maximum(0.0, np.minimum(edges[1:], high) - np.maximum(edges[:-1], low))
        if share.sum() > 1e-6 and low < duration - 1e-6:
            wanted.append((low, min(high, duration), share @ values / share.sum()))
    kept = [place for place, (low, high) in enumerate(zip(begins, ends, strict=True)) if high - low > 1e-6]
    np.testing.assert_allclose(begins[kept], [low for low, *_ in wanted], atol=1e-6)
    np.testing.assert_allclose(ends[kept], [high for _, high, _ in wanted], atol=1e-6)
    np.testing.assert_allclose(means[kept], [mean for *_, mean in wanted], atol=1e-4)


def test_overlapping_windows_are_cross_faded_before_the_mean() -> None:
    plan = WindowPlan(80, 40, 1, 1, longest=80)
    assembly = MeanAssembly(plan, 1, Clock(Fraction(1)), None)
    one = np.ones((2, 1), np.float32)
    assembly.add(Window(0, np.zeros(80, np.float32), False), np.zeros(1, np.float32), one)
    assembly.add(Window(1, np.zeros(80, np.float32), True), np.zeros(1, np.float32), 3 * one)
    assert assembly.means(3.0)[2].tolist() == [[2.0]]  # 1, the middle of 1 and 3, 3


def test_a_recording_that_fails_costs_no_other(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", ramp(1.0), RATE)
    (tmp_path / "b.wav").write_text("no sound")
    outcomes = list(Embedder(Ramp()).stream(Job(name, tmp_path / name) for name in ("a.wav", "b.wav", "a.wav")))
    np.testing.assert_array_equal(outcomes[0].found.vectors, outcomes[2].found.vectors)
    assert isinstance(outcomes[1][1], AudioError)
    with pytest.raises(AudioError, match=r"b\.wav: cannot be read"):
        Embedder(Ramp())(tmp_path / "b.wav")


def test_values_that_are_no_numbers_are_the_models_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Ramp, "broken", True)
    with pytest.raises(ModelError, match="embeddings hold values that are not numbers; its weights are damaged"):
        Embedder(Ramp()).of_array(ramp(1.0), RATE)
