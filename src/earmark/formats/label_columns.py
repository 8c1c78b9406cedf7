"""Which column of a label table is which, and whether the table has the times of events.

A table without a header is read as DCASE publishes them: file, label; file, onset, offset, label; file, scene, onset,
offset, label. A title above the header is passed over. A strong table without file names is of the one recording that
it is called after. Times that are the clips' places in longer recordings (DCASE2017's weak lists, UrbanSound8K) are no
times of events. Where no column holds labels, those that hold 0 and 1 are labels themselves (one-hot).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from earmark.errors import DataError, did_you_mean
from earmark.formats.fields import DURATION, FILENAME, LABEL, OFFSET, ONSET, SCORE, is_number, split_labels
from earmark.formats.tables import INDEX, LIST_COLUMNS, Rows, Table, misspelt, normalised

SPLITS = ("split", "fold", "subset", "partition", "set")
STRONG = ("filename", "onset", "offset", "event_label")
SCENE = ("filename", "scene_label", "onset", "offset", "event_label")
WEAK = ("filename", "event_labels")
IN_SOURCE = ("fsid", "slice_file_name")  # columns of UrbanSound8K, whose times are places in the source recording
TITLES = 10  # rows that may stand above the header

_NAMED = re.compile(r"\.[A-Za-z]\w{0,4}$|^Y?[\w-]{11}_\d+\.\d{3}_\d+\.\d{3}$", re.ASCII)
_HEARD = {
    **dict.fromkeys(("1", "1.0", "true", "yes", "y", "x"), True),
    **dict.fromkeys(("0", "0.0", "false", "no", "n", ""), False),
}
_MILLISECONDS = re.compile(r"[_ ]?[(\[]?(ms|msec|milliseconds)[)\]]?$")
_WORDS = frozenset(
    {*FILENAME, *LABEL, *LIST_COLUMNS, *ONSET, *OFFSET, "duration"}
    | {f"{word}_ms" for word in ("onset", "start", "offset", "end")}
)


@dataclass(frozen=True)
class Columns:
    """The columns of a table by what they hold; None where there is none."""

    strong: bool
    name: str | None
    listed: str | None  # several labels a cell
    single: str | None  # one label a cell
    onset: str | None = None
    end: str | None = None  # offset, or duration
    is_duration: bool = False
    unit: float = 1.0  # of times, in seconds
    score: str | None = None
    split: str | None = None
    unused: tuple[str, ...] = ()
    hot: tuple[str, ...] = ()  # columns that are labels: 1 where the label is heard, 0 where not


def choose_columns(table: Table, known: Collection[str], divided: bool, strong: bool | None = None) -> Columns:
    """Recognise the columns. `divided`: cells hold several labels whatever their column is called; `strong` says what
    the table is to be read as. `DataError` for a table without a column of file names or labels.
    """
    onset, unit = _time_column(table, ONSET)
    offset, _ = _time_column(table, OFFSET)
    length = None if offset is not None else _time_column(table, DURATION)[0]
    listed, name = table.find(*LIST_COLUMNS), table.find(*FILENAME)
    single = table.find(*(column for column in LABEL if table.find(column) not in (None, name)))
    hot = () if listed or single else _hot_columns(table, {name, onset, offset, length, table.find(*SPLITS), INDEX})
    timed = onset is not None and (offset or length) is not None and (single is not None or bool(hot))
    if name is None and (not timed or did_you_mean("filename", table.columns)):
        column_of(table, FILENAME[0], "file")
    if strong and not timed:
        table.column("onset" if onset is None else "offset" if (offset or length) is None else LABEL[0])
    if listed is None and single is None and not hot:
        column_of(table, "event_labels", "label")
    is_strong = timed if strong is None else strong
    if strong is None and timed and _are_places(table, name, onset or "", offset):
        is_strong = False
    if not is_strong and listed is not None and not divided and _is_row_a_label(table, name or "", listed, known):
        single, listed = listed, None
    score, split = (table.find(*SCORE) if is_strong else None), table.find(*SPLITS)
    used = {name, split, INDEX, score, *((onset, offset, length) if timed else ())}
    used |= {single} if is_strong else {listed or single}
    used |= set(hot)
    unused = tuple(column for column in table.columns if column not in used)
    return Columns(
        is_strong, name, listed, single, onset, offset or length, length is not None, unit, score, split, unused, hot
    )


def _hot_columns(table: Table, others: set[str | None]) -> tuple[str, ...]:
    """Columns most of whose cells are 0 or 1, or words for these."""
    found = []
    for column in table.columns:
        cells = [cell for _, row in table.rows if (cell := row[column].strip())]
        if column in others or not column.strip():
            continue
        if sum(is_heard(cell) is not None for cell in cells) > len(cells) / 2:
            found.append(column)
    return tuple(found)


def is_heard(cell: str) -> bool | None:
    """What a cell of a one-hot column says; None for one that says something else.

    >>> is_heard("1.0"), is_heard("x"), is_heard("FALSE"), is_heard(""), is_heard("2")
    (True, True, False, False, None)
    """
    return _HEARD.get(cell.strip().casefold())


def with_columns(rows: Rows, bare: tuple[str, ...] = WEAK) -> Table:
    """With its header, after any title, or with the columns that DCASE's tables without a header have.

    `bare` are those of a table without times; a list of names alone is one of recordings without events.
    `DataError` where a file is no such table.
    """
    first = rows.cells[0][1]
    for place, (_, cells) in enumerate(rows.cells[:TITLES]):
        words = {normalised(cell.strip('"')) for cell in cells} & _WORDS
        if words and not _is_data(cells) and (place == 0 or len(words) > 1):
            return Rows(rows.path, rows.delimiter, rows.cells[place:]).with_header()
        if _is_data(cells) and place == 0:
            break
    timed = next((cells for _, cells in rows.cells if len(cells) > 3), None)
    if timed is not None and is_number(timed[1] or "0") and is_number(timed[2] or "0"):
        return rows.with_columns(_padded(STRONG, rows))
    if timed is not None and len(timed) > 4 and is_number(timed[2]) and is_number(timed[3]):
        return rows.with_columns(_padded(SCENE, rows))
    if timed is None and _is_data(first):
        return rows.with_columns(_padded(STRONG if max(len(cells) for _, cells in rows.cells) == 1 else bare, rows))
    guess = next((g for cell in first for g in [did_you_mean(cell, STRONG)] if g), "")
    if guess:
        return rows.with_header()
    raise DataError(
        f"{rows.path}, line {rows.cells[0][0]}: neither a header ({', '.join(STRONG)}) nor a row of such a table"
    )


def _is_data(cells: Sequence[str]) -> bool:
    """Whether a row is of a recording: it begins with a file name."""
    return _NAMED.search(cells[0].strip().strip('"').strip()) is not None


def _padded(columns: tuple[str, ...], rows: Rows) -> tuple[str, ...]:
    width = max(len(cells) for _, cells in rows.cells)
    return (*columns, *(f"column {number}" for number in range(len(columns) + 1, width + 1)))


def _is_row_a_label(table: Table, name: str, listed: str, known: Collection[str]) -> bool:
    """Whether a column named like a list holds one label a row, the recordings coming again."""
    names = [row[name].strip() for _, row in table.rows]
    return len(set(names)) < len(names) and all(len(split_labels(row[listed], known)) <= 1 for _, row in table.rows)


def _are_places(table: Table, name: str | None, onset: str, offset: str | None) -> bool:
    """Whether the times are the clips' places in longer recordings, or fill a tag file of DCASE2017."""
    if any(table.find(column) for column in IN_SOURCE):
        return True
    if name is None or offset is None:
        return False
    rows = [(row[name].strip(), row[onset].strip(), row[offset].strip()) for _, row in table.rows]
    repeats = sum(name.rsplit(".", 1)[0].endswith(f"_{begin}_{end}") for name, begin, end in rows)
    filled = [(begin, end) == ("0.0", "10.0") for _, begin, end in rows if begin]
    headless = bool(rows) and table.rows[0][0] == 1 and table.columns[: len(STRONG)] == STRONG
    return repeats > len(rows) / 2 or (headless and bool(filled) and all(filled))


def column_of(table: Table, *names: str) -> str:
    """The first of these columns. `DataError` that names two of them and guesses at misspelt ones."""
    found = table.find(*names)
    if found is None:
        columns = ", ".join(table.columns)
        wanted = " or ".join(map(repr, names[:2]))
        raise DataError(f"{table.path}: no column {wanted} among {columns}{misspelt(names, table.columns)}")
    return found


def _time_column(table: Table, names: tuple[str, ...]) -> tuple[str | None, float]:
    """The column of a time, and how many seconds its unit is."""
    if (found := table.find(*names)) is not None:
        return found, 1.0
    for column in table.columns:
        bare = _MILLISECONDS.sub("", normalised(column)).rstrip("_")
        if bare != normalised(column) and bare in names:
            return column, 0.001
    return None, 1.0
