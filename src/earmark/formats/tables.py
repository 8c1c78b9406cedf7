"""Tables of text, read as people really save them and written so that they read back.

Reading copes with UTF-8 with or without a byte-order mark, UTF-16 with one (spreadsheets' "Unicode text"),
any line ending, and a delimiter that the extension promises (`.csv` comma, anything else tab) unless the
first lines clearly use another: a tab anywhere wins, since names hold commas and spaces but hardly ever
tabs.

`read_rows`     a file -> rows of cells, whether there is a header or not
`read_table`    a file whose first row is a header -> `Table`: cells by column name, rows with line numbers
`write_table`   the inverse; cells that need quotes get them

Cells keep their spaces: whether `"siren "` is a slip is for the reader of labels to say. Blank lines are
skipped; a row may be shorter than the header (the rest is empty), never longer.
"""

from __future__ import annotations

import csv
import io
import itertools
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from earmark.errors import DataError, did_you_mean
from earmark.files import write_aside

LIST_COLUMNS = (
    "event_labels",
    "labels",
    "tags",
    "classes",
)  # a cell holds several names, each perhaps quoted

NAME_COLUMNS = ("filename", "file", "audio_filename", "file_name", "audio", "recording", "path")
_NOT_UTF8 = re.compile("[\ud800-\udfff]")
_QUOTED = re.compile(r'"(?:[^"]|"")*"', re.DOTALL)


@dataclass(frozen=True)
class Rows:
    """The cells of a file as they stand, each row with the number of the line it begins on."""

    path: Path
    delimiter: str
    cells: list[tuple[int, list[str]]]

    def with_header(self) -> Table:
        """Take the first row as the header."""
        line, header = self.cells[0]
        quoted = all(_QUOTED.fullmatch(cell) for cell in header)  # as R writes: then lists are quoted once more
        columns = [_unquote(cell).strip() for cell in header]
        while columns and not columns[-1]:
            columns.pop()
        twice = sorted({name for name in columns if columns.count(name) > 1})
        if twice or not all(columns):
            fault = f"column {twice[0]!r} appears twice" if twice else "a column has no name"
            raise DataError(f"{self.path}, line {line}: {fault}")
        return self._table(columns, self.cells[1:], quoted)

    def with_columns(self, columns: Sequence[str]) -> Table:
        """Name the columns of a file that has no header."""
        return self._table(list(columns), self.cells, False)

    def _table(self, columns: list[str], cells: list[tuple[int, list[str]]], quoted: bool) -> Table:
        lists = [self.delimiter == "\t" and not quoted and normalised(c) in LIST_COLUMNS for c in columns]
        rows = []
        for line, row in cells:
            if any(cell.strip() for cell in row[len(columns) :]):
                raise DataError(
                    f"{self.path}, line {line}: {len(row)} fields, but {len(columns)} columns"
                    f" ({', '.join(columns)}); is a value that contains the delimiter missing its quotes?"
                )
            full = row + [""] * (len(columns) - len(row))
            if self.delimiter == "\t":
                full = [_unquote(c, of_list) for c, of_list in zip(full, lists, strict=False)]
            rows.append((line, dict(zip(columns, full, strict=False))))
        return Table(self.path, tuple(columns), rows)


@dataclass(frozen=True)
class Table:
    """A table with named columns: `rows` are (line number, {column: cell})."""

    path: Path
    columns: tuple[str, ...]
    rows: list[tuple[int, dict[str, str]]]

    def find(self, *names: str) -> str | None:
        """The table's spelling of the first of these columns that it has; case, spaces, hyphens are one."""
        own = {normalised(column): column for column in self.columns}
        return next((own[normalised(name)] for name in names if normalised(name) in own), None)

    def column(self, *names: str) -> str:
        """Like `find`, but `DataError` (with a guess) for the first name when there is none."""
        found = self.find(*names)
        if found is None:
            raise DataError(
                f"{self.path}: no column {names[0]!r} among {', '.join(self.columns)}"
                f"{did_you_mean(names[0], self.columns)}"
            )
        return found

    def where(self, line: int) -> str:
        """`file, line n`: the beginning of every message about a row."""
        return f"{self.path}, line {line}"


def read_table(path: str | os.PathLike[str], columns: Sequence[str] | None = None) -> Table:
    """Read a CSV or TSV; `columns` names the columns of a file without a header.

    `DataError` when the file is missing, empty, no text, or a row does not fit its header.
    """
    rows = read_rows(path)
    return rows.with_header() if columns is None else rows.with_columns(columns)


def read_rows(path: str | os.PathLike[str]) -> Rows:
    """Read a CSV or TSV without judging whether it begins with a header; at least one row."""
    path = Path(path)
    text = read_text(path, names=True)
    delimiter = sniff_delimiter(path.suffix, text)
    lines = io.StringIO(text, newline="")  # ends lines at \r and \n alone, not at rarer separators within names
    if delimiter == "\t":
        # No quoting across fields: in tab tables a lone quotation mark is a letter like any other.
        cells = [(n, line.rstrip("\r\n").split("\t")) for n, line in enumerate(lines, 1) if line.strip()]
    else:
        cells = _quoted_rows(path, lines, delimiter)
    if not cells:
        raise DataError(f"{path}: the file is empty")
    _check_text(path, cells)
    return Rows(path, delimiter, cells)


def read_text(path: str | os.PathLike[str], names: bool = False) -> str:
    """The whole text of a UTF-8 file (UTF-16 if it has that byte-order mark), or `DataError`.

    With `names` the text may hold file names, whose bytes need not be UTF-8: they are read as Python reads them from
    the disk (lone surrogates), and whether they stand where a name may is for the caller to say.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error
    if data.startswith(b"PK\x03\x04"):
        raise DataError(f"{path}: a spreadsheet or zip file, not text; save it as CSV")
    encoding = "utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    try:
        return data.decode(encoding, "surrogateescape" if names and encoding != "utf-16" else "strict")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DataError(f"{path}, line {line}: not UTF-8 text; save the file as UTF-8") from error


def _check_text(path: Path, cells: list[tuple[int, list[str]]]) -> None:
    """`DataError` for a row that is not UTF-8 elsewhere than in the name of its file."""
    header = [normalised(cell.strip('"')) for cell in cells[0][1]]
    of_names = {place for place, column in enumerate(header) if column in NAME_COLUMNS} or {0}
    for line, row in cells:
        if any(_NOT_UTF8.search(cell) for place, cell in enumerate(row) if place not in of_names):
            raise DataError(f"{path}, line {line}: not UTF-8 text; save the file as UTF-8")


def sniff_delimiter(suffix: str, text: str) -> str:
    r"""The delimiter of a table: what its extension promises unless the first lines clearly use another.

    >>> sniff_delimiter(".csv", "filename,onset"), sniff_delimiter(".csv", "a.wav\t0\t1\tAir horn, truck horn")
    (',', '\t')
    """
    head = [line for line in re.split(r"[\r\n]+", text[:65536]) if line.strip()][:20]
    if any("\t" in line for line in head):
        return "\t"
    first = head[0] if head else ""
    for delimiter in (",", ";"):
        if delimiter in first:
            return delimiter
    return "," if suffix.lower() == ".csv" else "\t"


def write_table(path: str | os.PathLike[str], columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write a table, comma separated if the file is named `.csv`, else tab separated; whole or not at all."""
    delimiter = "," if Path(path).suffix.lower() == ".csv" else "\t"
    with (
        write_aside(path) as temporary,
        open(temporary, "w", encoding="utf-8", errors="surrogateescape", newline="\n") as file,
    ):
        for row in itertools.chain([columns], rows):  # one at a time: there may be millions
            file.write(delimiter.join(encode_cell(cell, delimiter) for cell in row) + "\n")


def encode_cell(text: str, delimiter: str) -> str:
    """A cell as it is written: in quotes (doubled within) where it would not read back without them."""
    bare = not any(mark in text for mark in (delimiter, '"', "\r", "\n"))
    if bare and (delimiter == "\t" or text == text.strip()):
        return text
    return '"' + text.replace('"', '""') + '"'


def normalised(name: str) -> str:
    """A column name without regard to case, spaces and hyphens.

    >>> normalised(" Event-Label ")
    'event_label'
    """
    return re.sub(r"[\s-]+", "_", name.strip().casefold())


def _quoted_rows(path: Path, lines: io.StringIO, delimiter: str) -> list[tuple[int, list[str]]]:
    reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=True, strict=True)
    rows: list[tuple[int, list[str]]] = []
    begins = 1
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                rows.append((begins, row))
            begins = reader.line_num + 1
    except csv.Error as error:
        raise DataError(f"{path}, line {begins}: broken quotes or fields ({error})") from error
    return rows


def _unquote(cell: str, holds_list: bool = False) -> str:
    """A cell of a tab table without its outer quotes.

    In a column of lists the quotes may instead belong to a name (`"Air horn, truck horn"`); they are the
    cell's own only if names within are quoted in turn, and so doubled.
    """
    if not _QUOTED.fullmatch(cell):
        return cell
    inner = cell[1:-1]
    if holds_list and not (inner.startswith('""') or ',""' in inner or '"",' in inner):
        return cell
    return inner.replace('""', '"')
