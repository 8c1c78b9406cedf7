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
from earmark.files import json_text
from earmark.formats.fields import parse_event
from earmark.formats.text import Head, Source, open_text, path_of, read_text

SUFFIX = ".json"
HEADER, BETWEEN, FOOTER = '{\n  "recordings": {', ",", "\n  }\n}\n"


def sniff(head: Head) -> bool:
    """Whether a file is one."""
    return head.path.suffix.lower() == SUFFIX or head.text.lstrip().startswith('{"recordings"')


def is_of_tags(head: Head) -> bool:
    """Whether a file that `sniff` takes for one holds tags: items with a label, and none with an onset."""
    return '"onset":' not in head.text and '"label":' in head.text


def read_json(source: Source) -> dict[str, list[Event]]:
    """Events by recording; `DataError` naming recording and event, or the line where the JSON is broken."""
    path = path_of(source)
    return {
        name: [_event(f"{path}: event {number} of {name!r}", item) for number, item in enumerate(items, 1)]
        for name, items in read_recordings(source).items()
    }


def encode(recording: str, events: Sequence[Event], rate: float | None = None) -> str:
    """The block of one recording."""
    return encode_items(recording, [_fields(event) for event in events])


def write_json(path: str | os.PathLike[str], events: Mapping[str, Sequence[Event]]) -> None:
    """Write events."""
    write_recordings(path, {name: [_fields(event) for event in found] for name, found in events.items()})


def read_recordings(source: Source) -> dict[str, list[object]]:
    """The lists under `recordings`, by name."""
    path = path_of(source)
    try:
        document = json.loads(read_text(source))
    except json.JSONDecodeError as error:
        raise DataError(f"{path}, line {error.lineno}: broken JSON ({error.msg})") from error
    except RecursionError:
        raise DataError(f"{path}: broken JSON (nested too deep)") from None
    recordings = document.get("recordings") if isinstance(document, dict) else None
    if not isinstance(recordings, dict) or not all(isinstance(items, list) for items in recordings.values()):
        raise DataError(f'{path}: expected {{"recordings": {{name: [...]}}}}')
    return recordings


def encode_items(recording: str, items: Sequence[Mapping[str, object]]) -> str:
    """A recording and its items, one a line so that files can be compared."""
    lines = ",".join(f"\n      {json_text(item)}" for item in items)
    return f"\n    {json_text(recording)}: [{lines}" + ("\n    ]" if items else "]")


def write_recordings(path: str | os.PathLike[str], recordings: Mapping[str, list[dict[str, object]]]) -> None:
    """Write `{"recordings": ...}`."""
    with open_text(path) as file:
        file.write(HEADER)
        for number, (name, items) in enumerate(recordings.items()):
            file.write((BETWEEN if number else "") + encode_items(name, items))
        file.write(FOOTER)


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
