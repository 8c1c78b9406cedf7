"""Label files: every form, and what programs and people do to tables.

A case has a form, a change, and a door: `labels` (what `score` reads), `events`, or `manifest` (what `train`, `doctor`
and `evaluate` read, with the recordings beside it). A change that leaves the meaning as it was says how many labels
there are, and fewer may be read only if that is said. Of damaged bytes nothing follows.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import soundfile

from benchmarks.odd.case import Made, Read
from earmark.data.manifest import read_manifest
from earmark.events import Event
from earmark.formats import read_events, write_events
from earmark.formats.registry import read_labels

NAMES = ("rec_a.wav", "rec b.wav", "ünï.wav", "d.wav")
LABELS = ("dog", "cat", "Air horn, truck horn", "bird")
SECONDS = 5.0
Rows = list[list[str]]
DOORS = ("labels", "manifest")
ODD_CELLS = (
    *("", " ", "nan", "NA", "None", "-1", "1e400", "1e308", "inf", "0x10", "1_000", "1,5", "12:30", "=1+1", "\x00"),
    *('"', "'", "\\", "a" * 70_000, "\U0001f436", "\x1b[31m", "['dog', 'cat']", "dog;cat", "0", "True", "../../x.wav"),
    *("C:\\x\\rec_a.wav", "http://x/y.wav", "٣", "１", "1e-400", "\ufeff", "rec_a.wav", "2024-01-01", "dog\ncat"),
    "\u202e",
)


@dataclass(frozen=True)
class Table:
    """Rows of a delimited table, still to be written."""

    rows: Rows
    delimiter: str = ","
    header: bool = True
    bare: bool = False  # its format has no quotes: cells are written as they are

    def encode(self) -> bytes:
        """The file."""
        text = io.StringIO()
        if self.bare:
            text.writelines(self.delimiter.join(row) + "\n" for row in self.rows)
        else:
            csv.writer(text, delimiter=self.delimiter, lineterminator="\n").writerows(self.rows)
        return text.getvalue().encode("utf-8", "surrogatepass")


def _events(rng: np.random.Generator) -> dict[str, list[Event]]:
    found: dict[str, list[Event]] = {}
    for name in NAMES:
        onsets = np.sort(rng.uniform(0, SECONDS - 1, int(rng.integers(1, 4))))
        labels = rng.permutation(len(LABELS))
        found[name] = [
            Event(round(float(onset), 3), round(float(onset) + 0.5, 3), LABELS[label], None)
            for onset, label in zip(onsets, labels, strict=False)
        ]
    return found


def _strong(events: dict[str, list[Event]], delimiter: str, header: bool) -> Table:
    rows = [[name, f"{e.onset:g}", f"{e.offset:g}", e.label] for name, found in events.items() for e in found]
    first = [["filename", "onset", "offset", "event_label"]] if header else []
    return Table(first + rows, delimiter, header)


def _weak_rows(events: dict[str, list[Event]]) -> Table:
    rows = [[name, e.label] for name, found in events.items() for e in found]
    return Table([["filename", "label"], *rows])


def _weak_list(events: dict[str, list[Event]], delimiter: str) -> Table:
    from earmark.formats.fields import join_labels

    rows = [[name, join_labels(e.label for e in found)] for name, found in events.items()]
    return Table([["filename", "event_labels"], *rows], delimiter)


def _one_hot(events: dict[str, list[Event]]) -> Table:
    heard = {name: {event.label for event in found} for name, found in events.items()}
    rows = [[name, *(str(int(label in labels)) for label in LABELS)] for name, labels in heard.items()]
    return Table([["filename", *LABELS], *rows])


def _raven(events: dict[str, list[Event]]) -> Table:
    columns = ["Selection", "View", "Channel", "Begin Time (s)", "End Time (s)", "Begin Path", "File Offset (s)"]
    columns.append("Annotation")
    rows = [
        [str(number), "Spectrogram 1", "1", f"{e.onset:g}", f"{e.offset:g}", name, f"{e.onset:g}", e.label]
        for number, (name, e) in enumerate(((n, e) for n, found in events.items() for e in found), 1)
    ]
    return Table([columns, *rows], "\t", bare=True)


def _birdnet(events: dict[str, list[Event]]) -> Table:
    columns = ["Start (s)", "End (s)", "Scientific name", "Common name", "Confidence", "File"]
    rows = [[f"{e.onset:g}", f"{e.offset:g}", "X y", e.label, "0.5", n] for n, found in events.items() for e in found]
    return Table([columns, *rows])


def _audioset(events: dict[str, list[Event]]) -> bytes:
    lines = ["# Segments csv created", "# num_ytids=2", "# YTID, start_seconds, end_seconds, positive_labels"]
    mids = ("/m/09x0r", "/m/0bt9lr", "/m/01yrx", "/m/015p6")
    for number, found in enumerate(events.values()):
        listed = ",".join(mids[number % 4 :][: len(found)] or mids[:1])
        lines.append(f'abcdefghij{number}, {number}.000, {number + 10}.000, "{listed}"')
    return "\n".join(lines).encode()


def _jams(found: list[Event]) -> bytes:
    data = [{"time": e.onset, "duration": e.offset - e.onset, "value": e.label, "confidence": 1.0} for e in found]
    return json.dumps({"annotations": [{"namespace": "tag_open", "data": data}], "file_metadata": {}}).encode()


class Tables:
    """Cases of `robustness.py`."""

    tolerance = 0.0

    def make(self, rng: np.random.Generator, folder: Path) -> Made:
        """A label file beside its recordings, changed once or twice."""
        events = _events(rng)
        for name in NAMES:
            soundfile.write(folder / name, np.zeros(int(SECONDS * 8_000), np.int16), 8_000)
        form = str(rng.choice(list(FORMS)))
        door = str(rng.choice(DOORS))
        good = FORMS[form](events, folder)
        count = float(sum(map(len, events.values())))
        if isinstance(good, Table):
            changes = {**CELLS, **BYTES} if rng.random() < 0.7 else BYTES
            change = str(rng.choice(list(changes)))
            if change in CELLS:
                table, kept = CELLS[change](good, rng)
                data, whole = table.encode(), count if kept else None
            else:
                data, whole = BYTES[change](good.encode(), rng)[0], (count if change in KEPT else None)
            suffix = ".csv" if good.delimiter == "," else ".txt" if good.bare else ".tsv"
        else:
            change = str(rng.choice(list(BYTES)))
            suffix, content = good
            data = BYTES[change](content, rng)[0]
            whole = count if change == "unchanged" and form not in ("audioset",) else None
        if rng.random() < 0.1:
            again = str(rng.choice(["flipped bits", "lost", "inserted"]))
            data, whole, change = BYTES[again](data, rng)[0], None, f"{change}, {again}"
        path = folder / f"labels{suffix}"
        path.write_bytes(data)
        if form == "audioset":
            path = path.rename(folder / f"balanced_train_segments{suffix}")
        elif form in ("audacity", "jams"):  # called after their recording
            path = path.rename(folder / f"rec_a{suffix}")
            whole = None if whole is None else float(len(events["rec_a.wav"]))
        return Made(path, form, f"{change} ({door})", whole)

    def read(self, made: Made) -> Read:
        """Its labels, by the door."""
        if made.change.endswith("(manifest)"):
            manifest = read_manifest(made.path, audio=made.path.parent)
            found = sum(len(clip.labels if clip.events is None else clip.events) for clip in manifest.clips)
            told = "; ".join(map(str, manifest.problems)) if manifest.problems else None
            return Read(float(found), told)
        labels = read_labels(made.path)
        every = [event for found in (labels.events or {}).values() for event in found]
        wrong = next((f"an event with impossible times: {event}" for event in every if not _fine(event)), None)
        found = sum(map(len, (labels.tags if labels.events is None else labels.events).values()))
        if labels.events is not None:
            read_events(made.path)
        return Read(float(found), None, wrong)


def _fine(event: Event) -> bool:
    return 0 <= event.onset <= event.offset < float("inf") and bool(event.label.strip())


def cases() -> Tables:
    """For `robustness.py`."""
    return Tables()


def _written(events: dict[str, list[Event]], folder: Path, form: str) -> tuple[str, bytes]:
    """A file as earmark writes it."""
    place = folder / "written"
    only = {"rec_a.wav": events["rec_a.wav"]} if form == "audacity" else events
    path = write_events(place, only, [form])[0]
    data = path.read_bytes()
    path.unlink()
    place.rmdir()
    return path.suffix, data


FORMS: dict[str, Callable[[dict[str, list[Event]], Path], Table | tuple[str, bytes]]] = {
    "csv strong": lambda events, _: _strong(events, ",", True),
    "tsv strong": lambda events, _: _strong(events, "\t", True),
    "tsv bare": lambda events, _: _strong(events, "\t", False),
    "csv rows": lambda events, _: _weak_rows(events),
    "csv list": lambda events, _: _weak_list(events, ","),
    "tsv list": lambda events, _: _weak_list(events, "\t"),
    "one-hot": lambda events, _: _one_hot(events),
    "raven": lambda events, _: _raven(events),
    "birdnet": lambda events, _: _birdnet(events),
    "audioset": lambda events, _: (".csv", _audioset(events)),
    "jams": lambda events, _: (".jams", _jams(events["rec_a.wav"])),
    "json": lambda events, folder: _written(events, folder, "json"),
    "dcase2017": lambda events, folder: _written(events, folder, "dcase2017"),
    "audacity": lambda events, folder: _written(events, folder, "audacity"),
    "parquet": lambda events, folder: _written(events, folder, "parquet"),
}


# What people do: the meaning stays (True), or nothing is known of it.


def _cell(table: Table, rng: np.random.Generator) -> tuple[Table, bool]:
    rows = [row[:] for row in table.rows]
    row = rows[int(rng.integers(0, len(rows)))]
    row[int(rng.integers(0, len(row)))] = str(rng.choice(np.array(ODD_CELLS, dtype=object)))
    return Table(rows, table.delimiter, table.header, table.bare), False


def _column_order(table: Table, rng: np.random.Generator) -> tuple[Table, bool]:
    order = rng.permutation(len(table.rows[0]))
    rows = [[row[index] for index in order] for row in table.rows]
    return Table(rows, table.delimiter, table.header, table.bare), table.header


def _extra_column(table: Table, rng: np.random.Generator) -> tuple[Table, bool]:
    name = str(rng.choice(["notes", "recordist", "", "latitude", "checked by"]))
    rows = [[*row, name if number == 0 and table.header else "x"] for number, row in enumerate(table.rows)]
    return Table(rows, table.delimiter, table.header, table.bare), False


def _index_column(table: Table, rng: np.random.Generator) -> tuple[Table, bool]:
    rows = [["" if number == 0 else str(number - 1), *row] for number, row in enumerate(table.rows)]
    return Table(rows, table.delimiter, table.header, table.bare), table.header and not table.bare


def _row_order(table: Table, rng: np.random.Generator) -> tuple[Table, bool]:
    body = table.rows[table.header :]
    rows = table.rows[: int(table.header)] + [body[index] for index in rng.permutation(len(body))]
    return Table(rows, table.delimiter, table.header, table.bare), True


def _short_row(table: Table, rng: np.random.Generator) -> tuple[Table, bool]:
    rows = [row[:] for row in table.rows]
    number = int(rng.integers(0, len(rows)))
    rows[number] = rows[number][: int(rng.integers(0, len(rows[number])))]
    return Table(rows, table.delimiter, table.header, table.bare), False


def _long_row(table: Table, rng: np.random.Generator) -> tuple[Table, bool]:
    rows = [row[:] for row in table.rows]
    rows[int(rng.integers(0, len(rows)))] += ["", "x"][: int(rng.integers(1, 3))]
    return Table(rows, table.delimiter, table.header, table.bare), False


def _headless(table: Table, rng: np.random.Generator) -> tuple[Table, bool]:
    return Table(table.rows[1:], table.delimiter, False, table.bare), False


def _header_again(table: Table, rng: np.random.Generator) -> tuple[Table, bool]:
    return Table([*table.rows, table.rows[0]], table.delimiter, table.header, table.bare), False


def _capitals(table: Table, rng: np.random.Generator) -> tuple[Table, bool]:
    if not table.header:
        return table, True
    change = [str.upper, str.title, lambda name: f" {name} ", lambda name: name.replace("_", " ")][int(rng.integers(4))]
    labels = len(table.rows[0]) == 1 + len(LABELS)  # of a one-hot table these are names
    first = [table.rows[0][0], *table.rows[0][1:]] if labels else [change(name) for name in table.rows[0]]
    return Table([first, *table.rows[1:]], table.delimiter, True, table.bare), not table.bare


def _other_delimiter(table: Table, rng: np.random.Generator) -> tuple[Table, bool]:
    other = str(rng.choice([";", "\t", ",", "|"]))
    return Table(table.rows, other, table.header, False), other != "|" and not table.bare


CELLS: dict[str, Callable[[Table, np.random.Generator], tuple[Table, bool]]] = {
    "odd cell": _cell,
    "column order": _column_order,
    "a column more": _extra_column,
    "index column": _index_column,
    "row order": _row_order,
    "short row": _short_row,
    "long row": _long_row,
    "no header": _headless,
    "header again": _header_again,
    "header written otherwise": _capitals,
    "other delimiter": _other_delimiter,
}


# What disks and programs do.


def _flip(data: bytes, rng: np.random.Generator) -> tuple[bytes, None]:
    changed = np.frombuffer(data, np.uint8).copy()
    if len(changed):
        places = rng.integers(0, len(changed), int(rng.choice([1, 2, 8])))
        changed[places] ^= (1 << rng.integers(0, 8, len(places))).astype(np.uint8)
    return changed.tobytes(), None


def _cut(data: bytes, rng: np.random.Generator) -> tuple[bytes, None]:
    return data[: int(rng.integers(0, len(data) + 1))], None


def _lost(data: bytes, rng: np.random.Generator) -> tuple[bytes, None]:
    first = int(rng.integers(0, len(data) + 1))
    return data[:first] + data[first + int(rng.choice([1, 5, 50])) :], None


def _inserted(data: bytes, rng: np.random.Generator) -> tuple[bytes, None]:
    first = int(rng.integers(0, len(data) + 1))
    odd = [b"\x00", b"\xff\xfe", b'"', b"\n", b"\r", b",", b"\t", b"\xe9", b"\xc3", b'"' * 3, b"\x0c", b"\xe2\x80\xa8"]
    odd.append(rng.bytes(20))
    return data[:first] + odd[int(rng.integers(0, len(odd)))] + data[first:], None


def _nested(data: bytes, rng: np.random.Generator) -> tuple[bytes, None]:
    depth = int(rng.choice([100, 100_000]))
    return b"[" * depth + data + b"]" * depth, None


def _recoded(data: bytes, rng: np.random.Generator, coding: str) -> tuple[bytes, None]:
    try:
        return data.decode("utf-8").encode(coding, "replace"), None
    except UnicodeDecodeError:
        return data, None


BYTES: dict[str, Callable[[bytes, np.random.Generator], tuple[bytes, None]]] = {
    "unchanged": lambda data, rng: (data, None),
    "flipped bits": _flip,
    "cut": _cut,
    "lost": _lost,
    "inserted": _inserted,
    "zeroed": lambda data, rng: (data[: len(data) // 2] + bytes(len(data) - len(data) // 2), None),
    "noise": lambda data, rng: (rng.bytes(int(rng.integers(0, 2_000))), None),
    "twice": lambda data, rng: (data + data, None),
    "nested": _nested,
    "CRLF": lambda data, rng: (data.replace(b"\n", b"\r\n"), None),
    "CR": lambda data, rng: (data.replace(b"\n", b"\r"), None),
    "blank lines": lambda data, rng: (data.replace(b"\n", b"\n\n"), None),
    "BOM": lambda data, rng: (b"\xef\xbb\xbf" + data, None),
    "UTF-16": partial(_recoded, coding="utf-16"),
    "UTF-16 without a mark": partial(_recoded, coding="utf-16-le"),
    "Latin-1": partial(_recoded, coding="latin-1"),
    "title": lambda data, rng: (b"My labels of June\n" + data, None),
    "sep=": lambda data, rng: (b"sep=,\n" + data, None),
}
KEPT = {"unchanged", "CRLF", "CR", "blank lines", "BOM", "UTF-16"}
