"""`embed`: recordings to vectors of a model; `similar`: the stretches of them that are nearest to an example."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from earmark import __version__
from earmark.errors import ConfigError, MissingExtraError
from earmark.files import PathLike, check_folder
from earmark.reporter import QUIET, Reporter

if TYPE_CHECKING:
    from earmark.devices import Precision
    from earmark.formats.embeddings import Form, Per, Set
    from earmark.runtime.bulk import Account
    from earmark.runtime.embedder import Embedder
    from earmark.runtime.similar import Match, Query

_FILES = (".npz", ".parquet", ".csv", ".json")


@dataclass
class Embeddings:
    """What came of `embed`."""

    set: Set  # the folder, to be read
    account: Account
    written: list[Path] = field(default_factory=list)  # the tables
    notices: list[str] = field(default_factory=list)  # what was passed over in folders

    @property
    def complete(self) -> bool:
        """Whether every recording was read whole and embedded."""
        return not self.account.failed and not self.account.partial


def embed(
    inputs: Sequence[PathLike] = (),
    output: PathLike = "",
    *,
    model: PathLike | None = None,
    per: Per = "frame",
    format: Form = "npz",
    files_from: Sequence[str] = (),
    shard: str | None = None,
    overwrite: bool = False,
    retry_failed: bool = False,
    processes: int | None = 1,
    ray: str | None = None,
    allow_remote: bool = False,
    device: str = "auto",
    precision: Precision = "auto",
    reporter: Reporter = QUIET,
) -> Embeddings:
    """Vectors of files and folders, of any length and rate, into the folder `output` (`earmark.formats.embeddings`).

    A vector is what the model's encoder gives for a frame, before any layer of its classifier; `per` takes the mean of
    those of a second, or of the whole recording. `model` is a directory or a name, by default the model in the package.
    Every recording is written as soon as it is done, and the same call goes on where it was stopped; the options are
    those of `detect`.
    """
    from earmark.api.bulk import elsewhere, may_be_on_gpu, open_both, sharing
    from earmark.audio.listing import Listing, Shard
    from earmark.formats.embeddings import Set, check_choice, write_card
    from earmark.runtime.archive import Archive
    from earmark.runtime.bulk import Work, decide_all
    from earmark.runtime.embedder import Embedder
    from earmark.runtime.place import Place

    check_choice(per, format)
    folder = _folder_of(output)
    shares = None if shard is None else Shard.parse(shard)
    listing = Listing([os.fspath(each) for each in inputs], files_from, shares, allow_remote)
    opener = _opener(model, per, device, precision)
    work = Work("embed", root=os.fspath(folder), steady=True)
    with contextlib.ExitStack() as stack:
        around = functools.partial(Embedder, per=per)
        embedder, backend = open_both(
            opener,
            lambda: elsewhere(opener, work, processes, ray, stack),
            lambda embedder: sharing(embedder.model, around, work, processes, listing, stack),
            may_share=ray is None and may_be_on_gpu(device),
        )
        card = _card(embedder, model, per, format)
        options: dict[str, Any] = card.model_dump(include={"fingerprint", "arithmetic", "per", "format"})
        run = Archive(
            Place.of("embed", folder, ("csv",)),
            listing,
            options if shard is None else {**options, "shard": shard},
            folder,
            f".{format}",
            overwrite=overwrite,
            retry_failed=retry_failed,
            follow=reporter.counts("embedding"),
        )
        before = _files_of(folder) if overwrite else set()
        account = run.execute(backend or functools.partial(decide_all, embedder, work))
    for message in run.messages:
        reporter.say(message)
    if not account.scored and shard is None:
        raise ConfigError(f"nothing could be embedded: {account.failed[0] if account.failed else 'no recordings'}")
    write_card(folder, card)
    found = Set.open(folder)
    for file in before - {entry.file for entry in found.entries}:
        (folder / file).unlink(missing_ok=True)
    return Embeddings(found, account, run.written, [*listing.notices, *listing.problems])


def _folder_of(output: PathLike) -> Path:
    folder = Path(output)
    if not os.fspath(output):
        raise ConfigError("embeddings are written into a folder: add -o FOLDER")
    if folder.suffix.lower() in _FILES and not folder.is_dir():
        raise ConfigError(f"-o {folder}: embeddings are a file for each recording; give a folder")
    check_folder(folder)
    return folder


def _opener(model: PathLike | None, per: Per, device: str, precision: Precision) -> Callable[[], Embedder]:
    """A function that opens the model, here or in another process."""
    import importlib.util

    from earmark.hub import box, locate

    if importlib.util.find_spec("torch") is None:
        raise MissingExtraError("PyTorch", "torch", "earmark embed (ONNX files give scores alone)")
    directory = box.directory() if model is None else locate(model)
    from earmark.models.embedding import open_embedder

    return functools.partial(open_embedder, directory, per, device=device, precision=precision)


def _card(embedder: Embedder, model: PathLike | None, per: Per, format: Form) -> Any:
    from earmark.formats.embeddings import Card
    from earmark.hub import box

    engine = embedder.model
    return Card(
        model=box.NAME if model is None else os.fspath(model),
        fingerprint=engine.fingerprint(),
        arithmetic=engine.arithmetic,
        values=embedder.values,
        per=per,
        step=str(engine.clock.step),
        rate=engine.rate,
        format=format,
        earmark=__version__,
    )


def _files_of(folder: Path) -> set[str]:
    """Files that a run before wrote; none where there was none."""
    from earmark.errors import DataError
    from earmark.formats.embeddings import Set

    try:
        return {entry.file for entry in Set.open(folder).entries}
    except DataError:
        return set()


@dataclass(frozen=True)
class Similar:
    """What came of `similar`."""

    matches: list[Match]  # the nearest first
    written: list[Path]


def similar(
    query: PathLike,
    sets: Sequence[PathLike],
    output: PathLike | None = None,
    *,
    top: int = 20,
    start: float | None = None,
    end: float | None = None,
    label: str | None = None,
    model: PathLike | None = None,
    formats: Sequence[str] = ("csv",),
    device: str = "auto",
    precision: Precision = "auto",
) -> Similar:
    """The `top` stretches of recordings that are nearest to an example, as events of the label `label`.

    `query` is a sound file, or a recording of the folders of embeddings `sets`; `start` and `end` (seconds) take a
    part of it. A sound file is embedded by the model that made them, for which `model` says where it is now. With
    `output` a table is written that `review` and `clips` open.
    """
    from earmark.formats.embeddings import Set
    from earmark.formats.fields import check_label
    from earmark.formats.outputs import check_output
    from earmark.runtime.similar import check_alike, nearest, query_of, write_matches

    place = None if output is None else Path(output)
    check_output(place, formats)
    label = Path(query).stem if label is None else label
    check_label(label)
    found = [Set.open(Path(each)) for each in sets]
    check_alike(found)
    example = query_of(os.fspath(query), found, start, end)
    if example is None:
        opener = _opener(found[0].card.model if model is None else model, "frame", device, precision)
        example = _embedded_query(Path(query), found[0], opener(), start=start, end=end)
    matches = nearest(found, example, top)
    return Similar(matches, [] if place is None else write_matches(matches, found, label, place, formats))


def _embedded_query(query: Path, found: Set, embedder: Embedder, *, start: float | None, end: float | None) -> Query:
    """A sound file's part by the model of a set. `ConfigError` where the embedder is that of another model."""
    from earmark.runtime.similar import query_of_sound

    if embedder.model.fingerprint() != found.card.fingerprint:
        raise ConfigError(
            f"{found.folder} was made by another model than the one at hand, once called {found.card.model}; name that "
            "one with -m, or embed anew"
        )
    return query_of_sound(embedder, query, start, end, found.card.per)
