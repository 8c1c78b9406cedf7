"""`train` and `fuse`: models from clips, and from other models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

from earmark.errors import ConfigError, did_you_mean
from earmark.files import PathLike, path_or_none
from earmark.reporter import QUIET, Reporter

if TYPE_CHECKING:
    from earmark.data.reading import Wanted
    from earmark.data.records import Manifest, Problem
    from earmark.decisions import OperatingPoint
    from earmark.devices import Precision
    from earmark.recipes import Recipe
    from earmark.training.card import Trained
    from earmark.training.request import FusedRequest, Request
    from earmark.training.transfer import Freeze, Source

DEFAULT_RECIPE, FINE_TUNE_RECIPE = "default", "fine-tune"  # with a model to begin with, the second replaces the first
LINEAR_HEAD_RECIPE = "linear-head"  # in place of both, where only lower blocks of that model are taken
ANEW = "none"  # of `start_from`: begin with no model


@dataclass(frozen=True)
class TrainingResult:
    """What came of `train`."""

    model: Path  # the model directory
    trained: Trained | None  # None: it was finished already
    problems: tuple[Problem, ...]  # rows, clips and labels left out
    profile: Path | None = None  # where the time went in detail, where that was asked for
    profiled: tuple[str, ...] = ()  # the same in a few lines


def train(
    data: PathLike,
    output: PathLike,
    *,
    recipe: str = DEFAULT_RECIPE,
    changes: Sequence[str] = (),
    start_from: str | None = None,
    freeze: str | int | None = None,
    audio: PathLike | None = None,
    valid: PathLike | None = None,
    valid_audio: PathLike | None = None,
    valid_fraction: float = 0.15,
    valid_fold: str | None = None,
    separator: str | None = None,
    label_column: str | None = None,
    unlabelled: PathLike | None = None,
    epochs: int | None = None,
    steps: int | None = None,
    seed: int = 0,
    device: str = "auto",
    precision: Precision = "auto",
    processes: int = 1,
    workers: int = 0,
    cache: Literal["auto", "on", "off", "device"] = "auto",
    profile: bool = False,
    overwrite: bool = False,
    command: str = "",
    reporter: Reporter = QUIET,
) -> TrainingResult:
    """Train a model on clips that carry only tags; a run that was stopped continues where it stopped.

    `changes` are "key=value" changes of the recipe. `start_from` names the model to begin with; "none" begins with no
    model. `freeze` is what of it stays as it is: "encoder", "blocks" (of convolutions), a number of blocks of the
    encoder, counted from the lowest, or "none". Where it is None and nothing else says how (a recipe, a network of the
    user's), few clips begin with a model at hand that separates their labels (`training/origin.py`), by the recipe
    `fine-tune` or `linear-head`. Validation clips are those of `valid`, else of the fold `valid_fold`, else a
    stratified share `valid_fraction` is set aside. `separator` divides labels in one cell of a table, `label_column` is
    that of Raven tables. `unlabelled` recordings are used by self-training. `epochs` are passes over the data, `steps`
    updates in all. `command` is noted in the model card.
    """
    from earmark.training.run import require_engine

    require_engine()
    from earmark.data.manifest import Reading
    from earmark.data.reading import Wanted
    from earmark.devices import resolve_device, tune_allocator
    from earmark.models.directory import MEMBERS
    from earmark.recipes import load_recipe
    from earmark.recipes.recipe import load_members, member_seeds
    from earmark.training.loop import Machine
    from earmark.training.request import FusedRequest, clear
    from earmark.training.run import Run, is_follower

    output = Path(output)
    source = _source(start_from, freeze, output)
    if recipe == LINEAR_HEAD_RECIPE:
        source = _lower_blocks(source)
    chosen, members = load_members(recipe, changes)
    if members:
        _check_members(chosen, source, processes)
    else:
        chosen = load_recipe(recipe, changes, source.network if source else None)
    hold = {"device": True, "auto": None}.get(cache, False)
    machine = Machine(resolve_device(device), precision, processes, workers, profile, hold=hold)
    wanted = Wanted(
        path_or_none(valid), path_or_none(valid_audio), valid_fraction, valid_fold, Reading(separator, label_column)
    )
    clips = _read(Path(data), path_or_none(audio), wanted, path_or_none(unlabelled), seed)
    if _may_choose(start_from, recipe, changes, processes):
        source = _chosen(clips.train, None if overwrite else output, seed, machine.device, reporter)
    if source is not None and recipe == DEFAULT_RECIPE:
        chosen = load_recipe(LINEAR_HEAD_RECIPE if source.part else FINE_TUNE_RECIPE, changes, source.network)
    if clips.unlabelled is not None:
        _say_unlabelled(reporter, clips.unlabelled, list(members.values()) or [chosen])

    asked = partial(_request, clips=clips, source=source, epochs=epochs, steps=steps, cache=cache)
    request: Request | FusedRequest
    if members:
        seeds = member_seeds(members, seed)
        requests = {name: asked(member, output / MEMBERS / name, seeds[name]) for name, member in members.items()}
        request = FusedRequest(requests, output, chosen.to_yaml())
    else:
        request = asked(chosen, output, seed)
    if overwrite and not is_follower():
        clear(output)
    tune_allocator()
    trained = Run(request, machine, reporter, recipe=chosen.name, command=command).execute()
    return _result(output, trained, (*clips.problems, *(trained.problems if trained else ())), profile=profile)


@dataclass(frozen=True)
class _Clips:
    """What a training is given."""

    train: Manifest
    valid: Manifest | None
    unlabelled: Manifest | None
    problems: tuple[Problem, ...]


def _read(data: Path, audio: Path | None, wanted: Wanted, unlabelled: Path | None, seed: int) -> _Clips:
    """The clips that train, those that validate, and those without labels."""
    from earmark.data.reading import read_parts, read_unlabelled

    train, valid, problems = read_parts(data, audio, wanted, seed)
    if unlabelled is None:
        return _Clips(train, valid, None, problems)
    extra = read_unlabelled(unlabelled, [train, *([valid] if valid else [])])
    return _Clips(train, valid, extra, (*problems, *extra.problems))


def _request(
    what: Recipe,
    where: Path,
    seed: int,
    *,
    clips: _Clips,
    source: Source | None,
    epochs: int | None,
    steps: int | None,
    cache: Literal["auto", "on", "off", "device"],
) -> Request:
    """One training by a recipe, into the directory `where`."""
    from earmark.training.request import Request

    training = what.training.lasting(epochs, steps)
    training = training if clips.unlabelled is None else training.self_trained()
    return Request(
        train=clips.train,
        valid=clips.valid,
        network=what.network,
        training=training,
        output=where,
        seed=seed,
        recipe=what.model_copy(update={"training": training}).to_yaml(),
        cache=cache,
        source=source,
        unlabelled=clips.unlabelled,
    )


def _result(output: Path, trained: Trained | None, problems: tuple[Problem, ...], *, profile: bool) -> TrainingResult:
    """What came of a run, with where the time went."""
    from earmark.training.loop import PROFILE, SUMMARY
    from earmark.training.request import STATE

    if not profile:
        return TrainingResult(output, trained, problems)
    summary = output / STATE / SUMMARY
    lines = tuple(summary.read_text(encoding="utf-8").splitlines()) if summary.is_file() else ()
    return TrainingResult(output, trained, problems, output / STATE / PROFILE, lines)


def _may_choose(start_from: str | None, recipe: str, changes: Sequence[str], processes: int) -> bool:
    """Whether nothing says what to begin with: no model, no recipe, no network of the user's, and one process."""
    network = any(change.partition("=")[0].partition(".")[0] == "network" for change in changes)
    return start_from is None and recipe == DEFAULT_RECIPE and not network and processes == 1


def _chosen(train: Manifest, output: Path | None, seed: int, device: str, reporter: Reporter) -> Source | None:
    """What a training begins with where nobody says so, or began with in `output`; the reporter says what, and why."""
    from earmark.hub import at_hand
    from earmark.training.origin import choose_origin, chosen_before

    models = at_hand()
    if output is not None and (before := chosen_before(output, models)) is not None:
        return before.source
    origin = choose_origin(train, models, seed=seed, device=device, stage=reporter.stage)
    reporter.say(f"{origin.reason}; --from chooses otherwise")
    return origin.source


def _source(start_from: str | None, freeze: str | int | None, output: Path) -> Source | None:
    """The model to begin with, fetched where it is a public one."""
    from earmark.hub import locate
    from earmark.training.transfer import Source, with_checked_freeze

    if start_from in (None, ANEW):
        if freeze is not None:
            raise ConfigError(f"--freeze {freeze} keeps a part of a model as it is: name that model with --from MODEL")
        return None
    frozen = _freeze(freeze)
    source = Source(start_from, locate(start_from), frozen)
    if source.directory.resolve() == output.resolve():
        raise ConfigError(
            f"--from {start_from} and -o {output} are the same directory; choose another output directory"
        )
    return with_checked_freeze(source)


def _freeze(freeze: str | int | None) -> Freeze | None:
    """What is frozen, by its word or number.

    >>> _freeze("none"), _freeze("encoder"), _freeze("4")
    (None, 'encoder', 4)
    """
    word = str(freeze).strip()
    if freeze is None or word == ANEW:
        return None
    if word in ("encoder", "blocks"):
        return cast("Freeze", word)
    if word.isdecimal() and int(word) > 0:
        return int(word)
    guess = did_you_mean(word, ("encoder", "blocks", ANEW))
    raise ConfigError(
        f"--freeze {word}{guess}: expected encoder, blocks, none, or how many blocks of the encoder, from the lowest"
    )


def _lower_blocks(source: Source | None) -> Source:
    """The same model, of which the recipe `linear-head` takes the lower blocks."""
    if source is None:
        raise ConfigError(f"recipe {LINEAR_HEAD_RECIPE!r} takes blocks of a model: name that model with --from MODEL")
    return replace(source, freeze="encoder", part="blocks")


def _check_members(recipe: Recipe, source: Source | None, processes: int) -> None:
    """What cannot be asked of a recipe with members."""
    if source is not None:
        raise ConfigError(f"recipe {recipe.name!r} trains several networks, but --from is for a single one")
    if processes > 1:
        theirs = " and ".join(dict.fromkeys(recipe.members))
        raise ConfigError(
            f"recipe {recipe.name!r} trains in one process; to use --processes, train {theirs} one by one, then join "
            "them with 'earmark fuse'"
        )


def _say_unlabelled(reporter: Reporter, extra: Manifest, recipes: Sequence[Recipe]) -> None:
    """How many clips without labels there are, and whether the recipe had to be changed for them."""
    from earmark.errors import counted

    reporter.say(f"{counted(len(extra), 'clip')} without labels from {extra.source}")
    if any(recipe.training.self_training is None for recipe in recipes):
        reporter.say(
            "unlabelled clips need self-training; the recipe has none, so it is switched on with default settings"
        )


@dataclass(frozen=True)
class Fused:
    """What came of `fuse`."""

    model: Path
    members: tuple[str, ...]
    point: OperatingPoint


def fuse(models: Sequence[PathLike], output: PathLike, *, command: str = "") -> Fused:
    """Put models together into one whose scores are the mean of theirs; weights are copied."""
    from earmark.hub import locate
    from earmark.models.directory import join
    from earmark.training.card import fused_card

    output = Path(output)
    fusion, point = join(
        [locate(model) for model in models],
        output,
        lambda *found: fused_card(*found, name=output.name, command=command),
    )
    return Fused(output, fusion.names, point)
