"""Embeddings of recordings on disk: what `earmark embed` writes, and what reads it.

    OUT/embeddings.json      `Card`: which model, which of its values, per what, in which format
    OUT/embeddings.csv       filename,file,vectors,duration: a row a recording, in the order of the inputs
    OUT/street/a.npz         of one recording: recording (text), start (n,), end (n,) in seconds, vector (n, values)
                             as float32; or a.parquet with these columns, a row a vector

Both are read without earmark: `numpy.load("a.npz")`, `pandas.read_parquet("OUT/street/a.parquet")`. Nothing is pickled.

`Set` reads a folder, one recording at a time, so that memory does not grow with their number.
"""

from __future__ import annotations

import csv
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field

from earmark.arrays import FloatArray
from earmark.errors import ConfigError, DataError, did_you_mean
from earmark.files import read_json, write_aside, write_text
from earmark.formats import parquet
from earmark.formats.encoding import Encoding
from earmark.formats.tables import encode_row
from earmark.options import Options

CARD, TABLE = "embeddings.json", "embeddings.csv"
HEADER = ("filename", "file", "vectors", "duration")
Per = Literal["frame", "second", "clip"]
Form = Literal["npz", "parquet"]
PERS: tuple[Per, ...] = ("frame", "second", "clip")
FORMS: tuple[Form, ...] = ("npz", "parquet")
Times = npt.NDArray[np.float64]


class Card(Options):
    """What a folder of embeddings says of itself: the content of embeddings.json."""

    format_version: Literal[1] = 1
    model: str = ""  # as it was named: a directory, "panns/cnn14"
    fingerprint: str  # of the model's options and weights
    arithmetic: str = ""  # where and in which precision it was computed
    vector: str = "output of the encoder, which is the input of the pooling"
    values: int = Field(gt=0)  # of a vector
    per: Per = "frame"  # what a vector stands for
    step: str = ""  # seconds a frame of the model lasts, exact: "12/25"
    rate: int = Field(gt=0)  # Hz, of the sound that the model takes
    format: Form = "npz"
    earmark: str = ""  # the version that wrote it


class Vectors(NamedTuple):
    """Embeddings of one recording."""

    recording: str
    start: Times  # (n,) seconds
    end: Times
    vectors: FloatArray  # (n, values)


@dataclass(frozen=True, eq=False)
class Embedded:
    """What became of one recording."""

    found: Vectors
    duration: float  # seconds
    actions: tuple[str, ...] = ()  # what was done to the audio
    problem: str | None = None  # a part of it could not be read


def _row(recording: str, items: Any, rate: float | None) -> str:
    """The row of a recording; its one item is (vectors, duration, file, None)."""
    ((count, duration, file, _),) = items
    return encode_row((recording, file, f"{count:.0f}", f"{duration:.6f}"), ",")


ENCODING = Encoding[Any](".csv", _row, encode_row(HEADER, ","))  # of the table


def check_choice(per: str, form: str) -> None:
    """`ConfigError` for an unknown unit or format, `MissingExtraError` where the format's library is missing."""
    for option, value, known in (("--per", per, PERS), ("--format", form, FORMS)):
        if value not in known:
            raise ConfigError(f"{option} {value}: unknown{did_you_mean(value, known)}; choose from {', '.join(known)}")
    if form == "parquet":
        parquet.require()


def write_vectors(path: Path, found: Vectors) -> None:
    """Write the embeddings of one recording, whole or not at all; the extension says in which format."""
    if path.suffix == parquet.SUFFIX:
        _write_parquet(path, found)
        return
    with write_aside(path) as aside, open(aside, "wb") as file:  # a name without .npz, which numpy would add
        np.savez(file, recording=np.array(found.recording), start=found.start, end=found.end, vector=found.vectors)


def _write_parquet(path: Path, found: Vectors) -> None:
    arrow = parquet.require()
    values = found.vectors.shape[1]
    table = arrow.table(
        {
            "recording": arrow.array([found.recording.encode("utf-8", "backslashreplace").decode()] * len(found.start)),
            "start": arrow.array(found.start),
            "end": arrow.array(found.end),
            "vector": arrow.FixedSizeListArray.from_arrays(arrow.array(found.vectors.ravel()), values),
        }
    )
    with write_aside(path) as aside:
        arrow.parquet.write_table(table, aside, compression="zstd")


def read_vectors(path: Path) -> Vectors:
    """The embeddings of one recording. `DataError` where the file is missing, damaged or something else."""
    try:
        if path.suffix == parquet.SUFFIX:
            return _read_parquet(path)
        with np.load(path, allow_pickle=False) as file:
            found = Vectors(str(file["recording"]), file["start"], file["end"], file["vector"])
    except FileNotFoundError:
        raise DataError(f"{path} is missing; {TABLE} names it: run 'earmark embed' again") from None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: holds no embeddings, or is damaged ({' '.join(str(error).split())[:120]})") from error
    return _checked(path, found)


def _read_parquet(path: Path) -> Vectors:
    arrow = parquet.require()
    if not path.is_file():
        raise FileNotFoundError(path)
    try:
        table = arrow.parquet.read_table(path).combine_chunks()
        vector = table["vector"].combine_chunks()
        values = np.asarray(vector.flatten(), np.float32).reshape(len(table), vector.type.list_size)
        names = table["recording"]
        start, end = (np.asarray(table[name], np.float64) for name in ("start", "end"))
        found = Vectors(names[0].as_py() if len(names) else "", start, end, values)
    except (arrow.ArrowException, AttributeError, TypeError) as error:
        raise ValueError(str(error)) from error
    return _checked(path, found)


def _checked(path: Path, found: Vectors) -> Vectors:
    count = len(found.vectors) if found.vectors.ndim == 2 else -1
    fits = found.vectors.dtype == np.float32 and found.start.shape == found.end.shape == (count,)
    if not fits:
        raise DataError(f"{path}: holds no embeddings: expected start (n,), end (n,) and vector (n, values) in float32")
    return found


class Entry(NamedTuple):
    """A row of the table."""

    recording: str
    file: str
    vectors: int  # how many
    duration: float  # seconds


@dataclass(frozen=True)
class Set:
    """A folder of embeddings, read when it is asked for."""

    folder: Path
    card: Card
    entries: tuple[Entry, ...] = field(repr=False)

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Read what a folder holds, except the vectors. `DataError` where it is no such folder."""
        path = folder / CARD
        if not path.is_file():
            raise DataError(
                f"{folder}: holds no embeddings ({CARD} is missing); expected what 'earmark embed -o' wrote"
            )
        try:
            card = Card.parse(read_json(path), str(path))
        except (ValueError, ConfigError) as error:
            raise DataError(f"{path}: is damaged, or of a later version ({error})") from error
        return cls(folder, card, tuple(_entries(folder / TABLE)))

    def read(self, entry: Entry) -> Vectors:
        """The vectors of a recording, under the name that the table has. `DataError`."""
        path = self.folder / entry.file
        found = read_vectors(path)
        if found.vectors.shape[1] != self.card.values:
            raise DataError(
                f"{path}: its vectors have {found.vectors.shape[1]} values, those of {CARD} {self.card.values}"
            )
        return found._replace(recording=entry.recording)

    def __iter__(self) -> Iterator[Vectors]:
        """The recordings in their order, one at a time."""
        return map(self.read, self.entries)

    def __len__(self) -> int:
        return len(self.entries)


def _entries(path: Path) -> Iterator[Entry]:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape", newline="") as file:
            for line, row in enumerate(csv.DictReader(file), 2):
                try:
                    recording, name, count, duration = (row[column] for column in HEADER)
                    entry = Entry(recording, name, int(count), float(duration))
                except (KeyError, ValueError, TypeError):
                    raise DataError(f"{path}, line {line}: expected {','.join(HEADER)}") from None
                if Path(name).is_absolute() or ".." in Path(name).parts:
                    raise DataError(f"{path}, line {line}: {name} is outside the folder")
                yield entry
    except FileNotFoundError:
        raise DataError(
            f"{path} is missing: 'earmark embed' was stopped before it wrote anything; run it again"
        ) from None
    except (OSError, csv.Error) as error:
        raise DataError(f"{path}: cannot be read ({error})") from error


def write_card(folder: Path, card: Card) -> None:
    """Write embeddings.json."""
    write_text(folder / CARD, card.model_dump_json(indent=2) + "\n")
