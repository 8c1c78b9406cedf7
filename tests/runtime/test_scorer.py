import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from earmark.clock import Clock
from earmark.decisions import OperatingPoint
from earmark.devices import Precision
from earmark.engine import WindowPlan
from earmark.errors import AudioError, ModelError
from earmark.hub import box
from earmark.labels import Labels
from earmark.models.directory import load_model
from earmark.models.network import Network
from earmark.models.torch_engine import engine_of, probabilities
from earmark.processors import processors
from earmark.runtime.scorer import Embeddings, Job, Scored, Scorer, Waveform
from earmark.runtime.tagger import Tagger
from earmark.scores import Scores

RATE = 8_000
LENGTHS = [8_000, 8_001, 80, 30_000, 8_000 * 4 + 1_600, 6_400, 1]  # one window is 8,000


def job(samples: np.ndarray, name: str = "a", rate: int = RATE) -> Job:
    return Job(name, Waveform(samples, rate))


def score(tagger: Network, *jobs: Job, **options: int) -> list[Scored]:
    return list(Scorer(engine_of(tagger), **options).score_all(jobs))


def same(one: Scores | None, other: Scores | None) -> None:
    assert one is not None
    assert other is not None
    np.testing.assert_allclose(one.clip, other.clip, atol=1e-5)
    np.testing.assert_allclose(one.frames, other.frames, atol=1e-5)
    assert one.duration == other.duration


@torch.no_grad()
def slowly(tagger: Network, samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Clip and frame scores the obvious way: every window cut, scored and weighted by hand."""
    size, overlap, hop = 25, 5, 320  # frames, frames, samples
    frames = -(-len(samples) // hop)
    total, weight, clip = np.zeros((frames, 2)), np.zeros((frames, 1)), np.zeros(2)
    first = 0
    while True:
        piece = samples[first * hop : (first + size) * hop]
        last = (first + size) * hop >= len(samples)
        pooled = tagger(torch.from_numpy(piece)[None])
        found = pooled.frames[0].numpy()
        fade = np.ones((len(found), 1))
        if first:
            fade[:overlap, 0] = np.arange(1, overlap + 1) / (overlap + 1)
        if not last:
            fade[-overlap:, 0] = np.arange(overlap, 0, -1) / (overlap + 1)
        total[first : first + len(found)] += fade * found
        weight[first : first + len(found)] += fade
        clip = np.maximum(clip, pooled.clip[0].numpy())
        if last:
            break
        first += size - overlap
    np.testing.assert_allclose(weight, 1)
    return clip, total


@pytest.mark.parametrize("length", LENGTHS)
def test_scores_equal_those_of_windows_cut_by_hand(network: Callable[..., Network], length: int) -> None:
    tagger = network()
    samples = 0.1 * np.random.default_rng(length).standard_normal(length).astype(np.float32)
    found = score(tagger, job(samples))[0].scores
    clip, frames = slowly(tagger, samples)
    np.testing.assert_allclose(found.clip, clip, atol=1e-5)
    np.testing.assert_allclose(found.frames, frames, atol=1e-5)
    assert found.duration == length / RATE
    assert len(found.frames) == found.clock.frames_in(found.duration)


@pytest.mark.parametrize("batch_size", [1, 3, 8, 100])
@pytest.mark.parametrize("kind", ["attention", "average"])
def test_neither_neighbours_nor_batches_change_a_score(
    network: Callable[..., Network], batch_size: int, kind: str
) -> None:
    tagger = network(pooling={"kind": kind})
    rng = np.random.default_rng(0)
    jobs = [job(0.1 * rng.standard_normal(length).astype(np.float32), str(length)) for length in LENGTHS]
    together = score(tagger, *jobs, batch_size=batch_size)
    assert [scored.job for scored in together] == jobs
    for scored in together:
        same(scored.scores, score(tagger, scored.job)[0].scores)


@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_a_steady_scorer_gives_the_same_scores_whatever_comes_beside(precision: Precision) -> None:
    """As a run over an archive needs it that was stopped anywhere, or dealt out. Files have six decimals."""
    engine = engine_of(load_model(box.directory()), precision=precision)
    window = engine.plan.size
    rng = np.random.default_rng(0)
    lengths = [window, window, window // 2, window, 2 * window + 5_000, window, window, window // 3, window]
    jobs = [
        Job(str(number), Waveform(0.1 * rng.standard_normal(length).astype(np.float32), engine.rate))
        for number, length in enumerate(lengths)
    ]
    scorer = Scorer(engine, steady=True)
    together = {scored.job.name: scored.scores for scored in scorer.score_all(jobs)}
    for apart in (jobs[1:4], jobs[3:], jobs[::-2], jobs[4:5], jobs[2:3] * 20 + jobs):
        for scored in scorer.score_all(apart):
            one, other = scored.scores, together[scored.job.name]
            assert one is not None
            assert other is not None
            np.testing.assert_allclose(one.clip, other.clip, rtol=0, atol=1e-8)
            np.testing.assert_allclose(one.frames, other.frames, rtol=0, atol=1e-8)
    for scored in Scorer(engine).score_all(jobs):
        same(scored.scores, together[scored.job.name])


class Uneven:
    """Frames of 300 samples, windows of 1,000 seconds' samples: recordings of 1,000 samples are just not cut."""

    labels, rate, clock = Labels(["sound"]), 100, Clock(Fraction(3))
    plan = WindowPlan.of(10.0, 3.0, 100, clock)
    takes, batch, arithmetic, parameters = "sound", 4, "cpu", 0

    def __init__(self) -> None:
        self.batches: list[tuple[int, int]] = []

    def fingerprint(self) -> str:
        return "uneven"

    def steps_in(self, samples: int) -> int:
        return -(-samples // 300)

    def listen(self, waveform: np.ndarray, lengths: np.ndarray, watch: object = None) -> tuple[np.ndarray, np.ndarray]:
        assert (lengths == waveform.shape[1]).all()
        self.batches.append(waveform.shape)
        steps = self.steps_in(waveform.shape[1])
        padded = np.zeros((len(waveform), steps * 300), np.float32)
        padded[:, : waveform.shape[1]] = waveform
        frames = padded.reshape(len(waveform), steps, 300).max(axis=2)[:, :, None]
        return frames.max(axis=1), frames


def test_a_steady_scorer_puts_windows_of_one_length_together() -> None:
    """Also those of recordings that are just not cut, as ten seconds are for Cnn14."""
    engine = Uneven()
    assert (engine.plan.size, engine.plan.longest) == (900, 1_000)
    lengths = [1_000, 2_600, 1_000, 900, 1_000, 700, 1_000, 3_400, 950, 1_000, 2_500, 1_000, 1_000, 1_600]
    rng = np.random.default_rng(0)
    jobs = [job(rng.random(length, np.float32), str(length), 100) for length in lengths]
    together = list(Scorer(engine, steady=True).score_all(jobs))
    assert {shape[0] for shape in engine.batches if shape[1] in (900, 1_000)} == {4}
    assert {shape[0] for shape in engine.batches if shape[1] not in (900, 1_000)} == {1}
    assert engine.batches.count((4, 1_000)) <= 3  # 7 recordings and some ends
    for scored, given in zip(together, jobs, strict=True):
        assert scored.job is given
        alone = next(iter(Scorer(engine).score_all([given])))
        same(scored.scores, alone.scores)


@pytest.fixture
def mixed(tmp_path: Path) -> list[Job]:
    rng = np.random.default_rng(0)
    for number in range(30):
        length = (300, 1_000, 4_700, 900, 60_000)[number % 5]
        soundfile.write(tmp_path / f"{number:02d}.wav", rng.random(length, np.float32), 1_000)
    (tmp_path / "08.wav").write_bytes(b"no sound at all")
    return [Job(path.name, path) for path in sorted(tmp_path.iterdir())]


def test_threads_that_decode_keep_the_order_and_change_nothing(mixed: list[Job]) -> None:
    one, several = (list(Scorer(Uneven(), steady=True, readers=count).score_all(mixed)) for count in (1, 4))
    assert [scored.job for scored in several] == mixed
    for here, there in zip(one, several, strict=True):
        assert (here.actions, here.problem, str(here.error)) == (there.actions, there.problem, str(there.error))
        if here.scores is not None:
            same(here.scores, there.scores)
    assert [scored.job.name for scored in several if scored.error] == ["08.wav"]


def test_threads_that_decode_end_with_whoever_listens(mixed: list[Job]) -> None:
    before = threading.active_count()
    results = Scorer(Uneven(), readers=4).score_all(mixed)
    next(results)
    results.close()
    assert threading.active_count() == before

    def faulty() -> Iterator[Job]:
        yield from mixed[:12]
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(Scorer(Uneven(), readers=4).score_all(faulty()))
    assert threading.active_count() == before


def test_a_fault_in_a_thread_that_decodes_is_raised(mixed: list[Job], monkeypatch: pytest.MonkeyPatch) -> None:
    scorer = Scorer(Uneven(), readers=4)
    read = scorer._read

    def faulty(job: Job) -> Any:
        yield from read(job)
        if job.name == "07.wav":
            raise ZeroDivisionError

    monkeypatch.setattr(scorer, "_read", lambda job: faulty(job) if job.name != "08.wav" else iter([1 / 0]))
    with pytest.raises(ZeroDivisionError):
        list(scorer.score_all(mixed))


def test_a_gpu_is_read_for_by_several_threads_and_a_processor_by_one() -> None:
    engine = Uneven()
    assert Scorer(engine)._threads() == 1
    engine.device = "cuda"  # type: ignore[attr-defined]
    assert Scorer(engine)._threads() == min(8, processors())


def test_a_recording_of_a_rare_length_does_not_hold_up_those_after_it() -> None:
    rng = np.random.default_rng(0)
    first = job(rng.random(1_000, np.float32), "first", 100)
    read = 0

    def jobs() -> Iterator[Job]:
        nonlocal read
        yield first
        for read in range(1, 1_000):
            yield job(rng.random(700, np.float32), str(read), 100)

    scored = next(iter(Scorer(Uneven(), steady=True).score_all(jobs())))
    assert scored.job is first
    assert read < 100


def test_it_makes_no_difference_how_a_file_is_read(
    network: Callable[..., Network],
    noise: Callable[..., np.ndarray],
    write: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from earmark.audio import read_blocks
    from earmark.runtime import scorer

    tagger = network()
    samples = noise(7.3, (2.0, 4.0))
    path = write("a.wav", samples)
    expected = score(tagger, job(samples))[0].scores
    same(score(tagger, Job("a.wav", path))[0].scores, expected)
    for seconds in (0.0123, 0.5, 100.0):
        monkeypatch.setattr(scorer, "read_blocks", lambda source, rate, s=seconds: read_blocks(source, rate, s))
        same(score(tagger, Job("a.wav", path))[0].scores, expected)


@pytest.mark.parametrize(("rate", "channels"), [(8_000, 1), (16_000, 2), (44_100, 1)])
def test_a_loud_section_is_found_where_it_is(loudness: Network, rate: int, channels: int) -> None:
    time_axis = np.arange(7 * rate) / rate
    samples = np.random.default_rng(0).standard_normal((7 * rate, channels)).astype(np.float32)
    samples *= np.where((time_axis >= 3.2) & (time_axis < 4.4), 0.1, 1e-5)[:, None]
    found = score(loudness, job(samples, rate=rate))[0]
    loud = found.scores.frames[:, 0] > 0.5
    edges = found.scores.edges
    assert (np.diff(loud.astype(int)) != 0).sum() == 2
    assert edges[np.argmax(loud)] == pytest.approx(3.2, abs=0.05)
    assert edges[len(loud) - np.argmax(loud[::-1])] == pytest.approx(4.4, abs=0.05)
    assert found.scores.clip.min() > 0.9  # both are true of a part of it
    assert found.actions == (
        *(("2 channels averaged to mono",) if channels == 2 else ()),
        *((f"resampled from {rate} to 8000 Hz",) if rate != RATE else ()),
    )


def test_a_broken_file_fails_in_its_place_and_costs_nobody_else(
    loudness: Network, noise: Callable[..., np.ndarray], write: Callable[..., Path], tmp_path: Path
) -> None:
    good = [write(f"{k}.wav", noise(0.5 + 1.3 * k, seed=k)) for k in range(3)]
    nan = noise(3.0)
    nan[20_000] = np.nan  # found when windows before it are already with the model
    (tmp_path / "text.wav").write_text("filename,label\n")
    paths = [good[0], tmp_path / "text.wav", good[1], write("nan.wav", nan), tmp_path / "gone.wav", good[2]]
    found = score(loudness, *(Job(path.name, path) for path in paths), batch_size=2)
    assert [scored.job.name for scored in found] == [path.name for path in paths]
    assert [scored.scores is None for scored in found] == [False, True, False, True, True, False]
    for scored, message in ((found[1], "text file"), (found[3], "not a number"), (found[4], "no such file")):
        with pytest.raises(AudioError, match=message):
            raise scored.error
    for scored in (found[0], found[2], found[5]):
        same(scored.scores, score(loudness, scored.job)[0].scores)


def test_a_file_cut_short_says_so(loudness: Network, noise: Callable[..., np.ndarray], tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.flac", noise(6.0, (0, 6)), RATE)
    content = (tmp_path / "a.flac").read_bytes()
    (tmp_path / "a.flac").write_bytes(content[: len(content) // 2])
    found = score(loudness, Job("a.flac", tmp_path / "a.flac"))[0]
    assert found.problem is not None
    assert 1 < found.scores.duration < 5


def test_half_an_hour_takes_little_memory(loudness: Network, noise: Callable[..., np.ndarray], tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    minute = noise(60.0, (10, 20))
    with soundfile.SoundFile(path, "w", RATE, 1, "PCM_16") as file:
        for _ in range(30):
            file.write(minute)
    scorer = Scorer(engine_of(loudness))
    tracemalloc.start()
    try:
        found = next(iter(scorer.score_all([Job("long.wav", path)])))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found.scores.frames.shape == (30 * 60 * 25, 2)
    loud = (found.scores.frames[:, 0] > 0.5).reshape(30, -1).sum(axis=1)
    assert (abs(loud - 250) <= 2).all()
    assert peak < 8e6  # decoded, the recording has 57.6 MB


def test_recordings_are_read_only_as_they_are_needed(loudness: Network, noise: Callable[..., np.ndarray]) -> None:
    asked = []

    def jobs() -> Iterator[Job]:
        for number in range(1_000):
            asked.append(number)
            yield job(noise(0.5), str(number))

    results = Scorer(engine_of(loudness), batch_size=2).score_all(jobs())
    assert [next(results).job.name for _ in range(4)] == ["0", "1", "2", "3"]
    time.sleep(0.05)
    assert len(asked) < 20
    results.close()


def test_a_listener_who_leaves_stops_the_reader(loudness: Network, noise: Callable[..., np.ndarray]) -> None:
    before = threading.active_count()
    for taken in (1, 5):
        results = Scorer(engine_of(loudness), batch_size=2).score_all(job(noise(5.0), str(n)) for n in range(1_000_000))
        for _ in range(taken):
            next(results)
        begin = time.monotonic()
        results.close()
        assert time.monotonic() - begin < 30  # not the days that a million recordings would take
        assert threading.active_count() == before


def test_a_fault_of_the_callers_own_reaches_the_caller(loudness: Network, noise: Callable[..., np.ndarray]) -> None:
    def jobs() -> Iterator[Job]:
        yield job(noise(0.5))
        raise ZeroDivisionError("in the caller's generator")

    with pytest.raises(ZeroDivisionError, match="in the caller's generator"):
        list(Scorer(engine_of(loudness)).score_all(jobs()))


def test_no_recordings_give_no_scores(loudness: Network) -> None:
    assert score(loudness) == []


def test_bfloat16_stays_near(network: Callable[..., Network]) -> None:
    tagger = network()
    samples = 0.1 * np.random.default_rng(0).standard_normal(20_000).astype(np.float32)
    exact = score(tagger, job(samples))[0].scores
    near = next(iter(Scorer(engine_of(tagger, precision="bf16")).score_all([job(samples)]))).scores
    np.testing.assert_allclose(near.frames, exact.frames, atol=0.03)
    assert not np.array_equal(near.frames, exact.frames)


def test_a_rounding_above_one_is_one_and_nothing_else_is_hidden() -> None:
    found = probabilities(torch.tensor([0.5, 1.0, 1.0000004, 1.1, -0.1]))
    np.testing.assert_array_equal(found, np.array([0.5, 1.0, 1.0, 1.1, -0.1], np.float32))


class Sum:
    """An engine of embeddings: 128 values a vector, a vector a second; the score is the first value of each."""

    labels = Labels(["first"])
    rate = 128
    clock = Clock(Fraction(1))
    plan = WindowPlan.of(10.0, 2.0, 128, Clock(Fraction(1)))
    takes = "embeddings"
    batch = 8
    arithmetic = "numpy"
    parameters = 0

    def fingerprint(self) -> str:
        return "first"

    def steps_in(self, samples: int) -> int:
        return samples // 128

    def listen(self, waveform: np.ndarray, lengths: np.ndarray, watch: object = None) -> tuple[np.ndarray, np.ndarray]:
        frames = waveform[:, : waveform.shape[1] // 128 * 128].reshape(len(waveform), -1, 128)[:, :, :1]
        return frames.max(axis=1), frames


def test_embeddings_are_scored_vector_by_vector_however_they_are_laid_out() -> None:
    vectors = np.random.default_rng(0).random((25, 128)).astype(np.float32)
    jobs = [Job("a", Embeddings(vectors, 128)), Job("b", Embeddings(vectors.reshape(-1), 128))]
    one, other = Scorer(Sum()).score_all(jobs)
    np.testing.assert_allclose(one.scores.frames[:, 0], vectors[:, 0], atol=1e-6)
    np.testing.assert_array_equal(one.scores.frames, other.scores.frames)
    found = Tagger(Sum(), OperatingPoint.plain(["first"]))(vectors, 128)
    np.testing.assert_array_equal(found.scores.frames, one.scores.frames)


def test_sound_and_embeddings_are_not_taken_for_each_other(loudness: Network) -> None:
    values = np.zeros(400, np.float32)
    jobs = [Job("a", Waveform(values, 128)), Job("b", Embeddings(values, 8))]
    errors = [str(scored.error) for scored in Scorer(Sum()).score_all(jobs)]
    assert errors == [
        "a: is audio, but the model takes precomputed embeddings",
        "b: has 8 values a second, but the model takes 128",
    ]
    (scored,) = Scorer(engine_of(loudness)).score_all([Job("c", Embeddings(values, 8_000))])
    assert str(scored.error) == "c: is embeddings, but the model takes sound"


def test_damaged_weights_are_named_as_the_cause(network: Callable[..., Network]) -> None:
    """A flipped bit of an exponent leaves a weight finite, and the scores no numbers."""
    model = network()
    with torch.no_grad():
        for parameter in model.pooling.parameters():
            parameter.fill_(torch.nan)
    found = score(model, job(0.1 * np.random.default_rng(0).standard_normal(8_000).astype(np.float32)))[0]
    assert isinstance(found.error, ModelError)
    assert "its weights are damaged" in str(found.error)
