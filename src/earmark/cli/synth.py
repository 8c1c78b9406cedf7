"""`earmark synth`: soundscapes with strong labels from isolated recordings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from earmark.cli import choices
from earmark.cli.console import OK, SOME_FAILED, BarReporter, Terminal
from earmark.errors import counted

if TYPE_CHECKING:
    from earmark.data.soundscapes.tables import Made

_FOLDS = "Use only these folds, by the split or fold column of the table: 1-3, train; may be repeated."
_WHERE = (
    "Use only rows that match, with * and ?: 'licence=CC0*', 'licence!=*NC*'; may be repeated (values of one column "
    "are alternatives)."
)


def command(
    clips: Annotated[
        list[Path],
        typer.Argument(
            metavar="CLIPS...",
            help="Isolated recordings with one label each: folder of folders, or table (CSV, TSV).",
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Output folder; a stopped run continues there.")],
    number: Annotated[
        int, typer.Option("--clips", "-n", min=1, help="Number of soundscapes; a larger number later adds more.")
    ] = 200,
    backgrounds: Annotated[
        Path | None, typer.Option("--backgrounds", help="Folder or table of background recordings.")
    ] = None,
    background_labels: Annotated[
        list[str], typer.Option("--background-label", help="Use this label of CLIPS as background; may be repeated.")
    ] = [],  # noqa: B006 - the command line's default, never changed
    folds: Annotated[list[str], typer.Option("--fold", help=_FOLDS)] = [],  # noqa: B006 - as above
    where: Annotated[list[str], typer.Option("--where", metavar="COLUMN=VALUE", help=_WHERE)] = [],  # noqa: B006
    fold_by: Annotated[
        str | None,
        typer.Option(
            "--fold-by",
            metavar="COLUMN",
            help="Make five folds from this column (e.g. filename); rows with equal cells stay together.",
        ),
    ] = None,
    background_folds: Annotated[
        list[str], typer.Option("--background-fold", help="Like --fold, for --backgrounds.")
    ] = [],  # noqa: B006 - as above
    background_where: Annotated[
        list[str], typer.Option("--background-where", metavar="COLUMN=VALUE", help="Like --where, for --backgrounds.")
    ] = [],  # noqa: B006 - as above
    duration: Annotated[float, typer.Option("--duration", help="Length of a soundscape, in seconds.")] = 10.0,
    events: Annotated[
        tuple[int, int],
        typer.Option("--events", metavar="MIN MAX", help="Least and largest number of sounds per soundscape."),
    ] = (1, 4),
    snr: Annotated[
        tuple[float, float],
        typer.Option("--snr", metavar="LOW HIGH", help="Level of a sound above the background, in dB."),
    ] = (0.0, 20.0),
    level: Annotated[
        tuple[float, float],
        typer.Option("--level", metavar="LOW HIGH", help="Level of the background, in dB relative to full scale."),
    ] = (-40.0, -28.0),
    speed: Annotated[
        tuple[float, float],
        typer.Option(
            "--speed", metavar="LOW HIGH", help="Play sounds slower or faster, which changes their pitch: 0.9 1.1."
        ),
    ] = (1.0, 1.0),
    long_tail: Annotated[
        float,
        typer.Option(
            "--long-tail",
            help=(
                "How many times more frequent the alphabetically first label is than the last; 1 for equal frequencies."
            ),
        ),
    ] = 1.0,
    polyphony: Annotated[int, typer.Option("--polyphony", help="Largest number of simultaneous sounds.")] = 3,
    longest: Annotated[
        float, typer.Option("--longest", help="Longest sound, in seconds; only a part of longer ones is used.")
    ] = 5.0,
    fade: Annotated[float, typer.Option("--fade", help="Fade-in and fade-out of each sound, in seconds.")] = 0.01,
    activity: Annotated[
        float,
        typer.Option(
            "--activity",
            help="A sound is active while it is within this many dB of the loudest moment of its recording.",
        ),
    ] = 30.0,
    rate: Annotated[int, typer.Option("--rate", help="Hz.")] = 32_000,
    seed: Annotated[int, typer.Option("--seed", help="Seed of all randomness.")] = 0,
    form: Annotated[
        Literal["wav", "flac"], typer.Option("--format", "-f", help="Format of the audio (16 bit).")
    ] = "wav",
    audio: choices.Audio = None,
    processes: Annotated[
        int, typer.Option("--processes", min=1, help="Number of processes; the result does not depend on it.")
    ] = 1,
    quiet: choices.Quiet = False,
) -> None:
    """Mix isolated recordings into labelled soundscapes.

    Each soundscape has weak and strong labels and a list of its sources. A run that was stopped continues with the same
    command.
    """
    from earmark.data.soundscapes.options import SoundscapeOptions
    from earmark.data.soundscapes.rendering import make_soundscapes
    from earmark.data.soundscapes.sources import Choice, read_sources
    from earmark.files import check_folder

    wanted = SoundscapeOptions.parse(
        {
            **{"seed": seed, "seconds": duration, "rate": rate, "events": events, "snr": snr, "level": level},
            **{"polyphony": polyphony, "long_tail": long_tail, "longest": longest, "activity": activity},
            **{"fade": fade, "speed": speed, "format": form},
        },
        "soundscapes",
    )
    _check(clips, audio, backgrounds, [*background_folds, *background_where])
    check_folder(output)
    terminal = Terminal(quiet)
    sources = read_sources(
        clips,
        audio=audio,
        choice=Choice(tuple(folds), tuple(where), fold_by),
        background_labels=background_labels,
        backgrounds=backgrounds,
        background_choice=Choice(
            tuple(background_folds), tuple(background_where), fold_by if background_folds else None
        ),
    )
    beds = sum(map(len, sources.backgrounds.values()))
    over = counted(beds, "background") if beds else "synthetic noise, because no backgrounds were given"
    sounds = sum(map(len, sources.sounds.values()))
    terminal.say(f"{counted(sounds, 'recording')} of {counted(len(sources.sounds), 'label')} over {over}")
    with BarReporter(terminal) as reporter:
        progress = reporter.stage("mixing")
        made = make_soundscapes(output, sources, wanted, number, processes=processes, progress=progress)
    _tell(terminal, made, output)
    faults = [*map(str, sources.problems), *made.faults]
    terminal.faults(faults, "recordings left out")
    raise typer.Exit(SOME_FAILED if faults else OK)


def _check(clips: list[Path], audio: Path | None, backgrounds: Path | None, of_backgrounds: list[str]) -> None:
    """What cannot be asked for together."""
    from earmark.errors import ConfigError

    if audio is not None and len(clips) > 1:
        raise ConfigError("--audio is for one table only; with several tables, put each beside its recordings")
    if of_backgrounds and backgrounds is None:
        raise ConfigError("--background-fold and --background-where need --backgrounds")


def _tell(terminal: Terminal, made: Made, output: Path) -> None:
    from earmark.report.tables import Table

    rows = tuple((row.label, row.soundscapes, row.events, row.seconds, row.recordings) for row in made.labels)
    terminal.table(Table(("label", "soundscapes", "events", "seconds", "recordings"), rows))
    kept = made.soundscapes - made.written
    there = f", {kept} of them already there" if kept else ""
    terminal.say(f"{counted(made.soundscapes, 'soundscape')}{there}: {output}")
    if made.crowded_out:
        terminal.say(
            f"{counted(made.crowded_out, 'sound')} did not fit and were left out; use fewer or shorter sounds, or a "
            "larger --polyphony"
        )
