"""The published sets, each a function of its folder: the parts that it holds, none where the folder is another's.

`published.py` says of each what it is recognised by. Recordings that could not be had are left out and listed later, as
of any table; what is read here are the labels and splits.
"""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from earmark.data.datasets.audioset import files_by_video, fitting
from earmark.data.label_folders import entry_of, read_heads
from earmark.errors import DataError
from earmark.events import Event
from earmark.formats.audioset import Segment
from earmark.formats.fields import decimal_point, is_number, parse_event
from earmark.formats.label_table import Entry, LabelTable, read_label_table
from earmark.formats.registry import label_files
from earmark.formats.tables import read_rows, read_table
from earmark.formats.text import read_text
from earmark.problems import Problem

HEARD = 0.5  # MAESTRO: from this share of annotators on a soft label counts


@dataclass(frozen=True)
class Part:
    """A part of a set: what its labels say, and where its recordings lie."""

    table: LabelTable
    audio: tuple[Path, ...]
    split: str | None = None  # of all its clips; None: as the table says
    files: dict[str, Path] | None = None  # the recordings by name, where names do not say it


def _table(path: Path, *audio: Path, split: str | None = None) -> Iterator[Part]:
    if path.is_file():
        yield Part(
            read_label_table(path), tuple(folder for folder in audio if folder.is_dir()) or (path.parent,), split
        )


def esc50(root: Path) -> Iterator[Part]:
    """`meta/esc50.csv`, recordings in `audio/`."""
    yield from _table(root / "meta" / "esc50.csv", root / "audio", root)


def urbansound8k(root: Path) -> Iterator[Part]:
    """`metadata/UrbanSound8K.csv`, recordings in `audio/fold1/` to `fold10/`."""
    yield from _table(root / "metadata" / "UrbanSound8K.csv", root / "audio", root)


def fsd50k(root: Path) -> Iterator[Part]:
    """`FSD50K.ground_truth/dev.csv` and `eval.csv`, recordings in folders of their own."""
    lists = root / "FSD50K.ground_truth"
    yield from _table(lists / "dev.csv", root / "FSD50K.dev_audio", root)
    yield from _table(lists / "eval.csv", root / "FSD50K.eval_audio", root, split="test")


def desed(root: Path) -> Iterator[Part]:
    """`metadata/PART/NAME.tsv` beside `audio/PART/NAME/`."""
    for base in (root / "dataset", root):
        metadata = base / "metadata"
        if not (metadata / "train").is_dir() and not (metadata / "validation").is_dir():
            continue
        for split, folder in (("train", "train"), ("validation", "validation"), ("test", "eval")):
            tables = [path for path in sorted((metadata / folder).rglob("*.tsv")) if _says_labels(path)]
            whole = metadata / "validation" / "validation.tsv"
            for path in [whole] if whole in tables else tables:
                inside = path.relative_to(metadata).with_suffix("")
                places = (base / "audio" / inside, base / "audio" / inside.parent)
                place = next((place for place in places if place.is_dir()), base / "audio")
                yield from _table(path, place, split=split)
        return


def _says_labels(path: Path) -> bool:
    columns = read_text(path).partition("\n")[0].split()
    return "filename" in columns and bool({"event_label", "event_labels"} & set(columns))


def vggsound(root: Path) -> Iterator[Part]:
    """`vggsound.csv`: video, start in seconds, label, split; no header."""
    path = root / "vggsound.csv"
    if not path.is_file():
        return
    table, videos, files = LabelTable(path, False, {}, []), files_by_video(root), {}
    for line, cells in read_rows(path).cells:
        where = f"{path}, line {line}"
        if len(cells) != 4 or not cells[1].strip().isdigit():
            table.problems.append(Problem("row", where, "expected video, start, label and split; the row is left out"))
            continue
        video, start, label, split = (cell.strip() for cell in cells)
        name = f"{video}_{int(start):06d}"
        entry = table.found.setdefault(name, Entry(name, line, split=split))
        if label not in entry.labels:
            entry.labels.append(label)
        fits = fitting(Segment(video, float(start), None, line), videos.get(video, ()), split)
        if len(fits) > 1:
            entry.doubts.append(Problem("conflict", where, f"{name} fits several files: {fits[0]}, {fits[1]}"))
        elif fits:
            files[name] = fits[0]
    yield Part(table, (root,), files=files)


_PRESENCE = re.compile(r"(\d+)_(.+)_presence")


def sonyc(root: Path) -> Iterator[Part]:
    """`annotations.csv`: a row an annotator, a column a class. The verified row (annotator 0) decides, else any one."""
    path = root / "annotations.csv"
    if not path.is_file() or not re.search(r"\d_[\w-]+_presence", read_text(path).partition("\n")[0]):
        return
    rows = read_table(path)
    classes = {column: match[2] for column in rows.columns if (match := _PRESENCE.fullmatch(column))}
    by_file: defaultdict[str, list[tuple[int, dict[str, str]]]] = defaultdict(list)
    for line, row in rows.rows:
        by_file[row["audio_filename"].strip()].append((line, row))
    table = LabelTable(path, False, {}, [])
    for name, listed in by_file.items():
        verified = [(line, row) for line, row in listed if row.get("annotator_id", "").strip() == "0"]
        events = [
            label
            for column, label in classes.items()
            if any(row[column].strip() in ("1", "1.0") for _, row in verified or listed)
        ]
        table.found[name] = Entry(name, listed[0][0], events, split=listed[0][1].get("split", "").strip() or None)
    yield Part(table, (root / "audio",) if (root / "audio").is_dir() else (root,))


def maestro(root: Path) -> Iterator[Part]:
    """`development_annotation/soft_labels_SCENE/NAME.txt`: onset, offset, label, share of annotators, a row a second.

    Seconds of a label that follow each other are one event.
    """
    lists = root / "development_annotation"
    soft = LabelTable(lists, True, {}, [])
    for path in sorted(lists.rglob("*.txt")) if lists.is_dir() else ():
        try:
            soft.found[path.stem] = entry_of(path.stem, _joined(_soft_labels(path)))
        except DataError as error:
            where, _, why = str(error).partition(": ")
            doubt = Problem("row", where, f"{why}; {path.stem} is left out")
            soft.found[path.stem] = Entry(path.stem, 0, events=[], doubts=[doubt])
    if soft.found:
        yield Part(soft, (root / "development_audio",) if (root / "development_audio").is_dir() else (root,))


def _soft_labels(path: Path) -> Iterator[Event]:
    """Rows of labels that enough annotators heard. Their weighted shares may be a little above 1."""
    for number, line in enumerate(read_text(path).splitlines(), 1):
        cells = line.split("\t")
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        if len(cells) != 4 or not is_number(cells[3]):
            raise DataError(f"{where}: expected onset, offset, label and a share of annotators with tabs between them")
        if float(decimal_point(cells[3])) >= HEARD:
            yield parse_event(where, cells[0], cells[1], cells[2])


def _joined(events: Iterable[Event]) -> list[Event]:
    """Events of one label that touch, as one."""
    joined: list[Event] = []
    for event in sorted(events, key=lambda event: (event.label, event.onset)):
        if joined and joined[-1].label == event.label and event.onset <= joined[-1].offset:
            joined[-1] = joined[-1]._replace(offset=max(joined[-1].offset, event.offset))
        else:
            joined.append(event)
    return sorted(joined)


def tut_sed(root: Path) -> Iterator[Part]:
    """`meta.txt` (file, scene, onset, offset, label) or `meta/SCENE/NAME.ann`, and folds in `evaluation_setup`."""
    tracks = sorted((root / "meta").rglob("*.ann"))
    table = None
    if (root / "meta.txt").is_file() and (root / "evaluation_setup").is_dir():
        table = read_label_table(root / "meta.txt")
    if tracks and (table is None or not table.strong):
        table = read_heads(root / "meta", [each for each in label_files(root / "meta") if each[0] == "audacity"])
    if table is None:
        return
    folds: dict[str, str] = {}
    for path in sorted((root / "evaluation_setup").glob("*fold*_test.txt")):
        fold = re.search(r"fold(\d+)", path.name)
        for _, cells in read_rows(path).cells if fold else ():
            folds[Path(cells[0].strip()).stem] = fold[1] if fold else ""
    for name, entry in table.found.items():
        entry.split = folds.get(Path(name).stem)
    yield Part(table, (root / "audio", root) if (root / "audio").is_dir() else (root,))


def _tracks(lists: Path, *audio: Path, split: str | None = None) -> Iterator[Part]:
    """A folder of label files, one a recording."""
    heads = label_files(lists) if lists.is_dir() else []
    if heads:
        yield Part(read_heads(lists, heads, stems=True), tuple(path for path in audio if path.is_dir()), split)


def urban_sed(root: Path) -> Iterator[Part]:
    """`annotations/SPLIT/` of JAMS or text files, `audio/SPLIT/`."""
    for split in ("train", "validate", "test"):
        if (root / "annotations" / "train").is_dir():
            yield from _tracks(root / "annotations" / split, root / "audio" / split, split=split)


def dcase2016_task2(root: Path) -> Iterator[Part]:
    """`annotation/*.txt`, `sound/*.wav`."""
    if (root / "sound").is_dir():
        yield from _tracks(root / "annotation", root / "sound")


def singapura(root: Path) -> Iterator[Part]:
    """`labels_public/*.csv`: one table a recording, with the recording's name in every row."""
    lists = root / "labels_public"
    found: dict[str, Entry] = {}
    problems: list[Problem] = []
    for path in sorted(lists.glob("*.csv")) if lists.is_dir() else ():
        try:
            table = read_label_table(path, strong=True)
        except DataError as error:
            problems.append(Problem("row", str(path), f"{str(error).partition(': ')[2]}; it is left out"))
            continue
        found |= table.found or {path.stem: Entry(path.stem, 0, events=[])}
        problems += table.problems
    if found:
        yield Part(LabelTable(lists, True, found, problems), (root,))


_CHIME = {
    "c": "child speech",
    "m": "adult male speech",
    "f": "adult female speech",
    "v": "video game or TV",
    "p": "percussive sound",
    "b": "broadband noise",
    "o": "other identifiable sound",
}


def chime_home(root: Path) -> Iterator[Part]:
    """`chunks/NAME.csv` of keys and values, the letters of `majorityvote` being the labels."""
    chunks = next((path for path in (root / "chunks", root / "chime_home" / "chunks") if path.is_dir()), None)
    if chunks is None:
        return
    folds: dict[str, str] = {}
    for path in sorted(chunks.parent.glob("development_chunks*crossval*.csv")):
        folds |= {cells[1].strip(): cells[2].strip() for _, cells in read_rows(path).cells if len(cells) == 3}
    table = LabelTable(chunks, False, {}, [])
    for path in sorted(chunks.glob("*.csv")):
        values = {row[0].strip(): row[1].strip() for row in csv.reader(read_text(path).splitlines()) if len(row) == 2}
        if "majorityvote" in values:
            labels = [_CHIME[letter] for letter in values["majorityvote"] if letter in _CHIME]
            table.found[path.stem] = Entry(path.stem, 0, labels, split=folds.get(path.stem))
    files = {
        path.name.split(".48kHz")[0].split(".16kHz")[0]: path for path in sorted(chunks.glob("*.wav"), reverse=True)
    }
    if table.found:
        yield Part(table, (chunks,), files=files)


def rare_events(root: Path) -> Iterator[Part]:
    """`event_list_devtrain_babycry.csv` and its like, each beside its `audio/`."""
    for path in sorted(root.rglob("event_list_*.csv")):
        split = "train" if "devtrain" in path.name else "test" if "devtest" in path.name else "evaluation"
        yield from _table(path, path.parent / "audio", split=split)
