"""`detect` and `tag`: recordings through models; `merge` and `clips`: what is made of their results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from earmark.api.bulk import Bulk, BulkOptions, Found
from earmark.errors import ConfigError
from earmark.files import PathLike, check_folder, path_or_none

if TYPE_CHECKING:
    from earmark.events import EventLog
    from earmark.runtime.bulk import Account, Sink, Verb
    from earmark.runtime.clips import CutClips, Order


@dataclass
class Detected(Found):
    """What came of `detect`."""

    events: EventLog | Mapping[str, Any] = field(default_factory=dict)
    report: Path | None = None  # the page, where one was asked for

    @property
    def total(self) -> int:
        """How many events there are."""
        return self.account.items


@dataclass
class Tagged(Found):
    """What came of `tag`."""

    tags: Mapping[str, Any] = field(default_factory=dict)


def detect(
    inputs: Sequence[PathLike] = (),
    *,
    scores: PathLike | None = None,
    report: PathLike | None = None,
    shown: int = 30,
    sounds: bool = True,
    **options: Unpack[BulkOptions],
) -> Detected:
    """When each event starts and stops in files and folders, of any length and rate.

    With `output`, every result is written as soon as it is there, and the same call goes on where it was stopped;
    `overwrite` begins anew, `retry_failed` tries again what failed. Other options than those it was begun with raise
    `ConfigError`. Without `output` the events are returned and nothing is written; with a `sink`, it is called with
    name and events of each recording instead, as they come.

    `scores` is a folder for a table of frame scores a recording. `report` is a folder for the page `detections.html`:
    the `shown` recordings with the most confident events as lanes, which are scored once more for it, with their sound
    where `sounds`. The other options are those of `BulkOptions`.
    """
    from earmark.events import EventLog

    log = EventLog()
    sink = options.get("sink")
    if report is not None:
        check_folder(Path(report))
        if "-" in (each.split(":")[0] for each in options.get("files_from", ())):
            raise ConfigError("--report reads the recordings a second time: give --files-from a file instead of -")
        if sink is not None:
            options["sink"] = _both(log.add, sink)
    bulk = Bulk(verb="detect", inputs=inputs, scores=scores, **options)
    found, stored = bulk.run(log.add)
    detected = Detected(**vars(found), events=log if stored is None else stored)
    if report is not None:
        detected.report = _write_report(Path(report), bulk, detected, shown, sounds)
    return detected


def _both(one: Sink, other: Sink) -> Sink:
    """A sink that hands everything to two."""

    def sink(name: str, items: Any) -> None:
        one(name, items)
        other(name, items)

    return sink


def _write_report(folder: Path, bulk: Bulk, found: Detected, shown: int, sounds: bool) -> Path:
    """Write the page of what was detected into a folder; returns its file."""
    from earmark.audio.listing import Listing
    from earmark.files import write_text
    from earmark.report import detections

    listing = bulk.listing
    again = Listing(listing.inputs, listing.lists, listing.shard, bulk.allow_remote)
    recordings = [
        detections.Found(entry.name, entry.path, found.events[entry.name])
        for entry in again
        if entry.name in found.events
    ]
    given = ", ".join(Path(each).name or each for each in listing.inputs[:3]) or "the listed recordings"
    content = detections.detection_report(
        found.tagger,
        recordings,
        title=f"Sounds in {given}",
        shown=shown,
        sounds=sounds,
        min_score=bulk.min_score,
        problems=[*found.account.failed, *found.account.partial],
    )
    bulk.reporter.say("drawing the report")
    path = folder / "detections.html"
    write_text(path, detections.render(content))
    return path


def tag(inputs: Sequence[PathLike] = (), **options: Unpack[BulkOptions]) -> Tagged:
    """What is in each recording; a tag of a long recording may hold for only part of it. Options as of `detect`."""
    tags: dict[str, list[tuple[str, float]]] = {}
    found, stored = Bulk(verb="tag", inputs=inputs, **options).run(tags.__setitem__)
    return Tagged(**vars(found), tags=tags if stored is None else stored)


@dataclass(frozen=True)
class Merged:
    """What came of `merge`."""

    verb: Verb
    account: Account
    written: list[Path]  # the tables
    tracks: int  # files written besides, one a recording

    @property
    def complete(self) -> bool:
        """Whether every recording was read whole and scored."""
        return not self.account.failed and not self.account.partial


def merge(parts: Sequence[PathLike], output: PathLike, *, formats: Sequence[str] = ()) -> Merged:
    """Put the folders that `detect` or `tag` wrote with `shard` together, as one run would have written them.

    `formats` are those of the parts where none are given. Shards that do not belong together, are missing or there
    twice raise.
    """
    from earmark.runtime.merging import merge_parts, read_parts

    if not parts:
        raise ConfigError("nothing to merge: give the folders that --shard wrote")
    found = read_parts([Path(each) for each in parts])
    return Merged(found[0].place.verb, *merge_parts(found, Path(output), formats))


def clips(
    events: PathLike,
    output: PathLike,
    *,
    per_label: int | None = None,
    order: Order = "confident",
    pad: float = 0.0,
    seed: int = 0,
    audio: PathLike | None = None,
) -> CutClips:
    """Cut sound files around the events of a table or folder that `detect` wrote, and write a table of them.

    `order` says which of each label are taken where they are more than `per_label`; `pad` is in seconds. `audio` is the
    folder of the recordings, where they are not where `detect` found them. The table `clips.csv` can be trained with.
    """
    from earmark.formats import read_events
    from earmark.runtime.clips import choose, cut, find_audio

    table, folder = Path(events), Path(output)
    check_folder(folder)
    if table.is_dir() and (table / "events.csv").is_file():
        table = table / "events.csv"
    chosen = choose(read_events(table), per_label, order, pad, seed)
    return cut(chosen, find_audio(chosen, table, path_or_none(audio)), folder)
