"""Tasks of Label Studio with events as time regions: JSON that its import takes, and that its export gives.

A recording is a task, an event a region of the control `label` (a tag `Labels`) on the object `audio`:

    <View><Labels name="label" toName="audio"><Label value="dog"/></Labels><Audio name="audio" value="$audio"/></View>

Regions of people are `annotations`, those of a model with their scores are `predictions` (https://labelstud.io/guide/
export and guide/predictions). Times are seconds.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from earmark.errors import DataError
from earmark.events import Event
from earmark.formats.fields import check_label
from earmark.formats.text import Source, path_of, read_text

SUFFIX = ".json"


def encode(events: Mapping[str, Sequence[Event]], *, predictions: bool = False, address: str = "") -> str:
    """Tasks as text. `address` is put before each recording's name, as Label Studio finds it (`/data/local-files/?d=`).

    >>> print(encode({"a.wav": [Event(0.5, 1.25, "dog", 0.9)]})[:60])
    [{"data":{"audio":"a.wav"},"annotations":[{"result":[{"id":"
    """
    tasks = [_task(name, found, predictions, address) for name, found in events.items()]
    return json.dumps(tasks, separators=(",", ":"), ensure_ascii=False) + "\n"


def _task(name: str, events: Sequence[Event], predictions: bool, address: str) -> dict[str, Any]:
    regions = [
        {
            "id": f"{place:06}",
            "from_name": "label",
            "to_name": "audio",
            "type": "labels",
            "value": {
                "start": round(event.onset, 6),
                "end": round(event.offset, 6),
                "channel": 0,
                "labels": [check_label(event.label)],
            },
            **({"score": round(event.score, 6)} if predictions and event.score is not None else {}),
        }
        for place, event in enumerate(events)
    ]
    kind = "predictions" if predictions else "annotations"
    return {"data": {"audio": address + name}, kind: [{"result": regions}]}


def setup(labels: Sequence[str]) -> str:
    """The labelling interface of a project, for Label Studio's settings."""
    from xml.sax.saxutils import quoteattr

    choices = "".join(f"<Label value={quoteattr(label)}/>" for label in labels)
    return f'<View><Labels name="label" toName="audio">{choices}</Labels><Audio name="audio" value="$audio"/></View>\n'


def read_tasks(source: Source) -> dict[str, list[Event]]:
    """Events by recording, of the first annotation of each task, else of its first prediction.

    `DataError` naming file and task where it is not an export of Label Studio.
    """
    path = path_of(source)
    try:
        tasks = json.loads(read_text(source))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: not valid JSON ({error})") from error
    if not isinstance(tasks, list):
        raise DataError(f"{path}: expected a list of tasks, as Label Studio exports them")
    found: dict[str, list[Event]] = {}
    for number, task in enumerate(tasks, 1):
        try:
            name = unquote(str(task["data"]["audio"]).rpartition("?d=")[2])
            given = task.get("annotations") or task.get("predictions") or [{"result": []}]
            events = [_event(region) for region in given[0]["result"] if region.get("type") == "labels"]
        except (KeyError, TypeError, IndexError, AttributeError, ValueError) as error:
            raise DataError(f"{path}: task {number} is not one of sound events ({error!r})") from error
        found.setdefault(name, []).extend(event for each in events for event in each)
    return found


def _event(region: Mapping[str, Any]) -> list[Event]:
    value, score = region["value"], region.get("score")
    onset, offset = float(value["start"]), float(value["end"])
    return [Event(onset, offset, str(label), None if score is None else float(score)) for label in value["labels"]]
