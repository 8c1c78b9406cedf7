"""`earmark listen`: live audio, each event once, as it happens."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from earmark.cli import choices


def command(
    models: choices.Models = [],  # noqa: B006 - the command line's default, never changed
    source: Annotated[
        str,
        typer.Option(
            "--source",
            "-s",
            help="mic, - for standard input, an audio file (as if it were live), or a sound card: its number or a part "
            "of its name.",
        ),
    ] = "mic",
    devices: Annotated[bool, typer.Option("--devices", help="List the sound cards that can record, and stop.")] = False,
    rate: Annotated[
        int | None,
        typer.Option("--rate", help="Hz: of standard input without a wav header, or what a sound card is asked for."),
    ] = None,
    channels: Annotated[
        int, typer.Option("--channels", min=1, help="Channels of standard input without a wav header.")
    ] = 1,
    samples: Annotated[
        str,
        typer.Option(
            "--samples", help="Samples of standard input without a wav header: u8, s16le, s24le, s32le, f32le, f64le."
        ),
    ] = "s16le",
    speed: Annotated[
        str, typer.Option("--speed", help="How fast a file is played: a number, or max for as fast as it goes.")
    ] = "1",
    window: Annotated[
        float | None, typer.Option("--window", help="Seconds that the model hears at once. Default: the model's own.")
    ] = None,
    stride: Annotated[
        float | None, typer.Option("--stride", help="Seconds between two runs of the model. Default: 0.4.")
    ] = None,
    look_ahead: Annotated[
        float | None,
        typer.Option(
            "--look-ahead",
            help="Seconds of sound that the model hears beyond what it scores. Default: as many as keep a begin within "
            "2 s.",
        ),
    ] = None,
    patience: Annotated[
        float,
        typer.Option(
            "--patience",
            help="Seconds that an event is waited for whose clip score is in doubt. 0 decides at once; as many as the "
            "window has find most of what 'earmark detect' finds.",
        ),
    ] = 0.0,
    min_score: choices.MinScore = 0.0,
    updates: Annotated[
        bool, typer.Option("--updates", help="Also report how events stand while they go on, once a stride.")
    ] = False,
    threshold: choices.Threshold = None,
    operating_point: choices.OperatingPointFile = None,
    outputs: Annotated[
        list[Path],
        typer.Option(
            "--output",
            "-o",
            help="File to append to: .jsonl (every update), .csv, .tsv or .txt (every event, when it has ended). May "
            "be repeated. Default: lines of JSON on standard output.",
        ),
    ] = [],  # noqa: B006 - the same
    webhook: Annotated[str | None, typer.Option("--webhook", help="URL to which every update is posted.")] = None,
    mqtt: Annotated[
        str | None,
        typer.Option("--mqtt", help="MQTT broker, mqtt://user:password@host:1883; Home Assistant finds the sensors."),
    ] = None,
    node: Annotated[str, typer.Option("--node", help="Name of this listener in MQTT topics.")] = "default",
    queue: Annotated[
        Path | None, typer.Option("--queue", help="Folder for what --webhook and --mqtt cannot send at once.")
    ] = None,
    save_clips: Annotated[
        Path | None, typer.Option("--save-clips", help="Folder for a sound file of each event.")
    ] = None,
    max_gb: Annotated[
        float, typer.Option("--max-gb", help="Size at which the oldest sound files of events are deleted.")
    ] = 1.0,
    engine: choices.Engine = "auto",
    quiet: choices.Quiet = False,
) -> None:
    """Listen live and report each event once, as it happens."""
    from earmark import api
    from earmark.cli.console import BarReporter, Terminal
    from earmark.errors import counted

    terminal = Terminal(quiet)
    if devices:
        for line in api.input_devices() or ["no sound card can record"]:
            terminal.print(line)
        return
    with BarReporter(terminal) as reporter, _stopped_by_signals() as stop:
        outcome = api.listen(
            source,
            models=models,
            rate=rate,
            channels=channels,
            samples=samples,
            speed=_speed(speed),
            window=window,
            stride=stride,
            look_ahead=look_ahead,
            patience=patience,
            min_score=min_score,
            updates=updates,
            threshold=threshold,
            operating_point=operating_point,
            engine=engine,
            lines=None if outputs or webhook or mqtt else sys.stdout,
            outputs=outputs,
            webhook=webhook,
            mqtt=mqtt,
            node=node,
            queue=queue,
            save_clips=save_clips,
            max_gb=max_gb,
            stop=stop,
            reporter=reporter,
        )
    terminal.say(f"{counted(outcome.events, 'event')} in {outcome.seconds:.1f} s")


@contextmanager
def _stopped_by_signals() -> Iterator[Callable[[], bool]]:
    """Whether Ctrl-C or SIGTERM came: the listening ends after the block it is at, so no update is lost.

    A second one ends it at once, as where a source gives nothing.
    """
    came: list[int] = []

    def note(number: int, _: object) -> None:
        came.append(number)
        if len(came) > 1:
            raise KeyboardInterrupt

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(came)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _speed(text: str) -> float | None:
    if text == "max":
        return None
    try:
        return float(text)
    except ValueError:
        raise typer.BadParameter(f"--speed {text}: expected a number, or max") from None
