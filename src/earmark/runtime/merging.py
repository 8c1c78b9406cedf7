"""Shards put together: the tables that one run over all recordings would have written.

Each folder holds a finished run with `--shard i/n`. They belong together where model, operating point and options are
the same, all listed the same recordings, and every part from 1 to n is there once.
"""

from __future__ import annotations

import contextlib
import heapq
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from earmark.audio.listing import Shard
from earmark.errors import ConfigError, DataError
from earmark.formats.outputs import check_output, encoding_of
from earmark.runtime.archive import IN_PART, LEFT_OUT
from earmark.runtime.bulk import Account, Verb, of_record
from earmark.runtime.journal import Journal, Lines
from earmark.runtime.place import Place, differences, write_whole
from earmark.runtime.tables import FAILURES, GrowingTable, Tracks


@dataclass(frozen=True)
class Part:
    """A finished shard."""

    place: Place
    shard: Shard
    options: Mapping[str, Any]  # without the shard
    end: Mapping[str, Any]

    @classmethod
    def of(cls, folder: Path) -> Part:
        """Read what a run left. `DataError` where it is no finished shard."""
        if not folder.exists():
            raise DataError(f"{folder}: no such folder")
        for verb in VERBS:
            place = Place.of(verb, folder, ())
            header = Journal(place.journal).header()
            if header is None:
                continue
            options = dict(header["options"])
            shard = options.pop("shard", None)
            if shard is None:
                raise DataError(f"{folder}: is not part of an archive; it was made without --shard")
            try:
                end = json.loads(place.end.read_text(encoding="utf-8"))
            except (OSError, ValueError):
                raise DataError(
                    f"{folder}: shard {shard} is not finished; its command goes on where it stopped"
                ) from None
            return cls(place, Shard.parse(shard), options, end)
        raise DataError(f"{folder}: holds no run of 'earmark detect' or 'earmark tag' with --shard")

    def places(self) -> Iterator[tuple[int, int]]:
        """Index in the whole listing and place in the journal of each recording, by index."""
        both = np.fromfile(self.place.order, np.uint64).reshape(2, -1)
        order = np.argsort(both[0])
        return zip(both[0][order].tolist(), both[1][order].tolist(), strict=True)


VERBS: tuple[Verb, ...] = ("detect", "tag")


def read_parts(folders: Sequence[Path]) -> list[Part]:
    """The shards in these folders, which must belong together; by number.

    `DataError`, `ConfigError` naming the first that does not, is missing, or is there twice.
    """
    parts = [Part.of(folder) for folder in folders]
    first = parts[0]
    seen: dict[int, Path] = {}
    for part in parts:
        where = part.place.output
        if part.shard.count != first.shard.count:
            raise ConfigError(
                f"{first.place.output} is shard {first.shard}, {where} is {part.shard}: of other divisions"
            )
        if part.place.verb != first.place.verb:
            raise ConfigError(f"{first.place.output} holds a run of {first.place.verb}, {where} of {part.place.verb}")
        if other := differences(first.options, part.options):
            raise ConfigError(f"{first.place.output} and {where} were made with different options: {other}")
        if part.shard.number in seen:
            raise ConfigError(f"shard {part.shard} is there twice: {seen[part.shard.number]} and {where}")
        if (part.end["all"], part.end["listing"]) != (first.end["all"], first.end["listing"]):
            raise ConfigError(
                f"{first.place.output} and {where} were made from different recordings "
                f"({first.end['all']} and {part.end['all']} listed); run both again, only what is new will be done"
            )
        seen[part.shard.number] = where
    if missing := [n for n in range(1, first.shard.count + 1) if n not in seen]:
        raise ConfigError(
            f"shard {missing[0]}/{first.shard.count} is missing ({len(missing)} of {first.shard.count} are)"
        )
    return sorted(parts, key=lambda part: part.shard.number)


def merge_parts(parts: Sequence[Part], output: Path, formats: Sequence[str] = ()) -> tuple[Account, list[Path], int]:
    """Write the tables and label tracks of all parts; the account, the tables, and how many tracks.

    `formats` are those of the first part where none are given.
    """
    verb = parts[0].place.verb
    formats = tuple(formats) or tuple(parts[0].end["formats"])
    check_output(output, formats, tags=verb == "tag")
    place = Place.of(verb, output, formats)
    account = Account()
    with contextlib.ExitStack() as stack:
        lines = [stack.enter_context(Lines(part.place.journal)) for part in parts]

        def records() -> Iterator[dict[str, Any]]:
            streams = [[(index, number, at) for index, at in part.places()] for number, part in enumerate(parts)]
            return (lines[number].at(at) for _, number, at in heapq.merge(*streams))

        growing = {form: path for form, path in place.tables.items() if not encoding_of(verb, form).whole}
        tables = [GrowingTable(path, encoding_of(verb, form)) for form, path in growing.items()]
        failures = GrowingTable(place.failures, FAILURES)
        for table in (*tables, failures):
            stack.enter_context(table.anew())
        kinds = [encoding_of(verb, form) for form in place.tracks]
        tracks = [Tracks(output, kind.suffix, lambda: (str(r["name"]) for r in records()), kind) for kind in kinds]
        count = 0
        for record in records():
            name, decided = str(record["name"]), of_record(verb, record)
            account.add(name, decided)
            if decided.failed is None:
                for table in tables:
                    table.add(name, decided.items, decided.rate)
                for track in tracks:
                    track.write(name, decided.items, decided.rate)
                    count += 1
            if decided.failed is not None or decided.problem:
                failures.add(name, (decided.failed or decided.problem, LEFT_OUT if decided.failed else IN_PART))
        write_whole(place, records)
    return account, [path for path in (*place.tables.values(), place.failures) if path.exists()], count
