"""Listening live beside `earmark detect`: the same events, and how good they are, on the dev part of scapes.

    python -m benchmarks.accuracy.live SCAPES --model MODEL [--plans live 10,0.4,0.4 ...] [--write]

Two ways of playing the recordings: each by itself, and all behind one another as a stream without an end. Events found
live are compared with those that the model finds offline with its ordinary windows: event-based F1 (onsets within 0.2
s, offsets within 0.2 s or a fifth of the event), as if what is found offline were the truth. Beside it stands the F1 of
both against the labels. A model directory with an ONNX file takes ten minutes on one core.
"""

from __future__ import annotations

import argparse
import pathlib
import sys
from collections.abc import Iterator

import numpy as np

from benchmarks.sections import machine, replace_section
from earmark import api
from earmark.audio import read_audio
from earmark.data.manifest import read_manifest
from earmark.engine import LiveWindows
from earmark.events import Event
from earmark.metrics.event import event_metrics
from earmark.runtime.live import Listener, live_tagger
from earmark.runtime.tagger import Tagger

WANTED = 0.95
Events = dict[str, list[Event]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scapes", type=pathlib.Path, help="rendered splits, of which dev/ is used")
    parser.add_argument("--model", help="model directory; default: the model in the package")
    parser.add_argument("--operating-point", help="a file or a name, instead of the model's own")
    parser.add_argument("--plans", nargs="+", default=["live"], help="window,stride,look-ahead in seconds")
    parser.add_argument("--clips", type=int, help="only the first so many recordings")
    parser.add_argument("--write", action="store_true", help="write the table into docs/results.md")
    args = parser.parse_args()
    tagger = api.open_models([args.model] if args.model else [], operating_point=args.operating_point)
    manifest = read_manifest(args.scapes / "dev")
    waves = {}
    truth: Events = {}
    for record in manifest.clips[: args.clips]:
        waves[record.name] = read_audio(record.path, tagger.rate).samples
        truth[record.name] = [event for event in record.events or () if event.label in tagger.labels]
    rows = []
    for name, played, labelled in (
        ("each by itself", waves, truth),
        ("as one stream", *joined(waves, truth, tagger.rate)),
    ):
        offline = found(tagger, played)
        for text in args.plans:
            windows = LiveWindows.parse(text)
            cutting = live_tagger(tagger, windows)
            live = found(cutting, played)
            check(tagger, windows, played, live)
            rows.append([name, said(cutting), *scores(tagger, offline, live, labelled)])
            print(rows[-1], file=sys.stderr, flush=True)
    print(section(rows, args, len(waves)))
    if args.write:
        replace_section("results.md", "live", section(rows, args, len(waves)), title="# Results")


def joined(waves: dict[str, np.ndarray], truth: Events, rate: int) -> tuple[dict[str, np.ndarray], Events]:
    """All recordings behind one another, and their events on that clock."""
    begin, events = 0, []
    for name, samples in waves.items():
        shift = begin / rate
        events += [event._replace(onset=event.onset + shift, offset=event.offset + shift) for event in truth[name]]
        begin += len(samples)
    return {"stream": np.concatenate(list(waves.values()))}, {"stream": events}


def found(tagger: Tagger, waves: dict[str, np.ndarray]) -> Events:
    return {name: tagger(samples, tagger.rate).events for name, samples in waves.items()}


def check(tagger: Tagger, windows: LiveWindows, waves: dict[str, np.ndarray], expected: Events) -> None:
    """A listener with the plan finds, block by block, what was found in the whole; on the first minute of sound."""
    name, samples = next(iter(waves.items()))
    listener = Listener(tagger, window=windows.window, stride=windows.stride, look_ahead=windows.look_ahead)
    cut = samples[: 60 * tagger.rate]
    ends = [update.event for update in listener(pieces(cut, tagger.rate)) if update.kind == "end"]
    wanted = expected[name] if len(cut) == len(samples) else live_tagger(tagger, windows)(cut, tagger.rate).events
    assert sorted(ends) == sorted(wanted), "live is not what detect finds"


def pieces(samples: np.ndarray, rate: int) -> Iterator[np.ndarray]:
    rng = np.random.default_rng(0)
    begin = 0
    while begin < len(samples):
        end = begin + int(rng.integers(1, rate))
        yield samples[begin:end]
        begin = end


def scores(tagger: Tagger, offline: Events, live: Events, truth: Events) -> list[float]:
    """Agreement, and both against the labels."""
    pairs = ((offline, live), (truth, live), (truth, offline))
    return [event_metrics(reference, estimate, tagger.labels).f1 for reference, estimate in pairs]


def said(tagger: Tagger) -> str:
    """The plan of a tagger in seconds."""
    plan, rate = tagger.model.plan, tagger.rate
    return f"{plan.size / rate:g} s / {plan.stride / rate:g} s / {plan.ahead_steps * plan.step / rate:g} s"


def section(rows: list[list], args: argparse.Namespace, clips: int) -> str:
    lines = [
        "## Listening live",
        "",
        f"The first {clips} recordings of ten seconds of scapes dev, event-based F1. `agreement` is that of the events "
        f"found live with those of `earmark detect` on the same sound (wanted: at least {WANTED}); the other columns "
        "are against the labels. Each time, what a `Listener` found block by block was the same as what "
        "`earmark detect --window-plan` found.",
        "",
        "| recordings | window / stride / look-ahead | agreement | live | offline |",
        "|---|---|---:|---:|---:|",
        *(f"| {name} | {plan} | {same:.3f} | {live:.3f} | {offline:.3f} |" for name, plan, same, live, offline in rows),
    ]
    words = ["SCAPES" if word == str(args.scapes) else "MODEL" if word == args.model else word for word in sys.argv[1:]]
    command = f"python -m benchmarks.accuracy.live {' '.join(words)}"
    return "\n".join([*lines, "", f"Command: `{command}`. {machine()}"])


if __name__ == "__main__":
    main()
