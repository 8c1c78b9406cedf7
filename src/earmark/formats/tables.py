"""Tables of text, read as people really save them and written so that they read back.

Reading copes with whatever `text.py` does, and with a delimiter that the extension promises (`.csv` comma, anything
else tab) unless the first lines clearly use another: a tab anywhere wins, since names hold commas and spaces but hardly
ever tabs. Excel's line `sep=;` says it outright; comments (`# made by me`) above the table are passed over, and so is
the nameless index column that pandas writes first.

`read_rows`     a file -> rows of cells, nothing said about a header
`read_table`    a file whose first row is a header -> `Table`: cells by column name, rows with line numbers
`write_table`   the inverse; cells that need quotes get them

Cells keep their spaces: whether `"siren "` is a slip is for the reader of labels to say. Blank lines are
skipped; a row may be shorter than the header (the rest is empty), never longer.
"""

from __future__ import annotations

import csv
import difflib
import io
import itertools
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from earmark.errors import DataError
from earmark.formats import parquet
from earmark.formats.fields import FILENAME
from earmark.formats.text import Source, is_text, open_text, path_of, read_text

LIST_COLUMNS = (
    "event_labels",
    "labels",
    "tags",
    "classes",
)  # a cell holds several names, each perhaps quoted

INDEX = "Unnamed: 0"  # the index column of a data frame, as pandas itself calls it when it reads one
_NAMES = frozenset({*FILENAME, "begin_path", "begin_file"})
JOINED = 20  # lines that one row of a tab table may take, its quoted names holding line breaks

_SEP = re.compile(r'"?sep=(.)"?', re.IGNORECASE)
_QUOTED = re.compile(r'"(?:[^"]|"")*"', re.DOTALL)
_LONE_NAME = re.compile(r"(?!.*\.\w+[,;])[^\"]*\.(wav|flac|ogg|opus|mp3|m4a|aif|aiff)", re.IGNORECASE)  # ";a.wav" alone


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
        if len(columns) > 1 and not columns[0] and INDEX not in columns:
            columns[0] = INDEX
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
                f"{misspelt(names[:1], self.columns)}"
            )
        return found

    def where(self, line: int) -> str:
        """`file, line n`: the beginning of every message about a row."""
        return f"{self.path}, line {line}"


def read_table(source: Source, columns: Sequence[str] | None = None) -> Table:
    """Read a CSV or TSV; `columns` names the columns of a file without a header.

    `DataError` when the file is missing, empty, no text, or a row does not fit its header.
    """
    rows = read_rows(source)
    return rows.with_header() if columns is None else rows.with_columns(columns)


def read_rows(source: Source) -> Rows:
    """Read a CSV or TSV without judging whether it begins with a header; at least one row."""
    path = path_of(source)
    if path.suffix.lower() == parquet.SUFFIX:
        text, begins, delimiter = parquet.as_csv(path), 0, ","  # whatever was read of it as text is none
    else:
        text = read_text(source, names=True)
        begins, stated = _preamble(text)
        delimiter = stated or sniff_delimiter(path.suffix, text[begins:])
    skipped = len(re.findall(r"\r\n|\r|\n", text[:begins]))
    lines = io.StringIO(text[begins:], newline="")  # ends lines at \r and \n alone, not at rarer separators in names
    cells = _tab_rows(list(lines)) if delimiter == "\t" else _quoted_rows(path, lines, delimiter)
    if not cells:
        raise DataError(f"{path}: the file is empty")
    _check_text(path, cells, skipped)
    return Rows(path, delimiter, [(line + skipped, row) for line, row in cells])


def _check_text(path: Path, cells: list[tuple[int, list[str]]], skipped: int) -> None:
    """`DataError` for a row that is not UTF-8 elsewhere than in the name of its file."""
    header = [normalised(cell.strip('"')) for cell in cells[0][1]]
    of_names = {place for place, column in enumerate(header) if column in _NAMES} or {0}
    for line, row in cells:
        if not all(is_text(cell) for place, cell in enumerate(row) if place not in of_names):
            raise DataError(f"{path}, line {line + skipped}: not UTF-8 text; save the file as UTF-8")


def _preamble(text: str) -> tuple[int, str | None]:
    """Where the table begins, after comments and Excel's `sep=;`, and the delimiter where that line names it."""
    begins, delimiter = 0, None
    for match in re.finditer(r"[^\r\n]*(?:\r\n|\r|\n)", text):
        line = match[0].strip()
        if stated := _SEP.fullmatch(line):
            delimiter = stated[1]
        elif line and not _is_comment(line):
            break
        begins = match.end()
    return begins, delimiter


def _is_comment(line: str) -> bool:
    """Whether a line says nothing: it begins with `#`, and not as a file name or a header would."""
    first = re.split(r"[\t,;]", line)[0]
    return line.startswith("#") and not re.search(r"\.\w{1,5}$", first) and len(re.split(r"[\t,;]", line)) < 3


def misspelt(wanted: Sequence[str], columns: Sequence[str]) -> str:
    """A guess which of the columns there are should be one that is wanted; empty where none is like it.

    >>> misspelt(["event_labels"], ["filename", "event_labls"])
    "; should 'event_labls' be 'event_labels'?"
    """
    for name in wanted:
        if close := difflib.get_close_matches(name, columns, 1):
            return f"; should {close[0]!r} be {name!r}?"
    return ""


def sniff_delimiter(suffix: str, text: str) -> str:
    r"""The delimiter of a table: what its extension promises unless the first lines clearly use another.

    >>> sniff_delimiter(".csv", "filename,onset"), sniff_delimiter(".csv", "a.wav\t0\t1\tAir horn, truck horn")
    (',', '\t')
    """
    head = [line for line in re.split(r"[\r\n]+", text[:65536]) if line.strip()][:20]
    if "\t" in _QUOTED.sub("", "\n".join(head)):  # a quoted name in a comma separated table may hold one
        return "\t"
    for line in head[:3]:  # a title above the header holds neither
        for delimiter in (",", ";"):
            if delimiter in line and not _LONE_NAME.fullmatch(line):
                return delimiter
    return "," if suffix.lower() == ".csv" else "\t"


def write_table(path: str | os.PathLike[str], columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write a table, comma separated if the file is named `.csv`, else tab separated; whole or not at all."""
    delimiter = "," if Path(path).suffix.lower() == ".csv" else "\t"
    with open_text(path) as file:
        for row in itertools.chain([columns], rows):  # one at a time: there may be millions
            file.write(encode_row(row, delimiter))


def encode_row(cells: Iterable[str], delimiter: str) -> str:
    r"""A row as it is written.

    >>> encode_row(["a, b.wav", "dog"], ",")
    '"a, b.wav",dog\n'
    """
    return delimiter.join(encode_cell(cell, delimiter) for cell in cells) + "\n"


def encode_cell(text: str, delimiter: str) -> str:
    """A cell as it is written: in quotes (doubled within) where it would not read back without them."""
    bare = not any(mark in text for mark in (delimiter, "\t", '"', "\r", "\n"))
    if bare and (delimiter == "\t" or text == text.strip()):
        return text
    return '"' + text.replace('"', '""') + '"'


def normalised(name: str) -> str:
    """A column name without regard to case, spaces and hyphens.

    >>> normalised(" Event-Label ")
    'event_label'
    """
    return re.sub(r"[\s-]+", "_", name.strip().casefold())


def _tab_rows(lines: list[str]) -> list[tuple[int, list[str]]]:
    """Rows of a tab table. A lone quotation mark is a letter like any other; a quoted name that holds tabs or line
    breaks is put together again where that gives the row the header's number of cells.
    """
    rows: list[tuple[int, list[str]]] = []
    number, width = 0, 0
    while number < len(lines):
        cells, taken = lines[number].rstrip("\r\n").split("\t"), 1
        opened = [cell.startswith('"') and not _QUOTED.fullmatch(cell) for cell in cells]
        if width and (opened[0] or (any(opened) and len(cells) != width)):
            cells, taken = _joined(lines[number : number + JOINED], width) or (cells, 1)
        if any(cell.strip() for cell in cells):
            width = width or len(cells)
            rows.append((number + 1, cells))
        number += taken
    return rows


def _joined(lines: list[str], width: int) -> tuple[list[str], int] | None:
    """The cells of a row whose quoted cells hold tabs or line breaks, and the lines it takes; None: it is none."""
    for count in range(1, len(lines) + 1):
        text = "".join(lines[:count]).rstrip("\r\n")
        cells = re.findall(r'(?:^|(?<=\t))("(?:[^"]|"")*"(?=\t|$)|[^\t]*)(?:\t|$)', text)
        cells = cells[:-1] if len(cells) > 1 and not cells[-1] and not text.endswith("\t") else cells
        marked = [cell for cell in cells if "\t" in cell or "\n" in cell or "\r" in cell]
        if len(cells) == width and marked and all(_QUOTED.fullmatch(cell) for cell in marked):
            return cells, count
    return None


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
