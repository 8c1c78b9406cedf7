"""`earmark train`: weak labels in, model directory out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from earmark.cli import choices
from earmark.cli.console import Terminal, count
from earmark.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from earmark.data.records import Manifest
    from earmark.recipes import Recipe
    from earmark.training.request import Request
    from earmark.training.transfer import Source


def command(
    data: choices.Data,
    output: Annotated[Path, typer.Option("--output", "-o", help="Model directory to make; a stopped run goes on.")],
    recipe: Annotated[str, typer.Option("--recipe", help="Name of a recipe, or a YAML file.")] = "default",
    changes: Annotated[
        list[str], typer.Option("--set", metavar="KEY=VALUE", help="Change a key, e.g. training.learning_rate=5e-4.")
    ] = [],  # noqa: B006 - the command line's default, never changed
    origin: Annotated[
        str | None,
        typer.Option("--from", metavar="MODEL", help="Begin with this model's network and weights, under new labels."),
    ] = None,
    freeze: Annotated[
        Literal["encoder"] | None, typer.Option("--freeze", help="With --from: keep this part as it is.")
    ] = None,
    audio: choices.Audio = None,
    valid: Annotated[
        Path | None, typer.Option("--valid", help="Validation data of its own; strong labels tune detection.")
    ] = None,
    valid_audio: Annotated[Path | None, typer.Option("--valid-audio", help="Folder of its audio.")] = None,
    valid_fraction: Annotated[
        float,
        typer.Option("--valid-fraction", min=0, max=0.9, help="Share of clips set aside, when nothing says which."),
    ] = 0.15,
    valid_fold: Annotated[
        str | None, typer.Option("--valid-fold", help="Value of the split/fold column that validates.")
    ] = None,
    unlabelled: Annotated[
        Path | None,
        typer.Option("--unlabelled", help="Folder or list of recordings without labels: self-training uses them too."),
    ] = None,
    epochs: Annotated[int | None, typer.Option("--epochs", min=1, help="Passes over the data.")] = None,
    steps: Annotated[int | None, typer.Option("--steps", min=1, help="Updates in all, in place of --epochs.")] = None,
    seed: Annotated[int, typer.Option("--seed", help="Everything random follows from it.")] = 0,
    device: choices.Device = "auto",
    precision: choices.Precision = "auto",
    processes: Annotated[int, typer.Option("--processes", min=1, help="GPUs, or processes on CPU.")] = 1,
    workers: Annotated[int, typer.Option("--workers", min=0, help="Processes that load data.")] = 0,
    cache: Annotated[
        Literal["auto", "on", "off"], typer.Option("--cache", help="Decode clips once, to disk beside the model.")
    ] = "auto",
    profile: Annotated[bool, typer.Option("--profile", help="Write where the time went into MODEL/training.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Begin anew where a model or a run is.")] = False,
    quiet: choices.Quiet = False,
) -> None:
    """Train a model on clips that carry tags only. Stopped, the same command goes on where it stopped."""
    from earmark.cli.training_run import Command, train_fused, train_one
    from earmark.data.reading import Wanted, read_parts
    from earmark.data.unlabelled import read_unlabelled
    from earmark.devices import resolve_device
    from earmark.models.directory import MEMBERS
    from earmark.recipes import load_recipe
    from earmark.recipes.members import load_members, member_seeds
    from earmark.training.job import require_engine
    from earmark.training.request import Request, clear
    from earmark.training.systems import Systems

    require_engine()
    from earmark.cli.training_progress import is_follower

    terminal = Terminal(quiet or is_follower())
    source = _source(origin, freeze, output)
    chosen, members = load_members(recipe, changes)
    if not members:
        chosen = load_recipe(recipe, changes, source.network if source else None)
    on = resolve_device(device)
    part = Wanted(valid, valid_audio, valid_fraction, valid_fold)
    train_part, valid_part, doubts = read_parts(data, audio, part, seed)
    extra = None
    if unlabelled is not None:
        extra = read_unlabelled(unlabelled, [train_part, *([valid_part] if valid_part else [])])
        doubts = (*doubts, *extra.problems)
        _say_unlabelled(terminal, extra, list(members.values()) or [chosen])

    def asked(what: Recipe, where: Path, seed: int) -> Request:
        training = what.training.lasting(epochs, steps)
        training = training if extra is None else training.self_trained()
        text = what.model_copy(update={"training": training}).to_yaml()
        return Request(train_part, valid_part, what.network, training, where, seed, text, cache, source, extra)

    if members:
        _check_fused(chosen, source, processes)
    if overwrite and not is_follower():
        clear(output)
    given = Command(terminal, doubts, on, precision, processes, workers, profile)
    if members:
        seeds = member_seeds(members, seed)
        requests = {name: asked(member, output / MEMBERS / name, seeds[name]) for name, member in members.items()}
        code = train_fused(given, Systems(requests, output, chosen.to_yaml()), chosen.name)
    else:
        code = train_one(given, asked(chosen, output, seed), chosen.name)
    raise typer.Exit(code)


def _say_unlabelled(terminal: Terminal, extra: Manifest, recipes: Sequence[Recipe]) -> None:
    """How many clips without labels there are, and whether the recipe had to be changed for them."""
    terminal.say(f"{count(len(extra), 'clip')} without labels from {extra.source}")
    if any(recipe.training.self_training is None for recipe in recipes):
        terminal.say("the recipe has no training.self_training, without which they are of no use: on, by its defaults")


def _check_fused(recipe: Recipe, source: Source | None, processes: int) -> None:
    """What cannot be asked of a recipe with members."""
    if source is not None:
        raise ConfigError(f"recipe {recipe.name!r} trains several networks: --from is for one")
    if processes > 1:
        theirs = " and ".join(dict.fromkeys(recipe.members))
        raise ConfigError(
            f"recipe {recipe.name!r} trains in one process; with --processes train {theirs} by themselves, "
            "then put them together with 'earmark fuse'"
        )


def _source(origin: str | None, freeze: Literal["encoder"] | None, output: Path) -> Source | None:
    """The model to begin with, fetched where it is a public one."""
    from earmark.hub import locate
    from earmark.training.transfer import Source

    if origin is None:
        if freeze is not None:
            raise ConfigError(f"--freeze {freeze} keeps a part of a model there is: say which with --from MODEL")
        return None
    source = Source(origin, locate(origin), freeze)
    if source.directory.resolve() == output.resolve():
        raise ConfigError(f"--from {origin} and -o {output} are the same directory; give another one to write into")
    return source
