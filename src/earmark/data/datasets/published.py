"""Published data sets as they lie: which folder is which, and where its labels and splits come from.

`SETS` is the table of them; docs/datasets.md is printed from it (`tools/datasets.py`). DCASE2017 task 4 and
AudioSet are read by `dcase2017.py` and `audioset.py`, and have their lines in the table.

A set is recognised by files that only it has. It is read as parts: a table of labels, the folders in which its
recordings lie, and the split that the folder's own division gives, if it does. Recordings that could not be had are
left out and listed, as of any table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from earmark.data.datasets import collections
from earmark.data.datasets.collections import Part


@dataclass(frozen=True)
class PublishedSet:
    """A set: how it is recognised and read, and what the docs say of it."""

    name: str
    recognised_by: str
    labels_from: str
    splits_from: str
    find: Callable[[Path], Iterator[Part]] | None = None  # yields nothing: another folder; None: it has its own module


def find_parts(data: Path) -> list[Part] | None:
    """The parts of the published set that a folder, or one of its lists, is; None for other folders."""
    for one in SETS:
        if one.find is None:
            continue
        if data.is_dir():
            if parts := list(one.find(data)):
                return parts
            continue
        for root in (data.parent, data.parent.parent):
            parts = [part for part in one.find(root) if part.table.path == data] if _small(root) else []
            if parts:
                return parts
    return None


def _small(root: Path) -> bool:
    """Whether a folder above a list may be a set's: it is no root of a disk and no home."""
    return root not in (Path.home(), Path(root.anchor)) and root != Path()


SETS: tuple[PublishedSet, ...] = (
    PublishedSet(
        "AudioSet",
        "`*_segments.csv`",
        "the segment lists; names from `class_labels_indices.csv`, `ontology.json` or as published",
        "the lists' names: `balanced_train`, `unbalanced_train`, `eval`",
    ),
    PublishedSet(
        "AudioSet-strong",
        "a TSV with the columns segment_id, start_time_seconds, end_time_seconds, label",
        "that list; names from `mid_to_display_name.tsv`",
        "the lists' names: `train`, `eval`",
    ),
    PublishedSet(
        "CHiME-Home (DCASE2016 task 4)",
        "`chunks/*.csv` with a key `majorityvote`",
        "the letters of `majorityvote`",
        "`development_chunks*crossval*.csv`: folds",
        collections.chime_home,
    ),
    PublishedSet(
        "DCASE2016 task 2",
        "`annotation/` and `sound/`",
        "`annotation/*.txt`: events",
        "none; a share is set aside",
        collections.dcase2016_task2,
    ),
    PublishedSet(
        "DCASE2017 task 2 (TUT Rare Sound Events)",
        "`event_list_*.csv`, each beside its `audio/`",
        "these lists: events",
        "`devtrain` in a list's name trains, `devtest` tests",
        collections.rare_events,
    ),
    PublishedSet(
        "DCASE2017 task 4",
        "`groundtruth_weak_label_training_set.csv` and its like, or `training_set.csv`",
        "the weak and strong lists of each part",
        "`training` trains, `testing` validates, `evaluation` does neither",
    ),
    PublishedSet(
        "DESED (DCASE2018-2024 task 4)",
        "`metadata/train/` or `metadata/validation/`, in `dataset/` or not",
        "`metadata/**/*.tsv`: weak and strong; lists without labels are for `--unlabelled`",
        "the folder: `train`, `validation`, `eval` as test",
        collections.desed,
    ),
    PublishedSet("ESC-50", "`meta/esc50.csv`", "its column `category`", "its column `fold`: 1 to 5", collections.esc50),
    PublishedSet(
        "FSD50K",
        "`FSD50K.ground_truth/dev.csv`",
        "`dev.csv` and `eval.csv`, column `labels`",
        "column `split` of `dev.csv`: `train`, `val`; `eval.csv` tests",
        collections.fsd50k,
    ),
    PublishedSet(
        "MAESTRO",
        "`development_annotation/`",
        "`soft_labels_*/*.txt` in it: a soft label of 0.5 or more counts; seconds in a row are one event",
        "none; a share is set aside",
        collections.maestro,
    ),
    PublishedSet(
        "SINGA:PURA",
        "`labels_public/*.csv`",
        "these tables, one a recording: events",
        "none; a share is set aside",
        collections.singapura,
    ),
    PublishedSet(
        "SONYC-UST",
        "`annotations.csv` with columns `1_engine_presence` and its like",
        "the coarse classes: the verified row (annotator 0) where there is one, else any annotator",
        "its column `split`: `train`, `validate`, `test`",
        collections.sonyc,
    ),
    PublishedSet(
        "TUT-SED 2016, 2017 (DCASE2016 task 3, DCASE2017 task 3)",
        "`meta/**/*.ann`, or `meta.txt` and `evaluation_setup/`",
        "`meta.txt` (file, scene, onset, offset, label), else the `.ann` tracks: events",
        "`evaluation_setup/*_fold1_test.txt` and its like: the fold that tests a recording",
        collections.tut_sed,
    ),
    PublishedSet(
        "URBAN-SED",
        "`annotations/train/` and `audio/train/`",
        "`annotations/**/*.jams` or `.txt`: events",
        "the folder: `train`, `validate`, `test`",
        collections.urban_sed,
    ),
    PublishedSet(
        "UrbanSound8K",
        "`metadata/UrbanSound8K.csv`",
        "its column `class`: weak labels, for start and end are places in the source recording",
        "its column `fold`: 1 to 10",
        collections.urbansound8k,
    ),
    PublishedSet(
        "VGGSound", "`vggsound.csv`", "its third column", "its fourth column: `train`, `test`", collections.vggsound
    ),
)


def table_of_sets() -> str:
    """The table of docs/datasets.md, Markdown."""
    header = "| set | recognised by | labels from | splits from |\n|---|---|---|---|\n"
    cells = ((one.name, one.recognised_by, one.labels_from, one.splits_from) for one in SETS)
    return header + "".join(f"| {' | '.join(row)} |\n" for row in cells)
