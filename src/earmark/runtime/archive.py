"""A run over an archive: results as they come, and the same command goes on after whatever stopped it.

    listing -> not in the journal? -> Task -> backend -> tracks, journal, tables        in this order

A recording's own files are written before its line in the journal, and its rows of the tables after. So whatever a
journal knows has its files, and tables can be made from the journal at any time: when a run goes on, and at the end
where recordings were not decided in their order. The end is the same, byte for byte, as that of a run that was never
stopped, since every table holds the recordings in the order of the listing.

Beside the output is a hidden folder, `.earmark` in a folder and `.NAME.earmark` for a file NAME, with the journal, the
lock, and what `earmark merge` asks for.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from earmark.audio.listing import Entry, Listing
from earmark.audio.remote import is_remote, remote_state
from earmark.errors import ConfigError, EarmarkError, counted
from earmark.files import write_aside, write_text, writing
from earmark.formats.naming import file_names
from earmark.formats.outputs import encoding_of
from earmark.lock import Lock
from earmark.reporter import Counts, Follow
from earmark.runtime.bulk import Account, Backend, Decided, Task, as_record, of_record
from earmark.runtime.journal import Index, Journal, Lines
from earmark.runtime.place import Place, differences, write_whole
from earmark.runtime.tables import FAILURES, GrowingTable, Tracks

_MISSING = 2**64 - 1
_FOLLOW_SECONDS = 0.1
_MARK_SECONDS = 10.0
LEFT_OUT, IN_PART = "left out", "scored in part"


@dataclass
class Archive:
    """A run that writes. `execute` once."""

    place: Place
    listing: Listing
    options: Mapping[str, Any]  # everything that results depend on
    scores: Path | None = None  # folder for tables of frame scores, or for embeddings
    scores_suffix: str = ".tsv"  # of these files
    overwrite: bool = False
    retry_failed: bool = False
    follow: Follow | None = None  # is told how it goes
    messages: list[str] = field(default_factory=list)  # worth telling a person

    def __post_init__(self) -> None:
        verb = self.place.verb
        self.account = Account()
        kinds = {form: encoding_of(verb, form) for form in self.place.tables}
        self.tables = {
            form: GrowingTable(path, kinds[form]) for form, path in self.place.tables.items() if not kinds[form].whole
        }
        self.failures = GrowingTable(self.place.failures, FAILURES)
        self.tracks: list[Tracks] = []
        self.score_tables: Tracks | None = None
        self.index = Index()
        self.indices, self.order = array("Q"), array("Q")  # in the listing; places in the journal
        self.lines = 0  # of recordings, in the journal
        self.done, self.seconds = 0, 0.0  # by this run; of audio
        self.written_tracks = 0
        self._began = self._told = self._marked = time.monotonic()
        self._trusted = 0  # bytes of the journal whose recordings the tables on disk hold

    def execute(self, backend: Backend) -> Account:
        """Do what is not done yet. `ConfigError` where the output was begun with other options."""
        place = self.place
        self.listing.check()
        with Lock(place.state / "lock", place.output), Journal(place.journal) as journal:
            self.journal = journal
            begun = journal.header() if not self.overwrite else None
            if begun is not None:
                self._check(begun)
            elif self.overwrite:
                self._clear()
            self._prepare_tracks()
            place.end.unlink(missing_ok=True)
            with contextlib.ExitStack() as closing:
                for table in self._all_tables():
                    closing.callback(table.close)
                if begun is None:
                    self._begin()
                else:
                    self._go_on()
                for task, decided in backend(self._tasks()):
                    self._take(task, decided)
                self._finish()
        if not self.account.scored and self.listing.shard is None:
            self._leave_nothing()
        return self.account

    def _leave_nothing(self) -> None:
        """No recording could be used: there is nothing to go on from."""
        place = self.place
        for path in (place.failures, place.journal, place.mark, place.end, place.order, place.state / "lock"):
            path.unlink(missing_ok=True)
        for folder in (place.state, place.state.parent):
            with contextlib.suppress(OSError):  # not empty
                folder.rmdir()

    def _begin(self) -> None:
        for path in [*self.place.tables.values(), self.place.failures]:
            if path.exists():
                self.messages.append(f"replacing {path}")
        with writing(self.place.failures):
            self.place.failures.unlink(missing_ok=True)
        self.place.mark.unlink(missing_ok=True)
        self.index.settle()
        self.journal.begin({"verb": self.place.verb, "options": self.options, "formats": self.place.formats})

    def _go_on(self) -> None:
        """Read the journal, and make the tables from it."""
        mark = self._mark_of()
        if mark is None:
            with self._tables_anew():
                self.journal.go_on(self._recall)
        else:
            self._trusted = mark["journal"]
            for table, body in zip(self._all_tables(), mark["tables"].values(), strict=True):
                table.go_on(body)
            self.journal.go_on(self._recall)
        self.index.settle()
        self.account.before = len(self.index)

    def _recall(self, at: int, record: dict[str, Any]) -> None:
        self.lines += 1
        faulty = "failed" in record or "problem" in record
        self.index.add(record["name"], _state(record["path"], record["size"], record["mtime"], faulty), at)
        if at < self._trusted:
            self.account.add_record(record)
        else:
            self._enter(record["name"], of_record(self.place.verb, record))

    def _mark_of(self) -> dict[str, Any] | None:
        """How far the tables on disk hold what the journal does, where they are of these formats and still there."""
        try:
            mark = json.loads(self.place.mark.read_text(encoding="utf-8"))
            bodies = dict(mark["tables"])
            known = int(mark["journal"]) <= self.place.journal.stat().st_size
        except (OSError, ValueError, KeyError, TypeError):
            return None
        tables = list(self._all_tables())
        if not known or list(bodies) != [table.path.name for table in tables]:
            return None
        return mark if all(table.fits(bodies[table.path.name]) for table in tables) else None

    def _mark(self) -> None:
        """Note how far the tables are, once that is on the disk."""
        self._marked = time.monotonic()
        for table in self._all_tables():
            table.sync()
        self.journal.sync()
        bodies = {table.path.name: table.body for table in self._all_tables()}
        write_text(self.place.mark, json.dumps({"journal": self.journal.size, "tables": bodies}) + "\n")

    def _tasks(self) -> Iterator[Task]:
        """The recordings that the journal does not know, or knows as they were before they changed."""
        for entry in self.listing:
            position = len(self.order)
            size, mtime = _stat(entry.path)
            self.indices.append(entry.place)
            place = self._known(entry, size, mtime)
            if place is not None:
                self.order.append(place)
                continue
            self.order.append(_MISSING)
            table = None if self.score_tables is None else str(self.score_tables.path(entry.name))
            yield Task(position, entry.name, entry.path, size, mtime, table)

    def _known(self, entry: Entry, size: int, mtime: int) -> int | None:
        """The place of a recording's line, where nothing of it has to be done again."""
        found = self.index.find(entry.name) if len(self.index) else None
        if found is None:
            return None
        state, place = found
        failed = state == _state(entry.path, size, mtime, True)
        if not failed and state != _state(entry.path, size, mtime, False):
            return None
        if failed and self.retry_failed:
            return None
        return place if self._has_files(entry.name, place) else None

    def _has_files(self, name: str, place: int) -> bool:
        """Whether a recording that is done has its own files; label tracks are made anew where they lack."""
        lacking = [tracks for tracks in self.tracks if not tracks.path(name).exists()]
        scores = self.score_tables is not None and not self.score_tables.path(name).exists()
        for tracks in self.tracks:
            tracks.remove_former(name)
        if not (lacking or scores):
            return True
        with Lines(self.place.journal) as lines:
            decided = of_record(self.place.verb, lines.at(place))
        if decided.failed is not None:
            return True
        if scores:
            return False
        for tracks in lacking:
            self._track(tracks, name, decided)
        return True

    def _take(self, task: Task, decided: Decided) -> None:
        """A recording is decided."""
        record = as_record(task, decided)
        decided = of_record(self.place.verb, record)  # as it is read back
        for tracks in self.tracks:
            if decided.failed is None:
                self._track(tracks, task.name, decided)
            else:
                tracks.path(task.name).unlink(missing_ok=True)
        self.order[task.position] = self.journal.append(record)
        self.lines += 1
        self.done += 1
        self.seconds += decided.seconds
        self._enter(task.name, decided)
        if time.monotonic() - self._marked > _MARK_SECONDS:
            self._mark()
        self._tell()

    def _track(self, tracks: Tracks, name: str, decided: Decided) -> None:
        tracks.write(name, decided.items, decided.rate)
        self.written_tracks += 1

    def _enter(self, name: str, decided: Decided) -> None:
        """Into the account and the tables."""
        self.account.add(name, decided)
        if decided.failed is None:
            for table in self.tables.values():
                table.add(name, decided.items, decided.rate)
        if decided.failed is not None or decided.problem:
            self.failures.add(name, (decided.failed or decided.problem, LEFT_OUT if decided.failed else IN_PART))

    def _tell(self, last: bool = False) -> None:
        now = time.monotonic()
        if self.follow is None or (now - self._told < _FOLLOW_SECONDS and not last):
            return
        self._told = now
        account, total = self.account, self.listing.total
        self.follow(Counts(self.done, account.before, len(account.failed), total, self.seconds, now - self._began))

    def _finish(self) -> None:
        """Tables in the order of the listing; what an earlier run left that is no more is taken away."""
        order = np.frombuffer(self.order, np.uint64) if len(self.order) else np.zeros(0, np.uint64)
        gone = self.index.rest()
        self.account.gone = len(gone)
        self.account.before = len(order) - self.done
        if self.lines != len(order) or (np.diff(order.astype(np.int64)) <= 0).any():
            self._rebuild(order)
        if gone:
            self._forget(gone)
        with Lines(self.place.journal) as lines:
            write_whole(self.place, lambda: map(lines.at, order.tolist()))
        if len(order) and self.account.before and not self.done:
            self.messages.append(
                f"nothing to do: {counted(len(order), 'recording')} done before; --overwrite begins anew"
            )
        elif self.account.before:
            self.messages.append(f"continued: {counted(self.account.before, 'recording')} done before, {self.done} now")
        elif self.listing.shard is not None and not len(order):
            self.messages.append(f"shard {self.listing.shard} holds none of the recordings ({self.listing.all} in all)")
        self._mark()
        if self.listing.shard is not None and not self.account.scored:
            self._write_headers()
        self._write_end(order)
        self._tell(last=True)

    def _write_headers(self) -> None:
        """Tables of a shard without a recording that could be used: a shard is one of several, whatever it holds."""
        for table in self.tables.values():
            write_text(table.path, (table.encoding.header or "") + table.encoding.footer)

    def _rebuild(self, order: Any) -> None:
        self.account.clear()
        with self._tables_anew(), Lines(self.place.journal) as lines:
            for at in order.tolist():
                record = lines.at(at)
                self._enter(record["name"], of_record(self.place.verb, record))

    def _forget(self, gone: Sequence[int]) -> None:
        """Take away the label tracks of recordings that are no more among the inputs; their lines stay."""
        with Lines(self.place.journal) as lines:
            names = [str(lines.at(at)["name"]) for at in gone]
            stems = {_stem(name) for name in names} if self.tracks else set()
            all_names = (str(lines.at(at)["name"]) for at in (self.order if stems else ()))
            kin = [name for name in all_names if _stem(name) in stems]
        for tracks in self.tracks:
            valid = {tracks.path(name) for name in kin}
            for name in (*names, *kin):
                for path in tracks.former(name):
                    if path not in valid:
                        path.unlink(missing_ok=True)
        shown = ", ".join(names[:3]) + (" ..." if len(names) > 3 else "")
        self.messages.append(
            f"{counted(len(names), 'recording')} of the run before not there any more, left out: {shown}"
        )

    def _write_end(self, order: Any) -> None:
        listing = self.listing
        end: dict[str, Any] = {"recordings": len(order), "formats": self.place.formats}
        if listing.shard is not None:
            end |= {"shard": str(listing.shard), "all": listing.all, "listing": f"{listing.digest:016x}"}
            with write_aside(self.place.order) as aside:
                aside.write_bytes(np.frombuffer(self.indices, np.uint64).tobytes() + order.tobytes())
        write_text(self.place.end, json.dumps(end) + "\n")

    def _prepare_tracks(self) -> None:
        """Files of single recordings; their names depend on all names."""
        verb, folder = self.place.verb, self.place.output
        kinds = {form: encoding_of(verb, form) for form in self.place.tracks}
        self.tracks = [Tracks(folder, encoding.suffix, self.listing.names, encoding) for encoding in kinds.values()]
        if self.scores is not None:
            self.score_tables = Tracks(self.scores, self.scores_suffix, self.listing.names, None)
        for form in self.place.formats:
            check = encoding_of(verb, form).check
            if form == "dcase2017":
                check(self.listing.names())

    def _check(self, begun: Mapping[str, Any]) -> None:
        """`ConfigError` telling how the options differ from those that the output was begun with."""
        if shown := differences(begun.get("options", {}), self.options):
            raise ConfigError(
                f"{self.place.output} was begun with other options ({shown}); "
                "give the same, or --overwrite to begin anew, or another folder"
            )

    def _clear(self) -> None:
        """Take away what a run before left: its tables, its tracks, its journal."""
        place = self.place
        forms: list[str] = []
        with contextlib.suppress(EarmarkError):
            forms = (Journal(place.journal).header() or {}).get("formats", [])
        each = [encoding_of(place.verb, f).suffix for f in forms if f in place.tracks or f in ("audacity", "raven")]
        removed = 0
        if each and place.journal.exists():
            with open(place.journal, "rb") as file:
                for line in file:
                    with contextlib.suppress(ValueError, KeyError):
                        name = str(json.loads(line)["name"])
                        for suffix in each:
                            for inside in (_stem(name) + suffix, name + suffix):
                                path = place.output / inside
                                if path.exists():
                                    path.unlink()
                                    removed += 1
        for path in [*place.tables.values(), place.failures]:
            if path.exists():
                path.unlink()
                removed += 1
        if removed:
            self.messages.append(f"removed {counted(removed, 'file')} of the run before")
        for path in (place.journal, place.end, place.order, place.mark):
            path.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _tables_anew(self) -> Iterator[None]:
        with contextlib.ExitStack() as stack:
            for table in self._all_tables():
                stack.enter_context(table.anew())
            yield

    def _all_tables(self) -> Iterable[GrowingTable]:
        return (*self.tables.values(), self.failures)

    @property
    def written(self) -> list[Path]:
        """The tables that are there."""
        return [path for path in (*self.place.tables.values(), self.place.failures) if path.exists()]


def _stat(path: str) -> tuple[int, int]:
    """Bytes and time of last change (ns); -1 where they cannot be asked for."""
    if is_remote(path):
        return remote_state(path)
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return -1, -1
    return found.st_size, found.st_mtime_ns


def _state(path: str, size: int, mtime: int, faulty: bool) -> int:
    return hash((path, size, mtime, faulty))


def _stem(name: str) -> str:
    return file_names([name], "")[name]
