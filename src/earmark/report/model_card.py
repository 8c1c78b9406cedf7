"""The model card: README.md of a model directory, fit for the Hugging Face Hub.

Markdown with a YAML front matter (https://huggingface.co/docs/hub/model-cards): what the model recognises, what it
was trained on, how well it does, how its decisions are made, how to use it and where not to trust it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from earmark.report import tables
from earmark.report.tables import Table

_TAGS = ("audio", "audio-tagging", "sound-event-detection", "weakly-supervised", "multiple-instance-learning")
_LIMITS = (
    "It knows only the labels above: any other sound gets the most similar of them, or none.",
    "Thresholds hold for recordings like those they were tuned on; for others, run `earmark tune` first.",
    "It was trained on clip labels without times: starts and ends of events are estimates.",
)


@dataclass(frozen=True)
class ModelCard:
    """The content of a card. Only name and labels are required; parts that are missing are omitted."""

    name: str
    labels: Sequence[str]
    summary: str = ""  # a sentence or two
    recipe: str = ""  # its name
    rate: int | None = None  # Hz
    parameters: int | None = None  # trainable numbers
    data: Mapping[str, str | int] = field(default_factory=dict)  # "training clips" -> 240 ...
    facts: Mapping[str, str] = field(default_factory=dict)  # seed, duration, version ...: name -> text
    metrics: tables.Metrics = field(default_factory=dict)  # the JSON of `earmark evaluate`
    measured_on: str = ""  # which recordings the metrics are of
    operating_point: Table | None = None  # one row a class
    tuning: str = ""  # how it was chosen and what that is worth: the summary of a tuning, or a sentence
    calibration: str = ""  # whether scores are calibrated
    limits: Sequence[str] = ()  # further than those every such model has
    licence: str = ""  # an identifier of the Hub, "mit" say
    command: str = ""  # how it was trained
    in_package: bool = False  # it comes with earmark, and is used where no model is named


def model_card(card: ModelCard) -> str:
    """The card as Markdown text."""
    parts = [_front_matter(card), f"# {_line(card.name)}", _line(card.summary), _facts(card)]
    parts += ["## Labels", ", ".join(f"`{_line(label).replace('`', chr(39))}`" for label in card.labels)]
    parts += ["## Use", _use(card)]
    overall = tables.overall_table(card.metrics)
    if overall.rows:
        measured = f"Measured on {_line(card.measured_on)}." if card.measured_on else ""
        if tables.INTERVAL in overall.header:
            measured += f" The {tables.INTERVAL} intervals show how much the figures would vary with other recordings."
        parts += ["## How well it does", measured.strip(), tables.markdown_table(overall)]
        parts += [tables.markdown_table(tables.per_class_table(card.metrics))]
    if card.operating_point:
        parts += [operating_point_section(card.operating_point, card.tuning, card.calibration)]
    parts += ["## Limits", "\n".join(f"- {_line(limit)}" for limit in (*_LIMITS, *card.limits))]
    if card.command:
        parts += ["## Made with", _code(card.command)]
    return "\n\n".join(part.rstrip("\n") for part in parts if part) + "\n"


def operating_point_section(table: Table, tuning: str = "", calibration: str = "") -> str:
    """The section `## Operating point` of a card: how it was chosen, whether scores are calibrated, a row a class.

    `tuning` of several lines is kept as it stands, one line becomes a sentence.
    """
    said = "Applied by default, stored in `operating_point.json`; `--threshold` and `--operating-point` override it."
    chosen = _code(tuning, "text") if "\n" in tuning.strip() else _line(tuning)
    parts = ["## Operating point", said, chosen, _line(calibration), tables.markdown_table(table).rstrip("\n")]
    return "\n\n".join(part for part in parts if part)


def with_operating_point(card: str, section: str) -> str:
    """A card, as text, whose section on the operating point is another one; as it is where it has none."""
    return re.sub(r"(?ms)^## Operating point\n.*?(?=^## |\Z)", lambda _: f"{section}\n\n", card).rstrip("\n") + "\n"


def _use(card: ModelCard) -> str:
    named, loaded = ("", "load()") if card.in_package else (" -m .", 'load(".")  # this directory')
    return f"""\
```sh
pip install earmark
earmark detect street.wav{named}  # events with times
earmark tag street.wav{named}  # what is in it
```

```python
import earmark

network = earmark.{loaded}
for onset, offset, label, score in network("street.wav").events:
    print(f"{{onset:.2f}} {{offset:.2f}} {{label}} {{score:.2f}}")
```"""


def _front_matter(card: ModelCard) -> str:
    said: dict[str, object] = {"library_name": "earmark", "pipeline_tag": "audio-classification", "tags": list(_TAGS)}
    if card.licence:
        said["license"] = card.licence
    import yaml  # not installed where models are only listened with, and their cards read

    return f"---\n{yaml.safe_dump(said, sort_keys=False, allow_unicode=True)}---"


def _facts(card: ModelCard) -> str:
    facts: dict[str, object] = {}
    if card.recipe:
        facts["recipe"] = card.recipe
    if card.parameters is not None:
        facts["parameters"] = f"{card.parameters:,}"
    if card.rate is not None:
        facts["sample rate"] = f"{card.rate} Hz, mono (other recordings are converted)"
    facts |= {**card.data, **card.facts}
    return "\n".join(f"- **{_line(name)}**: {_line(str(value))}" for name, value in facts.items())


def _line(text: str) -> str:
    """User text as one line, without the power to open HTML."""
    return " ".join(text.split()).replace("<", "&lt;")


def _code(text: str, language: str = "sh") -> str:
    """A fenced block that no fence within the text can close."""
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}{language}\n{text.strip()}\n{fence}"
