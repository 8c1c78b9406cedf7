"""README.md of the model that ships: what it learnt from, what each class is worth, where it fails by the figures."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from earmark import __version__
from earmark.decisions.tuning import Tuned
from earmark.hub.box import NAME
from earmark.metrics.tagging import TaggingMetrics
from earmark.models.tagger import Tagger
from earmark.report.model_card import ModelCard, model_card
from earmark.report.points import calibration_text, method_text, point_table
from earmark.report.tables import Table, Value, markdown_table
from tools.bundled.crossing import Crossed
from tools.bundled.figures import GOOD, ClassRow, Level
from tools.bundled.folds import TRAIN
from tools.bundled.table import BACKGROUND, Recording

_COLLECTIONS = {
    "esc50": "ESC-50 (Karol J. Piczak, 2015), those of its clips whose own licence allows it",
    "dcase2016-office": "DCASE 2016 task 2, isolated office sounds (Lafay, Lagrange, Benetos)",
    "cdda-cc-sounds": "CC-Sounds for Cataclysm: Dark Days Ahead",
    "minetest-sounds": "sounds for Minetest (AntumDeluge)",
    "picovoice-speech": "speech of Picovoice's benchmarks",
    "librosa": "example recordings of librosa",
    "backgrounds": "ambiences, most from Freesound",
}


@dataclass(frozen=True)
class Measured:
    """All that was found out about the model."""

    crossed: Crossed
    rows: Sequence[ClassRow]
    tuned: Tuned  # on both halves: what ships
    levels: Sequence[Level]
    silent: tuple[int, int]  # soundscapes without a sound; those of them that were tagged
    objectives: Mapping[str, TaggingMetrics]  # what tags could be tuned for
    tags: str  # what they are tuned for

    @property
    def good(self) -> list[ClassRow]:
        """Classes whose tags are right more often than `GOOD`."""
        return [row for row in self.rows if row.good]


@dataclass(frozen=True)
class Making:
    """How the model was made."""

    recordings: Sequence[Recording]
    training: int  # soundscapes
    recipe: str
    seed: int
    commands: Sequence[str]


def write_card(tagger: Tagger, measured: Measured, making: Making) -> str:
    """The card as text."""
    metrics = {name: {**values, "per_class": {}} for name, values in measured.crossed.evaluation.to_json().items()}
    text = model_card(
        ModelCard(
            name=NAME,
            labels=tagger.labels.names,
            summary="Everyday sounds: tags recordings and says when each event starts and stops. The model that comes "
            "with earmark, and listens where no other is named.",
            recipe=making.recipe,
            rate=tagger.rate,
            parameters=tagger.parameter_count(),
            data=_data(measured, making),
            facts={"seed": str(making.seed), "made with": f"earmark {__version__}"},
            metrics=metrics,
            measured_on="held-out soundscapes: recordings and ambiences of which nothing was trained on, each half "
            "decided by what was tuned on the other half",
            operating_point=point_table(measured.tuned.point),
            tuning=f"{method_text(measured.tuned.point)} {measured.tuned.point.origin}.",
            calibration=calibration_text(measured.tuned.point),
            limits=limits(measured),
            licence="cc-by-4.0",
            command="\n".join(making.commands),
            in_package=True,
        )
    )
    text = text.replace("\n| class |\n|---|\n", "")  # of the classes that the next section tells
    sections = "\n\n".join([classes_section(measured), data_section(making.recordings)])
    before, mark, after = text.partition("## Operating point\n")
    return f"{before}{sections}\n\n{mark}{after}"


def _data(measured: Measured, making: Making) -> dict[str, str | int]:
    parts = Counter(row.fold == TRAIN for row in making.recordings if row.label != BACKGROUND)
    return {
        "training": f"{making.training:,} artificial soundscapes of ten seconds, by their tags alone; made of "
        f"{parts[True]:,} isolated recordings",
        "measured and tuned on": f"{len(measured.crossed.scored.clips):,} such soundscapes of {parts[False]:,} "
        "other recordings",
        "labels": len(measured.rows),
    }


def headline(measured: Measured) -> str:
    """How many classes can be relied on.

    Of a class that was never reported precision does not exist, and it does not count.
    """
    sure = sum(row.figures["precision"][1] > GOOD for row in measured.rows)
    return (
        f"Tagging precision exceeds {GOOD} for {len(measured.good)} of {len(measured.rows)} classes at the shipped "
        f"operating point on held-out soundscapes; for {sure} of them all of the 95 % interval does."
    )


def classes_section(measured: Measured) -> str:
    """What every class is worth, and what tuning for something else would give."""
    columns = ("ap", "precision", "recall", "segment_f1")
    rows: tuple[tuple[Value, ...], ...] = tuple(
        (row.label, *(_told(row.figures[name]) for name in columns), row.soundscapes, row.held_out, row.training)
        for row in measured.rows
    )
    header = ("class", "AP", "precision", "recall", "segment F1", "soundscapes", "held-out recordings", "trained on")
    return "\n\n".join(
        [
            "## Classes",
            headline(measured),
            "Value and 95 % interval over soundscapes. Precision and recall are of tags at the operating point; a "
            "dash: never reported. Few recordings are behind each class: other recordings of it may do better or "
            "worse than the intervals say. All figures, in full: `scores.tsv`.",
            markdown_table(Table(header, rows)).rstrip("\n"),
            f"Thresholds of tags are tuned for `{measured.tags}`, and tags gate events. A class whose tags would be "
            "right less than every second time keeps silent: its threshold is 1, and its scores are there for "
            "`--threshold` or an operating point of your own. What tags could be tuned for instead:",
            markdown_table(objectives_table(measured.objectives)).rstrip("\n"),
            "Tags found, by how loud the sound is over the background:",
            markdown_table(levels_table(measured.levels)).rstrip("\n"),
        ]
    )


def objectives_table(objectives: Mapping[str, TaggingMetrics]) -> Table:
    """What tags are worth by what their thresholds are tuned for."""
    rows = []
    for name, metrics in objectives.items():
        good = sum(tags.precision > GOOD for tags in metrics.per_class.values())
        never = sum(tags.estimated == 0 for tags in metrics.per_class.values())
        rows.append((name, good, never, metrics.precision, metrics.recall, metrics.micro_f1))
    header = ("tuned for", f"classes with precision over {GOOD}", "never reported", "precision", "recall", "F1")
    return Table(header, tuple(rows))


def levels_table(levels: Sequence[Level]) -> Table:
    """Recall by signal-to-noise ratio."""
    rows = tuple(
        (f"{level.low:g} to {level.high:g} dB", level.sounds, level.found / level.sounds if level.sounds else math.nan)
        for level in levels
    )
    return Table(("level", "sounds", "found"), rows)


def data_section(recordings: Sequence[Recording]) -> str:
    """What it learnt from, whose it is, and why that may be passed on."""
    by_collection = Counter(_collection(row) for row in recordings)
    licences = Counter(row.licence for row in recordings)
    return "\n\n".join(
        [
            "## Data, licences and attribution",
            "Isolated recordings laid over ambiences and over noise made by a program. Only recordings whose own "
            "licence lets what is learnt from them be passed on: CC0, the public domain, CC BY and Apache 2.0; none "
            "that forbids commercial use or binds what is made of it. `sources.tsv` is the attribution: every "
            "recording with its author, its address and its licence, and whether it was trained or measured on. "
            "No source recording is in both. The model itself is under CC BY 4.0: pass `sources.tsv` on with it.",
            "\n".join(f"- {_COLLECTIONS.get(name, name)}: {number}" for name, number in by_collection.most_common()),
            "Licences: " + ", ".join(f"{name} ({number})" for name, number in licences.most_common()) + ".",
        ]
    )


def _collection(row: Recording) -> str:
    first, second = row.filename.split("/")[:2]
    return second if first == "events" else first


def limits(measured: Measured) -> list[str]:
    """Where not to trust it, by the figures."""
    rows = measured.rows
    silent, alarms = measured.silent
    poor = [f"{row.label} {row.precision:.2f}" for row in rows if not row.good and not math.isnan(row.precision)]
    never = [row.label for row in rows if math.isnan(row.precision)]
    deaf = [row.label for row in rows if row.figures["recall"][0] < 0.3]
    session = [row.label for row in rows if row.session]
    few = [row.label for row in rows if row.sources < 3 and not row.session]
    found = [level.found / level.sounds if level.sounds else math.nan for level in measured.levels]
    told = [
        "It was trained and measured on artificial mixtures: real sounds over real ambiences, put together by a "
        "program. Streets, rooms and telephones differ; expect less there than the figures say.",
        f"Of {silent} held-out soundscapes in which no class is heard, {alarms} were given a tag all the same. "
        "What it never heard it may take for a class.",
        f"Quiet sounds are missed: of those {measured.levels[0].low:g} to {measured.levels[0].high:g} dB over the "
        f"background {found[0]:.0%} were tagged, of those above {measured.levels[-1].low:g} dB {found[-1]:.0%}.",
    ]
    lists = {
        f"Tags that were right no more often than {GOOD}": poor,
        "Never reported at this operating point": never,
        "Found less than three times in ten": deaf,
        "Trained and measured on recordings of one session in one place, so that figures flatter": session,
        "Measured on fewer than three source recordings, so that figures say little": few,
    }
    return [*told, *(f"{what}: {', '.join(names)}." for what, names in lists.items() if names)]


def _told(figure: tuple[float, float, float]) -> str:
    value, low, high = figure
    return "–" if math.isnan(value) else f"{value:.2f}" + ("" if math.isnan(low) else f" ({low:.2f} to {high:.2f})")
