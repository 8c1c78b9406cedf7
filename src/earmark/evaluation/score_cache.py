"""Scores of a labelled collection, computed once: tuning and evaluating again cost seconds.

A collection has one file under the cache folder (a model keeps its own in `MODEL/scores/`), an .npz of plain arrays:

    maker ()             digest of what made the scores: weights, config, precision, kind of device, version of earmark
    key (clips,)         digest of path, size and time of change of each recording
    clip (clips, classes), frames (all frames, classes)     float32, as they were; frames of all clips end to end
    first (clips + 1,)   where each clip's frames begin
    duration (clips,)    seconds, float64

A clip is scored again if its path, size or time changed, and all clips if the model changed. What failed or is
incomplete is never kept, so that a repaired file is scored. A file that is damaged or of another form is as good as
none, and one that cannot be written is done without: the cache saves time, and nothing depends on it.

While clips are scored, each goes into a journal beside the file as soon as it is there, so that a scoring that is
killed keeps what it has. The file is written from the journal at the end, and the journal is taken away.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import zipfile
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from earmark import __version__
from earmark.arrays import FloatArray
from earmark.data.records import Manifest
from earmark.errors import OutputError
from earmark.evaluation.labelled import ScoredClips, score_clips
from earmark.files import write_aside
from earmark.lock import Lock
from earmark.reporter import Progress
from earmark.runtime.journal import Journal
from earmark.runtime.scorer import Job, Scored, Scorer
from earmark.scores import Scores

FOLDER = "scores"  # in a model directory
_STALE = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile)  # what reading a damaged file may raise


def score_clips_cached(
    scorer: Scorer, manifest: Manifest, folder: str | os.PathLike[str], progress: Progress | None = None
) -> ScoredClips:
    """`score_clips`, with what `folder` holds already left unscored; `DataError` when no clip could be read."""
    return score_clips(CachedScorer.beside(scorer, cache_file(folder, manifest)), manifest, progress)


def cache_file(folder: str | os.PathLike[str], manifest: Manifest) -> Path:
    """Where the scores of a collection are kept."""
    source = manifest.source.resolve()
    return Path(folder) / f"{source.stem}-{_digest(str(source))[:12]}.npz"


@dataclass
class CachedScorer(Scorer):
    """A scorer that remembers, in a file, what it scored."""

    file: Path = field(kw_only=True)

    @classmethod
    def beside(cls, scorer: Scorer, file: Path) -> CachedScorer:
        """The same scorer with a memory."""
        return cls(scorer.model, scorer.batch_size, file=file)

    def score_all(self, jobs: Iterable[Job]) -> Iterator[Scored]:
        """Outcome of every job, in their order; the file is written when the last one is taken, or the caller stops."""
        asked = [(job, clip_key(job)) for job in jobs]
        maker = self.maker()
        found = _read(self.file, maker, len(self.labels))
        with _Newer.beside(self.file, maker, len(self.labels)) as newer:
            stale = bool(newer.before)
            found |= newer.before
            kept = {key: found[key] for _, key in asked if key in found}
            stale |= len(kept) < len(found)
            rest = super().score_all([job for job, key in asked if key not in found])
            try:
                for job, key in asked:
                    if key in found:
                        yield Scored(job, self._restored(job, found[key]))
                        continue
                    scored = next(rest)
                    if key and scored.scores is not None and scored.problem is None:
                        entry = _Entry(scored.scores.clip, scored.scores.frames, scored.scores.duration)
                        kept[key] = entry
                        newer.add(key, entry)
                        stale = True
                    yield scored
            finally:
                if isinstance(rest, Generator):
                    rest.close()
                if stale and kept:
                    with contextlib.suppress(OutputError):
                        _write(self.file, maker, kept)
                        newer.settled = True

    def maker(self) -> str:
        """Digest of all that scores depend on besides the recording."""
        device, _, precision = self.arithmetic.partition(", ")
        digest = hashlib.sha256(f"{__version__}\n{precision == 'bf16'}\n{device.partition(':')[0]}\n".encode())
        digest.update(self.model.fingerprint().encode())
        return digest.hexdigest()

    def _restored(self, job: Job, entry: _Entry) -> Scores:
        return Scores(job.name, self.labels, entry.clip, entry.frames, self.model.clock, entry.duration)


@dataclass(frozen=True, eq=False)
class _Entry:
    clip: FloatArray
    frames: FloatArray
    duration: float


class _Newer:
    """The journal of a scoring under way. Without effect where it cannot be written, or another process has it.

    `before` holds what a scoring that was killed left. Where all of it is `settled`, in the cache file, the journal is
    taken away in the end.
    """

    def __init__(self, journal: Journal | None, before: dict[str, _Entry]) -> None:
        self.before = before
        self.settled = False
        self._journal = journal

    @classmethod
    @contextlib.contextmanager
    def beside(cls, file: Path, maker: str, classes: int) -> Iterator[_Newer]:
        """Open the journal of a cache file; what another maker left in it is dropped."""
        path, lock = file.with_suffix(".journal"), file.with_suffix(".lock")
        with contextlib.ExitStack() as stack:
            before: dict[str, _Entry] = {}
            journal: Journal | None = None
            with contextlib.suppress(OutputError):
                stack.enter_context(Lock(lock, file))
                stack.callback(lock.unlink, missing_ok=True)
                journal = _journal(path, maker, classes, before)
                stack.enter_context(journal)
            newer = cls(journal, before)
            newer.settled = not before
            try:
                yield newer
            finally:
                if newer.settled and journal is not None:
                    journal.close()
                    path.unlink(missing_ok=True)

    def add(self, key: str, entry: _Entry) -> None:
        """Note a clip that was scored."""
        if self._journal is None:
            return
        self.settled = False
        clip, frames = (base64.b64encode(part.tobytes()).decode() for part in (entry.clip, entry.frames))
        try:
            self._journal.append({"key": key, "duration": entry.duration, "clip": clip, "frames": frames})
        except OutputError:
            self._journal.close()
            self._journal = None


def _journal(path: Path, maker: str, classes: int, before: dict[str, _Entry]) -> Journal:
    """The journal, open for appending; its clips are put into `before`."""
    journal = Journal(path)

    def recall(_: int, record: dict[str, Any]) -> None:
        with contextlib.suppress(*_STALE, TypeError):
            clip, frames = (np.frombuffer(base64.b64decode(record[name]), np.float32) for name in ("clip", "frames"))
            if clip.shape == (classes,):
                before[record["key"]] = _Entry(clip, frames.reshape(-1, classes), float(record["duration"]))

    header = None
    with contextlib.suppress(OutputError):  # of another version
        header = journal.header()
    if header is not None and header.get("maker") == maker:
        journal.go_on(recall)
    else:
        journal.begin({"maker": maker})
    return journal


def clip_key(job: Job) -> str:
    """What identifies a recording and its version; empty if it is not a file or does not exist."""
    if not isinstance(job.source, str | os.PathLike):
        return ""
    path = Path(job.source)
    try:
        facts = path.stat()
    except OSError:
        return ""
    return _digest(f"{os.fspath(path.resolve())}\n{facts.st_size}\n{facts.st_mtime_ns}")


def _digest(text: str) -> str:
    return hashlib.sha256(os.fsencode(text)).hexdigest()


def _read(file: Path, maker: str, classes: int) -> dict[str, _Entry]:
    """Entries by key; none where the file is missing, damaged or of another maker."""
    try:
        with np.load(file, allow_pickle=False) as content:
            if content["maker"].item() != maker:
                return {}
            keys, clip, frames, first, duration = (
                content[name] for name in ("key", "clip", "frames", "first", "duration")
            )
    except _STALE:
        return {}
    fits = clip.shape == (len(keys), classes) and frames.shape[1:] == (classes,) and len(duration) == len(keys)
    if not fits or first.shape != (len(keys) + 1,) or first[-1] != len(frames):
        return {}
    rows = zip(keys.tolist(), clip, first[:-1].tolist(), first[1:].tolist(), duration.tolist(), strict=True)
    return {key: _Entry(row, frames[begin:end], seconds) for key, row, begin, end, seconds in rows}


def _write(file: Path, maker: str, entries: dict[str, _Entry]) -> None:
    parts = list(entries.values())
    with write_aside(file) as temporary, temporary.open("wb") as stream:
        np.savez(
            stream,
            maker=np.array(maker),
            key=np.array(list(entries)),
            clip=np.stack([part.clip for part in parts]),
            frames=np.concatenate([part.frames for part in parts]),
            first=np.cumsum([0, *(len(part.frames) for part in parts)]),
            duration=np.array([part.duration for part in parts], dtype=np.float64),
        )
