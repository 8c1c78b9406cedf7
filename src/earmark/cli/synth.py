"""`earmark synth`: soundscapes with strong labels from isolated recordings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from earmark.cli import choices
from earmark.cli.console import OK, SOME_FAILED, Terminal
from earmark.report.tables import counted

if TYPE_CHECKING:
    from earmark.data.soundscapes.tables import Made

_FOLDS = "Only recordings of these folds, by the table's split or fold column: 1-3, train; may be given several times."
_WHERE = "Only rows that fit, with * and ?: 'licence=CC0*', 'licence!=*NC*'; several times (one column: any of them)."


def command(
    clips: Annotated[
        list[Path],
        typer.Argument(metavar="CLIPS...", help="Isolated recordings, one label each: folder of folders, or CSV/TSV."),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to make; a stopped run goes on.")],
    number: Annotated[int, typer.Option("--clips", "-n", min=1, help="Soundscapes; more later adds to them.")] = 200,
    backgrounds: Annotated[
        Path | None, typer.Option("--backgrounds", help="Ambiences: a folder of recordings, or a table of them.")
    ] = None,
    background_labels: Annotated[
        list[str], typer.Option("--background-label", help="Label of CLIPS that is background; several times.")
    ] = [],  # noqa: B006 - the command line's default, never changed
    folds: Annotated[list[str], typer.Option("--fold", help=_FOLDS)] = [],  # noqa: B006 - as above
    where: Annotated[list[str], typer.Option("--where", metavar="COLUMN=VALUE", help=_WHERE)] = [],  # noqa: B006
    fold_by: Annotated[
        str | None,
        typer.Option(
            "--fold-by", metavar="COLUMN", help="Make five folds of a column (filename): equal cells together."
        ),
    ] = None,
    background_folds: Annotated[
        list[str], typer.Option("--background-fold", help="As --fold, for --backgrounds.")
    ] = [],  # noqa: B006 - as above
    background_where: Annotated[
        list[str], typer.Option("--background-where", metavar="COLUMN=VALUE", help="As --where, for --backgrounds.")
    ] = [],  # noqa: B006 - as above
    duration: Annotated[float, typer.Option("--duration", help="Of a soundscape, seconds.")] = 10.0,
    events: Annotated[
        tuple[int, int], typer.Option("--events", metavar="MIN MAX", help="Sounds laid into a soundscape.")
    ] = (1, 4),
    snr: Annotated[
        tuple[float, float], typer.Option("--snr", metavar="LOW HIGH", help="Of a sound over the background, dB.")
    ] = (0.0, 20.0),
    level: Annotated[
        tuple[float, float], typer.Option("--level", metavar="LOW HIGH", help="Of the background, dB re full scale.")
    ] = (-40.0, -28.0),
    speed: Annotated[
        tuple[float, float],
        typer.Option("--speed", metavar="LOW HIGH", help="Sounds are played slower or faster, pitch with it: 0.9 1.1."),
    ] = (1.0, 1.0),
    long_tail: Annotated[
        float, typer.Option("--long-tail", help="The first label by name is this often the last; 1: all alike.")
    ] = 1.0,
    polyphony: Annotated[int, typer.Option("--polyphony", help="Most sounds at one time.")] = 3,
    longest: Annotated[float, typer.Option("--longest", help="Of a sound, seconds; longer ones give a part.")] = 5.0,
    fade: Annotated[float, typer.Option("--fade", help="In and out of a sound, seconds.")] = 0.01,
    activity: Annotated[
        float, typer.Option("--activity", help="A sound is heard within so many dB of its recording's loudest moment.")
    ] = 30.0,
    rate: Annotated[int, typer.Option("--rate", help="Hz.")] = 32_000,
    seed: Annotated[int, typer.Option("--seed", help="Everything random follows from it.")] = 0,
    form: Annotated[Literal["wav", "flac"], typer.Option("--format", "-f", help="Of the audio, 16 bits.")] = "wav",
    audio: choices.Audio = None,
    processes: Annotated[int, typer.Option("--processes", min=1, help="Any number makes the same.")] = 1,
    quiet: choices.Quiet = False,
) -> None:
    """Lay isolated recordings over backgrounds: soundscapes with weak and strong labels, and whose sounds they are."""
    from earmark.data.soundscapes.choice import Choice
    from earmark.data.soundscapes.options import SoundscapeOptions
    from earmark.data.soundscapes.rendering import make_soundscapes
    from earmark.data.soundscapes.sources import read_sources
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
    over = counted(beds, "background") if beds else "noise made on the spot, for want of backgrounds"
    sounds = sum(map(len, sources.sounds.values()))
    terminal.say(f"{counted(sounds, 'recording')} of {counted(len(sources.sounds), 'label')} over {over}")
    with terminal.bar("mixing") as bar:
        made = make_soundscapes(output, sources, wanted, number, processes=processes, progress=bar)
    _tell(terminal, made, output)
    faults = [*map(str, sources.problems), *made.faults]
    terminal.faults(faults, "recordings left out")
    raise typer.Exit(SOME_FAILED if faults else OK)


def _check(clips: list[Path], audio: Path | None, backgrounds: Path | None, of_backgrounds: list[str]) -> None:
    """What cannot be asked for together."""
    from earmark.errors import ConfigError

    if audio is not None and len(clips) > 1:
        raise ConfigError("--audio says where one table's recordings are; with several, put each table beside its own")
    if of_backgrounds and backgrounds is None:
        raise ConfigError("--background-fold and --background-where choose among --backgrounds, and there are none")


def _tell(terminal: Terminal, made: Made, output: Path) -> None:
    from earmark.report.tables import Table

    rows = tuple((row.label, row.soundscapes, row.events, row.seconds, row.recordings) for row in made.labels)
    terminal.table(Table(("label", "soundscapes", "events", "seconds", "recordings"), rows))
    kept = made.soundscapes - made.written
    there = f", {kept} of them there before" if kept else ""
    terminal.say(f"{counted(made.soundscapes, 'soundscape')}{there}: {output}")
    if made.crowded_out:
        terminal.say(
            f"{counted(made.crowded_out, 'sound')} left out for want of room: fewer, shorter, or more at one time"
        )
