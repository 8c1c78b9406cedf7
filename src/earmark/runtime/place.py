"""Where a run writes, what is kept there of it, and how its options differ from those of a run before."""

from __future__ import annotations

import json
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from earmark.formats import parquet
from earmark.formats.naming import target_files
from earmark.formats.outputs import encoding_of
from earmark.runtime.bulk import Verb, of_record
from earmark.runtime.journal import Lines

MOST_SHOWN = 3  # differences of options
TABLES: Mapping[Verb, str] = {"detect": "events", "tag": "tags", "embed": "embeddings"}  # names without extensions


@dataclass(frozen=True)
class Place:
    """Where a run writes: tables by format, label tracks by format, and its hidden folder."""

    verb: Verb
    output: Path
    formats: tuple[str, ...]
    tables: Mapping[str, Path]
    tracks: tuple[str, ...]  # formats
    failures: Path
    state: Path

    @classmethod
    def of(cls, verb: Verb, output: Path, formats: Sequence[str]) -> Place:
        """The place of an output that was checked (`formats.outputs.check_output`)."""
        formats = tuple(dict.fromkeys(formats))
        each = tuple(form for form in formats if getattr(encoding_of(verb, form), "per_recording", False))
        suffixes = {form: encoding_of(verb, form).suffix for form in formats if form not in each}
        name = TABLES[verb]
        if each:
            tables = {form: output / (name + suffix) for form, suffix in suffixes.items()}
        else:
            tables = target_files(output, list(formats), suffixes, name)
        if output in tables.values():
            failures, state = output.with_suffix(".failures.csv"), output.parent / f".{output.name}.earmark"
        else:
            name = "failures.csv" if verb == "detect" else f"failures.{name}.csv"  # all may write into one folder
            failures, state = output / name, output / ".earmark"
        return cls(verb, output, formats, tables, each, failures, state)

    @property
    def journal(self) -> Path:
        """The journal."""
        return self.state / f"{self.verb}.jsonl"

    @property
    def mark(self) -> Path:
        """How far the tables hold what the journal does."""
        return self.state / f"{self.verb}.mark.json"

    @property
    def end(self) -> Path:
        """What a finished run leaves."""
        return self.state / f"{self.verb}.end.json"

    @property
    def order(self) -> Path:
        """Of a finished shard: indices in the whole listing, then places in the journal, 8 bytes each."""
        return self.state / f"{self.verb}.order"


def write_whole(place: Place, records: Callable[[], Iterable[Mapping[str, Any]]]) -> None:
    """The tables in formats that are written only as a whole, from lines of journals in their order."""
    write = parquet.write_events if place.verb == "detect" else parquet.write_tags
    for form, path in place.tables.items():
        if encoding_of(place.verb, form).whole and any("failed" not in record for record in records()):
            write(path, ((str(record["name"]), record["items"]) for record in records() if "failed" not in record))


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """How options differ, in words; empty where they do not.

    >>> differences({"model": "a", "operating point": {"dog": 0.5}}, {"model": "a", "operating point": {"dog": 0.3}})
    'operating point, dog: 0.5 before, 0.3 now'
    """
    before, now = _flat(before), _flat(json.loads(json.dumps(now)))
    changed = [name for name in dict.fromkeys([*before, *now]) if before.get(name) != now.get(name)]
    shown = [f"{name}: {_shown(before.get(name))} before, {_shown(now.get(name))} now" for name in changed[:MOST_SHOWN]]
    if len(changed) > MOST_SHOWN:
        shown.append(f"and {len(changed) - MOST_SHOWN} more")
    return "; ".join(shown)


def _flat(options: Any, prefix: str = "") -> dict[str, Any]:
    """Options within options by their paths: {"operating point": {"dog": 1}} as {"operating point, dog": 1}."""
    flat: dict[str, Any] = {}
    for name, value in options.items():
        inside = f"{prefix}{name}"
        flat |= _flat(value, f"{inside}, ") if isinstance(value, Mapping) else {inside: value}
    return flat


def _shown(value: Any) -> str:
    if value is None:
        return "not set"
    text = str(value)
    return text if len(text) <= 40 else text[:12] + "..."


class Stored(Mapping[str, Any]):
    """What a finished run holds, read from its journal when it is asked for: events or tags by recording."""

    def __init__(self, place: Place, order: array[int]) -> None:
        self._place, self._order = place, order
        self._held: dict[str, Any] | None = None

    def _all(self) -> dict[str, Any]:
        if self._held is None:
            self._held = {}
            with Lines(self._place.journal) as lines:
                for at in self._order:
                    record = lines.at(at)
                    decided = of_record(self._place.verb, record)
                    if decided.failed is None:
                        self._held[str(record["name"])] = decided.items
        return self._held

    def __getitem__(self, recording: str) -> Any:
        return self._all()[recording]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())
