"""What came of a study: the paper's tables with a published column beside ours, whether its findings hold, and figures.

Ours are means over seeds, plus or minus half the range between them. The figures are Xu et al. 2018, Fig. 2 (where the
events are, reference above, prediction below) and Hong et al. 2020, Fig. 3 (the weights of each head along time beside
those of plain attention).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from earmark.audio import read_audio
from earmark.data.records import Clip
from earmark.errors import ConfigError, did_you_mean
from earmark.evaluation.labelled import evaluate_scored, score_clips
from earmark.evaluation.report import recording_views
from earmark.files import write_aside
from earmark.models.network import Network
from earmark.models.torch_engine import network_of
from earmark.recipes import Recipe, load_recipe
from earmark.report.canvas import png
from earmark.report.page import view_figure
from earmark.report.recording import trajectories_figure
from earmark.report.spectrogram import log_mel
from earmark.report.tables import Table, Value, markdown_table
from earmark.studies.run import Material, Outcome, Reproduction
from earmark.studies.study import Column, Expectation, PaperTable, Study


@dataclass(frozen=True)
class Finding:
    """The figures of two rows here, one a seed."""

    expectation: Expectation
    column: Column
    part: str
    better: Sequence[float]
    worse: Sequence[float]

    @property
    def outcome(self) -> str:
        """Whether the one beat the other, in words; in every seed: its worst beat the other's best."""
        sign = 1 if self.column.higher else -1
        ours, theirs = np.multiply(self.better, sign), np.multiply(self.worse, sign)
        if len(ours) == len(theirs) == 1:
            return "yes (one seed)" if ours.item() > theirs.item() else "no (one seed)"
        if ours.min() > theirs.max():
            return "yes, in every seed"
        if ours.max() < theirs.min():
            return "no, in every seed"
        return "yes, on the mean" if ours.mean() > theirs.mean() else "no, on the mean"


def paper_table(study: Study, table: PaperTable, outcomes: Sequence[Outcome], part: str) -> Table:
    """A table of the paper: for each of its columns what was published and what came out here, on one test part."""
    columns = [*table.columns, *table.extra]
    header = ["row"]
    for column in table.columns:
        header += [f"{column.title}, published", f"{column.title}, ours"]
    header += [f"{column.title}, ours" for column in table.extra]
    rows: list[tuple[Value, ...]] = []
    for row in table.rows:
        found = [outcome for outcome in outcomes if outcome.recipe == row.recipe]
        recipe = load_recipe(row.recipe)
        cells = [row.title]
        for column in columns:
            ours = spread(values(found, column, part), column)
            cells += [_published(study, table, recipe, column, part), ours] if column in table.columns else [ours]
        rows.append((*cells, len(found)))
    return Table((*header, "seeds"), tuple(rows))


def _published(study: Study, table: PaperTable, recipe: Recipe, column: Column, part: str) -> str:
    """The paper's figure for this part of its data; on data of others, its first part that has one, named."""
    for paper_part in [study.parts[part]] if part in study.parts else study.parts.values():
        value = table.published(recipe, column, paper_part)
        if value is not None:
            first = part in study.parts or paper_part == next(iter(study.parts.values()))
            return f"{value:g}" if first else f"{value:g} ({paper_part})"
    return "–"


def values(outcomes: Sequence[Outcome], column: Column, part: str) -> list[float]:
    """A figure of each outcome, in the paper's units; those without it are left out."""
    found = [outcome.figure(part, column.section, column.key) for outcome in outcomes]
    return [column.shown(value) for value in found if value is not None]


def spread(figures: Sequence[float], column: Column) -> str:
    """Mean and half the range.

    >>> spread([50.0, 51.0], Column("F1", "F1", "tagging", "micro_f1", percent=True))
    '50.5 ± 0.5'
    """
    if not figures:
        return "–"
    digits = 1 if column.percent else 3
    mean = f"{np.mean(figures):.{digits}f}"
    return mean if len(figures) == 1 else f"{mean} ± {np.ptp(figures) / 2:.{digits}f}"


def findings(study: Study, outcomes: Sequence[Outcome], part: str) -> Iterator[Finding]:
    """What the paper found, looked for here: in its tables' first columns and in what ours add, over common seeds."""
    tables = {table.name: table for table in study.tables}
    for expectation in study.expected:
        table = tables[expectation.table]
        one, other = (
            {each.seed: each for each in outcomes if each.recipe == name}
            for name in (expectation.better, expectation.worse)
        )
        common = sorted(one.keys() & other.keys())
        for column in (table.columns[0], *table.extra[:1]):
            better, worse = (values([rows[seed] for seed in common], column, part) for rows in (one, other))
            if better and worse:
                yield Finding(expectation, column, part, better, worse)


def findings_table(found: Sequence[Finding]) -> Table:
    """A row for each finding and figure."""
    rows = tuple(
        (
            each.expectation.sentence,
            f"{each.expectation.table}, {each.column.title}",
            spread(each.better, each.column),
            spread(each.worse, each.column),
            each.outcome,
            len(each.better),
        )
        for each in found
    )
    return Table(("the paper found", "by", "one", "other", "here", "seeds"), rows)


def markdown(study: Study, outcomes: Sequence[Outcome], sentence: str, chosen: Sequence[str] = ()) -> str:
    """All of it as Markdown; `chosen` names the tables wanted, all by default."""
    parts = list(dict.fromkeys(part for outcome in outcomes for part in outcome.parts))
    lines = [sentence, ""]
    for part in parts:
        for table in study.tables:
            if chosen and table.name not in chosen:
                continue
            lines += [f"### {table.name}: {table.title}; scored on {part}", ""]
            lines += [markdown_table(paper_table(study, table, outcomes, part)), ""]
        found = list(findings(study, outcomes, part))
        if found:
            lines += [f"### What {study.paper} found, and what we found on {part}", ""]
            lines += [markdown_table(findings_table(found)), ""]
    return "\n".join(lines)


def as_csv(outcomes: Sequence[Outcome]) -> str:
    """Every figure of every row: recipe, seed, part, section, figure, value."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["recipe", "seed", "part", "section", "figure", "value"])
    for outcome in outcomes:
        for part, sections in outcome.parts.items():
            for section, found in sections.items():
                for key, value in found.items():
                    writer.writerow([outcome.recipe, outcome.seed, part, section, key, "" if value is None else value])
    return text.getvalue()


_SHOWN = 3  # clips, where none is chosen


def choose_clips(material: Material, names: Sequence[str] = ()) -> list[Clip]:
    """Clips of the first test part to draw: the named ones, otherwise a few with many labels.

    `ConfigError` for a name that is not there.
    """
    manifest = next(iter(material.tests.values()))
    known = {clip.name: clip for clip in manifest.clips}
    for name in names:
        if name not in known:
            raise ConfigError(f"no test clip {name!r}{did_you_mean(name, known)}")
    if names:
        return [known[name] for name in names]
    return sorted(manifest.clips, key=lambda clip: -len(set(clip.labels)))[:_SHOWN]


def write_figures(reproduction: Reproduction, seed: int, clips: Sequence[Clip]) -> list[Path]:
    """Draw the study's figure for these clips of the first test part, beside the tables.

    Nothing while the models are not there.
    """
    study = reproduction.study
    trained = {outcome.recipe for outcome in reproduction.outcomes() if outcome.seed == seed}
    recipes = [name for name in study.figure_recipes if name in trained]
    if not recipes:
        return []
    if study.figure == "localisation":
        return list(_localisation(reproduction, recipes[0], seed, clips))
    return list(_weights(reproduction, recipes, seed, clips))


def _localisation(reproduction: Reproduction, recipe: str, seed: int, clips: Sequence[Clip]) -> Iterator[Path]:
    tagger = reproduction.tagger(recipe, seed)
    manifest = next(iter(reproduction.material.tests.values())).with_clips(clips).with_labels(tagger.labels)
    scored = score_clips(tagger.scorer, manifest)
    _, detected = evaluate_scored(scored, tagger.operating_point)
    for view in recording_views(tagger.rate, scored, detected, tagger.operating_point, len(clips)):
        yield _write(reproduction.folder / f"figure-2-{Path(view.scores.recording).stem}.png", png(view_figure(view)))


def _weights(reproduction: Reproduction, recipes: Sequence[str], seed: int, clips: Sequence[Clip]) -> Iterator[Path]:
    taggers = {name: network_of(reproduction.tagger(name, seed).model) for name in recipes}
    shown = taggers[recipes[0]]
    for clip in clips:
        title = f"{clip.name}: {', '.join(dict.fromkeys(clip.labels)) or 'nothing'}"
        weights = {name: (network.clock, _heads(network, clip)) for name, network in taggers.items()}
        samples = read_audio(clip.path, shown.rate).samples
        duration = len(samples) / shown.rate
        picture = log_mel(samples, shown.rate)
        figure = trajectories_figure(title, picture.values, picture.clock, weights, duration)
        yield _write(reproduction.folder / f"figure-3-{Path(clip.name).stem}.png", png(figure))


@torch.no_grad()
def _heads(network: Network, clip: Clip) -> npt.NDArray[np.float32]:
    """Weights (steps, heads) of a clip's bag; poolings without heads have one."""
    waveform = torch.from_numpy(read_audio(clip.path, network.rate).samples)[None]
    pooled = network(waveform.to(next(network.parameters()).device))
    weights = pooled.weights[:, :, :1] if pooled.heads is None else pooled.heads
    heads: npt.NDArray[np.float32] = weights[0].cpu().numpy()
    return heads


def _write(path: Path, content: bytes) -> Path:
    with write_aside(path) as temporary:
        temporary.write_bytes(content)
    return path
