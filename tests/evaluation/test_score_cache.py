import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from earmark.data.records import Clip, Manifest
from earmark.errors import DataError, OutputError
from earmark.evaluation.labelled import ScoredClips, score_clips
from earmark.evaluation.score_cache import cache_file, score_clips_cached
from earmark.labels import Labels
from earmark.models.network import Network
from earmark.models.torch_engine import engine_of
from earmark.runtime.scorer import Job, Scored, Scorer


@pytest.fixture
def manifest(noise: Callable[..., np.ndarray], write: Callable[..., Path]) -> Manifest:
    """Five clips of different lengths."""
    clips = []
    for number in range(5):
        path = write(f"{number}.wav", noise(0.6 + 0.3 * number, (0.1, 0.4), seed=number))
        clips.append(Clip(path, path.name, ("loud",)))
    return Manifest(Path("here"), tuple(clips), Labels(["loud", "quiet"]))


@pytest.fixture
def scored_jobs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the recordings that really went through the model."""
    names: list[str] = []
    really = Scorer.score_all

    def watched(self: Scorer, jobs: Iterable[Job]) -> Iterator[Scored]:
        listed = list(jobs)
        names.extend(job.name for job in listed)
        return really(self, listed)

    monkeypatch.setattr(Scorer, "score_all", watched)
    return names


def same(one: ScoredClips, other: ScoredClips) -> bool:
    """Bit for bit."""
    facts = [
        (s.recording, s.clip.tobytes(), s.frames.tobytes(), s.frames.dtype, s.frames.shape, s.clock, s.duration)
        for s in one.scores
    ]
    assert one.clips == other.clips
    assert one.problems == other.problems
    return facts == [
        (s.recording, s.clip.tobytes(), s.frames.tobytes(), s.frames.dtype, s.frames.shape, s.clock, s.duration)
        for s in other.scores
    ]


def test_a_second_time_nothing_is_scored_and_every_bit_is_the_same(
    network: Callable[..., Network], manifest: Manifest, tmp_path: Path, scored_jobs: list[str]
) -> None:
    scorer = Scorer(engine_of(network()))
    plain = score_clips(scorer, manifest)
    first = score_clips_cached(scorer, manifest, tmp_path / "scores")
    assert len(scored_jobs) == 10
    told: list[tuple[int, int]] = []
    second = score_clips_cached(
        Scorer(engine_of(network())), manifest, tmp_path / "scores", lambda done, of: told.append((done, of))
    )
    assert len(scored_jobs) == 10
    assert same(plain, first)
    assert same(plain, second)
    assert told == [(n, 5) for n in range(1, 6)]
    assert [file.name for file in (tmp_path / "scores").iterdir()] == [cache_file("", manifest).name]


def test_only_what_changed_is_scored_again(
    loudness: Network,
    manifest: Manifest,
    tmp_path: Path,
    scored_jobs: list[str],
    noise: Callable[..., np.ndarray],
    write: Callable[..., Path],
) -> None:
    scorer = Scorer(engine_of(loudness))
    before = score_clips_cached(scorer, manifest, tmp_path)
    scored_jobs.clear()
    changed = write("2.wav", noise(1.2, (0, 0), seed=2))
    os.utime(changed, ns=(1, 1))  # a clock too coarse to see the change would be another matter
    more = manifest.with_clips([*manifest.clips[1:], Clip(write("new.wav", noise(1.0)), "new.wav", ())])
    after = score_clips_cached(scorer, more, tmp_path)
    assert scored_jobs == ["2.wav", "new.wav"]
    assert after.scores[1].clip[0] < 0.1 < before.scores[2].clip[0]
    for one, other in zip(after.scores, score_clips(scorer, more).scores, strict=True):
        np.testing.assert_allclose(one.frames, other.frames, atol=1e-6)  # batched otherwise, so rounded otherwise
        assert one.recording == other.recording
    scored_jobs.clear()
    score_clips_cached(scorer, manifest, tmp_path)
    assert scored_jobs == ["0.wav"]  # had left the collection


def test_another_model_or_precision_shares_nothing(
    network: Callable[..., Network], manifest: Manifest, tmp_path: Path, scored_jobs: list[str]
) -> None:
    tagger = network()
    score_clips_cached(Scorer(engine_of(tagger)), manifest, tmp_path)
    with torch.no_grad():
        next(tagger.parameters()).add_(0.1)
    moved = score_clips_cached(Scorer(engine_of(tagger)), manifest, tmp_path)
    assert len(scored_jobs) == 10
    assert same(moved, score_clips(Scorer(engine_of(tagger)), manifest))
    scored_jobs.clear()
    score_clips_cached(Scorer(engine_of(tagger, precision="bf16")), manifest, tmp_path)
    assert len(scored_jobs) == 5


def test_what_failed_is_tried_again(
    loudness: Network, manifest: Manifest, tmp_path: Path, write: Callable[..., Path], noise: Callable[..., np.ndarray]
) -> None:
    scorer = Scorer(engine_of(loudness))
    broken = manifest.with_clips([*manifest.clips, Clip(tmp_path / "late.wav", "late.wav", ())])
    assert [problem.where for problem in score_clips_cached(scorer, broken, tmp_path / "scores").problems] == [
        "late.wav"
    ]
    write("late.wav", noise(1.0))
    assert not score_clips_cached(scorer, broken, tmp_path / "scores").problems
    with pytest.raises(DataError, match="none of its 1 clips"):
        score_clips_cached(
            scorer, manifest.with_clips([Clip(tmp_path / "gone.wav", "gone.wav", ())]), tmp_path / "scores"
        )


def test_a_damaged_file_is_made_anew_and_an_unwritable_place_is_done_without(
    loudness: Network, manifest: Manifest, tmp_path: Path, scored_jobs: list[str]
) -> None:
    scorer = Scorer(engine_of(loudness))
    plain = score_clips_cached(scorer, manifest, tmp_path / "scores")
    file = cache_file(tmp_path / "scores", manifest)
    whole = file.read_bytes()
    for damage in (whole[: len(whole) // 2], b"", b"not a zip", whole[:200] + b"\0" * 400 + whole[600:]):
        file.write_bytes(damage)
        assert same(plain, score_clips_cached(scorer, manifest, tmp_path / "scores"))
        assert file.read_bytes() == whole
    (tmp_path / "a file").write_text("")
    assert same(plain, score_clips_cached(scorer, manifest, tmp_path / "a file"))


def test_an_interrupted_scoring_keeps_what_it_has(
    loudness: Network, manifest: Manifest, tmp_path: Path, scored_jobs: list[str]
) -> None:
    def impatient(done: int, of: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        score_clips_cached(Scorer(engine_of(loudness)), manifest, tmp_path, impatient)
    scored_jobs.clear()
    score_clips_cached(Scorer(engine_of(loudness)), manifest, tmp_path)
    assert scored_jobs == ["3.wav", "4.wav"]


def test_a_scoring_that_is_killed_keeps_what_it_has(
    loudness: Network, manifest: Manifest, tmp_path: Path, scored_jobs: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a kill leaves is the journal alone, without the file that is written in the end."""
    cache = tmp_path / "scores"
    plain = score_clips(Scorer(engine_of(loudness)), manifest)

    def impatient(done: int, of: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with monkeypatch.context() as killed:
        killed.setattr("earmark.evaluation.score_cache._write", refuse)
        with pytest.raises(KeyboardInterrupt):
            score_clips_cached(Scorer(engine_of(loudness)), manifest, cache, impatient)
    left = cache_file(cache, manifest).with_suffix(".journal")
    assert [file.name for file in cache.iterdir()] == [left.name]
    with left.open("ab") as file:
        file.write(b'{"key": "cut in the mid')
    scored_jobs.clear()
    after = score_clips_cached(Scorer(engine_of(loudness)), manifest, cache)
    assert scored_jobs == ["3.wav", "4.wav"]
    for one, other in zip(after.scores, plain.scores, strict=True):
        np.testing.assert_allclose(one.frames, other.frames, atol=1e-6)  # batched otherwise, so rounded otherwise
    assert [file.name for file in cache.iterdir()] == [cache_file(cache, manifest).name]


def test_a_journal_of_another_model_is_not_used(
    network: Callable[..., Network], manifest: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tagger = network()

    def impatient(done: int, of: int) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as killed:
        killed.setattr("earmark.evaluation.score_cache._write", refuse)
        with pytest.raises(KeyboardInterrupt):
            score_clips_cached(Scorer(engine_of(tagger)), manifest, tmp_path / "scores", impatient)
    with torch.no_grad():
        next(tagger.parameters()).add_(0.1)
    moved = score_clips_cached(Scorer(engine_of(tagger)), manifest, tmp_path / "scores")
    assert same(moved, score_clips(Scorer(engine_of(tagger)), manifest))


def refuse(*arguments: object) -> None:
    raise OutputError("disk full")
