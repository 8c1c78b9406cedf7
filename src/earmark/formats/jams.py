"""JAMS annotations, one file a recording: read only.

`{"annotations": [{"namespace": "scaper", "data": [{"time": 0.5, "duration": 1, "value": {"label": "dog"}}]}]}`

Of scaper's namespaces (`scaper`, `sound_event`) the foreground is what counts; of others (`tag_open`,
`segment_open`, ...) a plain string is the label. Seconds. Specified by E. J. Humphrey et al. 2014, "JAMS: a JSON
annotated music specification for reproducible MIR research", ISMIR; J. Salamon et al. 2017, "Scaper", WASPAA.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from earmark.errors import DataError
from earmark.events import Event
from earmark.formats.fields import parse_event
from earmark.formats.text import Head, Source, path_of, read_text

SUFFIX = ".jams"


def sniff(head: Head) -> bool:
    """Whether a file is one."""
    return head.path.suffix.lower() == SUFFIX


def read(source: Source) -> dict[str, list[Event]]:
    """The events of the recording that the file is called after, by onset. `DataError` naming the observation."""
    path = path_of(source)
    try:
        document = json.loads(read_text(source))
    except (json.JSONDecodeError, RecursionError) as error:
        raise DataError(f"{path}: broken JSON ({error})") from error
    annotations = document.get("annotations") if isinstance(document, dict) else None
    if not isinstance(annotations, list):
        raise DataError(f'{path}: not a JAMS file; expected {{"annotations": [...]}}')
    events = [
        event
        for number, annotation in enumerate(annotations, 1)
        if isinstance(annotation, dict)
        for event in _events(f"{path}: annotation {number}", annotation)
    ]
    return {path.stem: sorted(dict.fromkeys(events), key=lambda event: (event.onset, event.offset, event.label))}


def _events(where: str, annotation: dict[str, Any]) -> Iterator[Event]:
    for number, item in enumerate(_observations(where, annotation.get("data")), 1):
        value = item.get("value")
        if isinstance(value, dict):
            if "background" in (value.get("role"), value.get("event_type")):
                continue
            value = value.get("label")
        if not isinstance(value, str):
            raise DataError(f"{where}, observation {number}: expected a label")
        times = [str(item.get(key, "")) for key in ("time", "duration")]
        begin = parse_event(f"{where}, observation {number}", times[0], times[0], value)
        length = parse_event(f"{where}, observation {number}", "0", times[1], value).offset
        yield begin._replace(offset=begin.onset + length)


def _observations(where: str, data: object) -> list[dict[str, Any]]:
    """The observations as dicts; old files hold a dict of columns."""
    if isinstance(data, dict) and all(isinstance(column, list) for column in data.values()):
        return [dict(zip(data, row, strict=True)) for row in zip(*data.values(), strict=False)]
    if isinstance(data, list) and all(isinstance(item, dict) for item in data):
        return data
    raise DataError(f"{where}: expected a list of observations under 'data'")
