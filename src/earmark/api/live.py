"""`listen`: events of sound that goes on, to wherever they are wanted."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TextIO

from earmark.api.models import open_models
from earmark.errors import ConfigError
from earmark.files import PathLike
from earmark.reporter import QUIET, Reporter

if TYPE_CHECKING:
    from earmark.audio.live import LiveSource
    from earmark.runtime.listening import Heard
    from earmark.runtime.live import Listener
    from earmark.runtime.sinks import Sink

GIGABYTE = 1e9


def listen(
    source: str = "mic",
    *,
    models: Sequence[PathLike] = (),
    rate: int | None = None,
    channels: int = 1,
    samples: str = "s16le",
    speed: float | None = 1.0,
    window: float | None = None,
    stride: float | None = None,
    look_ahead: float | None = None,
    patience: float | None = 0.0,
    min_score: float = 0.0,
    updates: bool = False,
    threshold: float | None = None,
    operating_point: PathLike | None = None,
    engine: str = "auto",
    lines: TextIO | None = None,
    outputs: Sequence[PathLike] = (),
    webhook: str | None = None,
    mqtt: str | None = None,
    node: str = "default",
    queue: PathLike | None = None,
    save_clips: PathLike | None = None,
    max_gb: float = 1.0,
    sinks: Sequence[Sink] = (),
    stdin: BinaryIO | None = None,
    stop: Callable[[], bool] = lambda: False,
    reporter: Reporter = QUIET,
) -> Heard:
    """Listen to a source until it is over, and give every event once, as it begins and as it ends.

    `source` is "mic", "-" (stdin: a wav, or `channels` of `samples` at `rate` Hz), a file, played at `speed` times its
    own (None: as fast as it goes), or a sound card by number or by part of its name. `window`, `stride` and
    `look_ahead` and `patience` are those of `earmark.Listener`.

    Updates go as lines of JSON to `lines`, to files (`outputs`: .jsonl, .csv, .tsv, .txt), to a URL (`webhook`), to a
    broker (`mqtt`, as `node`), and to `sinks` of your own. What cannot be sent is kept in the folder `queue`.
    `save_clips` is a folder for the sound of events, which is kept below `max_gb`. `stop` is asked after every block.
    """
    from earmark.engine import STRIDE
    from earmark.runtime.listening import listen as run
    from earmark.runtime.live import Listener

    if max_gb <= 0:
        raise ConfigError(f"--max-gb {max_gb:g} leaves no room for a clip; expected more than 0")
    tagger = open_models(
        models,
        device="cpu",
        precision="float32",
        engine=engine,
        threads=1,  # a window takes milliseconds: more threads would wait for one another
        threshold=threshold,
        operating_point=operating_point,
        reporter=reporter,
    )

    def listener_at(hertz: int | None) -> Listener:
        return Listener(
            tagger,
            rate=hertz,
            window=window,
            stride=STRIDE if stride is None else stride,
            look_ahead=look_ahead,
            patience=patience,
            min_score=min_score,
            updates=updates,
        )

    listener_at(None)  # what is wrong with the plan or the point is said before a source is opened
    opened = open_source(source, tagger.rate, rate=rate, channels=channels, samples=samples, speed=speed, stdin=stdin)
    listener = listener_at(opened.rate)
    made = [
        *sinks,
        *_sinks(listener, reporter, lines=lines, outputs=outputs, webhook=webhook, mqtt=mqtt, node=node, queue=queue),
    ]
    if save_clips is not None:
        from earmark.runtime.sinks import ClipSink

        made.append(ClipSink(Path(save_clips), opened.rate, max_gb * GIGABYTE, reporter.say))
    late = listener.latency
    doubted = "" if late.doubted is None else f"; where the clip score is in doubt, up to {late.doubted:.1f} s after"
    reporter.say(
        f"listening to {opened.name} at {opened.rate} Hz; events are reported up to {late.begin:.1f} s after they begin"
        f" and {late.end:.1f} s after they end"
        + (", or when their score is high enough" if late.conditional else "")
        + doubted
    )
    return run(listener, opened, made, reporter.say, stop=stop)


def input_devices() -> list[str]:
    """The sound cards that can record, a line each. Raises as `listen` to one does."""
    from earmark.audio.microphone import input_devices as found

    return found()


def open_source(
    source: str,
    preferred: int,
    *,
    rate: int | None = None,
    channels: int = 1,
    samples: str = "s16le",
    speed: float | None = 1.0,
    stdin: BinaryIO | None = None,
) -> LiveSource:
    """The source of a name, as `listen` has it; `preferred` is the rate of the model. Raises `AudioError`."""
    from earmark.audio.live import FileAsLive
    from earmark.audio.microphone import Microphone
    from earmark.audio.pcm import PcmStream

    if not source:
        raise ConfigError("--source is empty; it takes mic, - (stdin), a file, or a sound card")
    if source == "-":
        return PcmStream(sys.stdin.buffer if stdin is None else stdin, rate, channels, samples)
    if os.path.lexists(source):
        return FileAsLive(source, preferred, speed)
    if source != "mic" and (os.sep in source or os.path.splitext(source)[1]):
        raise ConfigError(f"{source}: no such file; --source takes mic, - (stdin), a file, or a sound card")
    device = None if source == "mic" else int(source) if source.isdecimal() else source
    return Microphone(device, preferred if rate is None else rate, preferred=rate is None)


def _sinks(
    listener: Listener,
    reporter: Reporter,
    *,
    lines: TextIO | None,
    outputs: Sequence[PathLike],
    webhook: str | None,
    mqtt: str | None,
    node: str,
    queue: PathLike | None,
) -> list[Sink]:
    from earmark.runtime.sinks import LineSink, MqttSink, WebhookSink
    from earmark.runtime.sinks.files import file_sink

    made: list[Sink] = [file_sink(Path(path)) for path in outputs]
    if lines is not None:
        made.append(LineSink(lines))
    if (webhook or mqtt) and queue is None:
        raise ConfigError(
            "--webhook and --mqtt need a folder for events that cannot be sent at once: add --queue FOLDER"
        )
    if webhook:
        assert queue is not None
        made.append(WebhookSink(webhook, Path(queue) / "webhook", reporter.say))
    if mqtt:
        assert queue is not None
        labels = listener.operating_point.reportable
        made.append(MqttSink(mqtt, node, labels, Path(queue) / "mqtt", reporter.say))
    return made
