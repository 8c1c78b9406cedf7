"""What a request of the public API may ask for: model, operating point, thresholds, format.

The same names in the query, in the parts of a form, and under `parameters` of a JSON document; the query comes first.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from earmark.decisions import OperatingPoint
from earmark.decisions.changes import changed
from earmark.errors import ConfigError, did_you_mean
from earmark.formats import EVENT_FORMATS, parquet
from earmark.formats.tags import TAG_FORMATS
from earmark.options import Options
from earmark.web.service import OWN, Service
from earmark.web.uploads import Upload, UploadError

LARGEST_JSON = 64 * 2**20  # bytes: a document is held in memory when its turn comes
Verb = Literal["detect", "tag"]
JSON = "json"
MEDIA = {  # of each format, and what `Accept` chooses it by
    **{"json": "application/json", "csv": "text/csv", "tsv": "text/tab-separated-values"},
    **{"parquet": "application/vnd.apache.parquet", "audacity": "text/plain", "raven": "text/plain"},
    **{"dcase2017": "text/plain"},
}
_CHOSEN = {media: form for form, media in MEDIA.items() if media != "text/plain"}
Probability = Annotated[float, Field(ge=0, le=1)]


class Parameters(Options):
    """Parameters of a request; None where it says nothing."""

    model: str | None = None  # name; default: the first
    operating_point: str | None = None  # model (its own), saved (on the page), default, xu2018, dcase2017
    threshold: Probability | None = None  # for every label, in place of the operating point's
    changes: dict[str, dict[str, bool | float]] | None = None  # of the operating point, by label; see decisions.changes
    min_score: Probability | None = None  # tags and events that score below are left out
    format: str | None = None  # of the answer
    top_k: Annotated[int, Field(ge=1, le=10_000)] | None = None  # labels of a classification
    function_to_apply: Literal["sigmoid", "none"] | None = None  # of a classification; scores are probabilities already


def parameters(given: Mapping[str, Any], *more: Mapping[str, Any]) -> Parameters:
    """Parameters out of texts or JSON; the first that names one counts. `ConfigError` in one line."""
    merged: dict[str, Any] = {}
    for each in reversed((given, *more)):
        merged.update({name: value for name, value in each.items() if value is not None})
    if isinstance(merged.get("changes"), str):
        merged["changes"] = _parsed(merged["changes"])
    return Parameters.parse(merged, "parameters")


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f'changes: no JSON ({error}); expected for example {{"dog": {{"onset": 0.3}}}}') from error


def point_of(service: Service, asked: Parameters) -> OperatingPoint:
    """The operating point that a request asks for. `ConfigError`."""
    if asked.threshold is not None and asked.operating_point is not None:
        raise ConfigError("threshold and operating_point exclude each other; give one of them")
    point = service.point(asked.model or service.settings.default_model, asked.operating_point or OWN)
    if asked.threshold is not None:
        point = point.with_threshold(asked.threshold)
    return changed(point, asked.changes or {})


def chosen_format(verb: Verb, asked: str | None, accept: str) -> str:
    """The format of an answer, by name or by the header `Accept`. `ConfigError`; `UploadError` 406.

    >>> chosen_format("detect", None, "text/html, text/csv;q=0.9, */*;q=0.1"), chosen_format("tag", None, "*/*")
    ('csv', 'json')
    """
    known = tuple(EVENT_FORMATS) if verb == "detect" else TAG_FORMATS
    if asked is None:
        return _accepted(accept)
    if asked not in known:
        raise ConfigError(f"unknown format {asked!r}{did_you_mean(asked, known)}; known: {', '.join(known)}")
    if asked == "parquet":
        parquet.require()
    return asked


def _accepted(accept: str) -> str:
    wanted = sorted((_range(part) for part in accept.split(",") if part.strip()), key=lambda each: -each[1])
    for media, weight in wanted or [("*/*", 1.0)]:
        if weight <= 0:
            continue
        if media in ("*/*", "application/*"):
            return JSON
        if media == "text/*":
            return "csv"
        if media in _CHOSEN:
            if _CHOSEN[media] == "parquet":
                parquet.require()
            return _CHOSEN[media]
    raise UploadError(f"none of the types in Accept can be given; known: {', '.join(_CHOSEN)}", 406)


def _range(part: str) -> tuple[str, float]:
    media, *options = (each.strip() for each in part.split(";"))
    for option in options:
        name, _, value = option.partition("=")
        if name.strip() == "q":
            try:
                return media.lower(), float(value)
            except ValueError:
                return media.lower(), 0.0
    return media.lower(), 1.0


def unpacked(upload: Upload) -> dict[str, Any]:
    """The parameters of what was sent; of a JSON document the sound is written in place of it.

    `{"inputs": "<base64>", "parameters": {...}}`, as Hugging Face's audio classification takes it. `UploadError`.
    """
    if upload.kind != "json":
        return dict(upload.fields)
    if upload.path.stat().st_size > LARGEST_JSON:
        most = LARGEST_JSON // 2**20
        raise UploadError(f"a JSON document may have {most} MB; send the bytes themselves, or a form", 413)
    try:
        document = json.loads(upload.path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise UploadError(f"the body is no JSON: {error}") from error
    if not isinstance(document, dict) or not isinstance(document.get("inputs"), str):
        raise UploadError('expected {"inputs": "<base64 of a recording>", "parameters": {...}}')
    if odd := sorted(document.keys() - {"inputs", "parameters", "name", "options"}):
        raise UploadError(f"unknown key {odd[0]!r} beside inputs and parameters")
    given = document.get("parameters")
    if given is not None and not isinstance(given, dict):
        raise UploadError("'parameters' is no object; expected names and values")
    text = document["inputs"]
    if text.startswith("data:"):
        text = text.partition(",")[2]
    try:
        sound = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise UploadError(f"'inputs' is no base64: {error}") from error
    if not sound:
        raise UploadError("'inputs' is empty; expected a recording in base64")
    Path(upload.path).write_bytes(sound)
    return given or {}
