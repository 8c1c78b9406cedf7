"""Events as JSON.

`{"recordings": {name: [{"onset": 0.5, "offset": 1.25, "label": "dog", "score": 0.9}, ...]}}`

One file for all recordings; seconds rounded to the microsecond, probabilities, `score` left out where there
is none. Any label name can be carried.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence

from earmark.errors import DataError
from earmark.events import Event
from earmark.files import json_text, write_text
from earmark.formats.fields import parse_event
from earmark.formats.tables import read_text


def read_json(path: str | os.PathLike[str]) -> dict[str, list[Event]]:
    """Events by recording; `DataError` naming recording and event, or the line where the JSON is broken."""
    return {
        name: [_event(f"{path}: event {number} of {name!r}", item) for number, item in enumerate(items, 1)]
        for name, items in read_recordings(path).items()
    }


def write_json(path: str | os.PathLike[str], events: Mapping[str, Sequence[Event]]) -> None:
    """Write events."""
    write_recordings(path, {name: [_fields(event) for event in found] for name, found in events.items()})


def read_recordings(path: str | os.PathLike[str]) -> dict[str, list[object]]:
    """The lists under `recordings`, by name."""
    try:
        document = json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise DataError(f"{path}, line {error.lineno}: broken JSON ({error.msg})") from error
    recordings = document.get("recordings") if isinstance(document, dict) else None
    if not isinstance(recordings, dict) or not all(isinstance(items, list) for items in recordings.values()):
        raise DataError(f'{path}: expected {{"recordings": {{name: [...]}}}}')
    return recordings


def write_recordings(path: str | os.PathLike[str], recordings: Mapping[str, list[dict[str, object]]]) -> None:
    """Write `{"recordings": ...}`, one item a line so that files can be compared."""
    blocks = []
    for name, items in recordings.items():
        lines = ",".join(f"\n      {json_text(item)}" for item in items)
        blocks.append(f"\n    {json_text(name)}: [{lines}" + ("\n    ]" if items else "]"))
    write_text(path, '{\n  "recordings": {' + ",".join(blocks) + "\n  }\n}\n")


def _fields(event: Event) -> dict[str, object]:
    fields: dict[str, object] = {
        "onset": round(float(event.onset), 6),
        "offset": round(float(event.offset), 6),
        "label": event.label,
    }
    return fields if event.score is None else {**fields, "score": round(float(event.score), 6)}


def _event(where: str, item: object) -> Event:
    if not isinstance(item, dict) or not {"onset", "offset", "label"} <= item.keys():
        raise DataError(f"{where}: expected onset, offset, label and optionally score")
    score = item.get("score")
    cells = (str(item["onset"]), str(item["offset"]), str(item["label"]), "" if score is None else str(score))
    return parse_event(where, *cells)
