"""Labels and events on disk: one file a format, each reads and writes. No torch.

`dcase`        weak, strong and duration tables of the DCASE challenges
`dcase2017`    DCASE2017 task 4: clip names, predictions as its scorers read them
`score_table`  frame scores as a table, the form of sed_scores_eval
`label_table`  the one reader of label tables: weak or strong, with header or without; `label_columns`: their columns
`audioset`     AudioSet's lists of segments and events; `audioset_names`: what its identifiers are called
`ontology`     which labels stand above which, in a file like AudioSet's ontology
`json_events`  events as JSON
`audacity`     label tracks, one file a recording
`jams`         JAMS annotations, read only
`label_studio` tasks of Label Studio with time regions
`raven`        selection tables, one file a recording
`parquet`      events and tags for data frames (extra `parquet`)
`embeddings`   embeddings of recordings: npz or Parquet, their table and their card
`outputs`      places and formats that are refused before the work
`tags`         clip tags with their scores: csv, tsv, json
`encoding`     how a format is written, recording by recording
`registry`     the event formats by name: write several at once, recognise what is read
`tables`       the reader of CSV and TSV under all of them; `text`: text files, whatever their encoding
`fields`       times, scores, lists of labels
`naming`       recordings and the files named after them
`outputs`      outputs refused before the work

Everything here speaks plain dicts, `{recording name: [Event, ...]}` or `{recording name: [label, ...]}`,
and raises `DataError` naming file and line. Readers take a path or an open file.
"""

from earmark.formats.audacity import read_audacity, write_audacity
from earmark.formats.dcase import (
    read_durations,
    read_strong,
    read_weak,
    write_durations,
    write_strong,
    write_weak,
)
from earmark.formats.fields import join_labels, split_labels
from earmark.formats.naming import file_names, match_recordings
from earmark.formats.raven import read_raven, write_raven
from earmark.formats.registry import (
    EVENT_FORMATS,
    EventFormat,
    LabelFile,
    read_events,
    read_labels,
    write_events,
)
from earmark.formats.score_table import read_scores, write_scores
from earmark.formats.tables import Table, read_table, write_table
from earmark.formats.tags import Tag, read_tags, write_tags

__all__ = [
    "EVENT_FORMATS",
    "EventFormat",
    "LabelFile",
    "Table",
    "Tag",
    "file_names",
    "join_labels",
    "match_recordings",
    "read_audacity",
    "read_durations",
    "read_events",
    "read_labels",
    "read_raven",
    "read_scores",
    "read_strong",
    "read_table",
    "read_tags",
    "read_weak",
    "split_labels",
    "write_audacity",
    "write_durations",
    "write_events",
    "write_raven",
    "write_scores",
    "write_strong",
    "write_table",
    "write_tags",
    "write_weak",
]
