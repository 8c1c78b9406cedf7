"""The model card: README.md of a model directory, fit for the Hugging Face Hub.

Markdown with a YAML front matter (https://huggingface.co/docs/hub/model-cards): what the model recognises, what it was
trained on, how well it does, how its decisions are made, how to use it and where not to trust it. `store_point` stores
another operating point in a directory and brings its card up to it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from earmark.decisions import FILE_NAME, OperatingPoint
from earmark.decisions.tuning import Tuned, TuningReport
from earmark.files import sweep, write_texts
from earmark.report import tables
from earmark.report.points import calibration_text, method_text, point_table
from earmark.report.tables import Table

_TAGS = ("audio", "audio-tagging", "sound-event-detection", "weakly-supervised", "multiple-instance-learning")
_LIMITS = (
    "It knows only the labels above: any other sound gets the most similar of them, or none.",
    "Thresholds hold for recordings like those they were tuned on; for others, run `earmark tune` first.",
)
_UNTIMED = "It was trained on clip labels without times: starts and ends of events are estimates."


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
    timed: bool = False  # it was trained on labels with times
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
    limits = (*_LIMITS, *(() if card.timed else (_UNTIMED,)), *card.limits)
    parts += ["## Limits", "\n".join(f"- {_line(limit)}" for limit in limits)]
    if card.command:
        parts += ["## Made with", _code(card.command)]
    return "\n\n".join(part.rstrip("\n") for part in parts if part) + "\n"


def operating_point_section(table: Table, tuning: str = "", calibration: str = "") -> str:
    """The section `## Operating point` of a card: how it was chosen, whether scores are calibrated, a row a class.

    `tuning` of several lines is kept as it stands, one line becomes a sentence.
    """
    intro = "Applied by default, stored in `operating_point.json`; `--threshold` and `--operating-point` override it."
    chosen = _code(tuning, "text") if "\n" in tuning.strip() else _line(tuning)
    parts = ["## Operating point", intro, chosen, _line(calibration), tables.markdown_table(table).rstrip("\n")]
    return "\n\n".join(part for part in parts if part)


def with_operating_point(card: str, section: str) -> str:
    """A card, as text, whose section on the operating point is another one; as it is where it has none."""
    return re.sub(r"(?ms)^## Operating point\n.*?(?=^## |\Z)", lambda _: f"{section}\n\n", card).rstrip("\n") + "\n"


def for_hub(card: str, name: str, licence: str = "") -> str:
    r"""A card, as text, for the repository "hf:org/name" of a hub: its head complete, its examples by that name.

    `licence` is an identifier of the hub and replaces that of the card.

    >>> print(for_hub("# Owls\n\n    earmark tag street.wav -m .", "hf:birds/owls", "mit").partition("license")[2])
    : mit
    ---
    <BLANKLINE>
    # Owls
    <BLANKLINE>
        earmark tag street.wav -m hf:birds/owls
    <BLANKLINE>
    """
    import yaml

    said, body = _parted(card)
    tags = said.get("tags")
    own = [str(tag) for tag in tags] if isinstance(tags, list) else []
    head = {"library_name": "earmark", "pipeline_tag": "audio-classification"} | said
    head["tags"] = [*own, *(tag for tag in _TAGS if tag not in own)]
    if licence:
        head["license"] = licence
    body = re.sub(r"(?m)(\bearmark \w+ .*?) -m \.(?=\s|$)", rf"\1 -m {name}", body)
    body = body.replace('load(".")  # this directory', f'load("{name}")')
    body = body.replace("pip install earmark\n", 'pip install "earmark[hub]"\n')
    return f"---\n{yaml.safe_dump(head, sort_keys=False, allow_unicode=True)}---\n\n{body.strip()}\n"


def licence_of(card: str) -> str:
    """The licence that a card, as text, states at its head; empty where it states none."""
    said = _parted(card)[0].get("license")
    return said if isinstance(said, str) else ""


def _parted(card: str) -> tuple[dict[str, object], str]:
    """What stands at the head of a card for programs, and the rest; a head that is no YAML says nothing."""
    import yaml

    found = re.match(r"---\r?\n(.*?)^---\s*$", card, re.DOTALL | re.MULTILINE)
    if found is None:
        return {}, card
    try:
        said = yaml.safe_load(found[1])
    except yaml.YAMLError:
        said = None
    return (said if isinstance(said, dict) else {}), card[found.end() :]


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
    matter: dict[str, object] = {"library_name": "earmark", "pipeline_tag": "audio-classification", "tags": list(_TAGS)}
    if card.licence:
        matter["license"] = card.licence
    import yaml  # not installed where models are only listened with, and their cards read

    return f"---\n{yaml.safe_dump(matter, sort_keys=False, allow_unicode=True)}---"


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


_SINCE = (
    "The operating point was changed afterwards: these figures belong to the previous one; run `earmark evaluate` for "
    "current figures."
)


def store_point(folder: Path, tuned: Tuned) -> Path:
    """Write the operating point of the model in `folder`, and its card brought up to it: both, or neither.

    A card of another make is left alone. Returns the file of the point. `OutputError` where it cannot be written.
    """
    sweep(folder)
    point, card = folder / FILE_NAME, folder / "README.md"
    texts: dict[str | os.PathLike[str], str] = {point: tuned.point.to_text()}
    if card.is_file():
        texts[card] = retuned(card.read_text(encoding="utf-8", errors="surrogateescape"), tuned)
    write_texts(texts)
    return point


def retuned(card: str, tuned: Tuned) -> str:
    """A card with another operating point: its origin, its section, and a word of warning at the figures."""
    point = tuned.point
    card = re.sub(r"(?m)^- \*\*operating point\*\*: .*$", lambda _: f"- **operating point**: {point.origin}", card)
    section = operating_point_section(point_table(point), how_chosen(point, tuned.report), calibration_text(point))
    card = with_operating_point(card, section)
    if _SINCE not in card:
        card = re.sub(r"(?m)^(Measured on .*)$", lambda found: f"{found[1]} {_SINCE}", card)
    return card


def how_chosen(point: OperatingPoint, report: TuningReport | None) -> str:
    """How the operating point finds events, and how it was chosen."""
    return f"{method_text(point)}\n{report.summary() if report else point.origin}"
