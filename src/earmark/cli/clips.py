"""`earmark clips`: sound files cut around detections."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from earmark.cli import choices
from earmark.cli.console import OK, SOME_FAILED, Terminal


def command(
    events: Annotated[
        Path, typer.Argument(metavar="EVENTS", help="Table or folder that 'earmark detect' wrote, or any event file.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the clips and their table, clips.csv.")],
    per_label: Annotated[
        int | None, typer.Option("--per-label", min=1, help="Clips of each label at most. Default: all.")
    ] = None,
    confident: Annotated[
        bool, typer.Option("--confident", help="Take the highest scores first (the default).")
    ] = False,
    at_random: Annotated[bool, typer.Option("--random", help="Take random events.")] = False,
    balanced: Annotated[bool, typer.Option("--balanced", help="Take events of high, middle and low scores.")] = False,
    pad: Annotated[float, typer.Option("--pad", min=0, help="Seconds added before and after each event.")] = 0.0,
    seed: Annotated[int, typer.Option("--seed", help="Of --random.")] = 0,
    audio: choices.Audio = None,
    quiet: choices.Quiet = False,
) -> None:
    """Cut a sound file around each detected event.

    The files and their table are for review, and to train with.
    """
    from earmark import api
    from earmark.errors import ConfigError, counted

    chosen = [name for name, on in (("confident", confident), ("random", at_random), ("balanced", balanced)) if on]
    if len(chosen) > 1:
        raise ConfigError(f"--{chosen[0]} and --{chosen[1]} exclude each other; give one of them")
    terminal = Terminal(quiet)
    done = api.clips(
        events,
        output,
        per_label=per_label,
        order=chosen[0] if chosen else "confident",  # type: ignore[arg-type]
        pad=pad,
        seed=seed,
        audio=audio,
    )
    terminal.say(f"wrote {counted(len(done.written), 'clip')} and {output / 'clips.csv'}")
    terminal.faults(done.failed, "recordings that could not be used")
    raise typer.Exit(SOME_FAILED if done.failed else OK)
