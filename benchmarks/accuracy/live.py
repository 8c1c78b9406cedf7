"""Listening live beside `earmark detect`: the same events, and how good they are, on the dev part of scapes.

    python -m benchmarks.accuracy.live SCAPES --model MODEL [--plans live 10,0.4,0.4 ...] [--patience 0 4] [--write]

Two ways of playing the recordings: each by itself, and all behind one another as a stream without an end. Events found
live are compared with those that the model finds offline with its ordinary windows: event-based F1 (onsets within 0.2
s, offsets within 0.2 s or a fifth of the event), as if what is found offline were the truth. Beside it stands the F1 of
both against the labels, and how late the events begin live. A model directory with an ONNX file takes ten minutes on
one core.
"""

from __future__ import annotations

import argparse
import pathlib
import sys
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from benchmarks.sections import machine, replace_section
from earmark import api
from earmark.audio import read_audio
from earmark.data.manifest import read_manifest
from earmark.decisions import StreamDecoder, decide
from earmark.engine import LiveWindows
from earmark.events import Event
from earmark.metrics.event import event_metrics
from earmark.runtime.live import Listener, live_tagger
from earmark.runtime.tagger import Tagger
from earmark.scores import Scores

WANTED, PROMPT = 0.95, 2.0  # F1, and seconds
Events = dict[str, list[Event]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scapes", type=pathlib.Path, help="rendered splits, of which dev/ is used")
    parser.add_argument("--model", action="append", help="model directory; default: the model in the package")
    parser.add_argument("--engine", default="auto", choices=("auto", "onnx", "torch"))
    parser.add_argument("--operating-point", help="a file or a name, instead of the model's own")
    parser.add_argument("--plans", nargs="+", default=["live"], help="window,stride,look-ahead in seconds")
    parser.add_argument(
        "--patience", type=float, nargs="*", default=[], help="also with these seconds of patience, for gates in doubt"
    )
    parser.add_argument("--clips", type=int, help="only the first so many recordings")
    parser.add_argument("--stream", type=int, help="so many of them as one stream; default: all")
    parser.add_argument("--write", action="store_true", help="write the table into docs/results.md")
    args = parser.parse_args()
    rows = []
    for model in args.model or [None]:
        tagger = api.open_models([model] if model else [], operating_point=args.operating_point, engine=args.engine)
        rows += [[pathlib.Path(model or "everyday").name, *row] for row in rows_of(tagger, args)]
    print(section(rows, args))
    if args.write:
        replace_section("results.md", "live", section(rows, args), title="# Results")


def rows_of(tagger: Tagger, args: argparse.Namespace) -> Iterator[list]:
    waves: dict[str, np.ndarray] = {}
    truth: Events = {}
    for record in read_manifest(args.scapes / "dev").clips[: args.clips]:
        waves[record.name] = read_audio(record.path, tagger.rate).samples
        truth[record.name] = [event for event in record.events or () if event.label in tagger.labels]
    first = dict(list(waves.items())[: args.stream])
    for name, played, labelled in (
        (f"{len(waves)}, each by itself", waves, truth),
        (f"{len(first)} as one stream", *joined(first, truth, tagger.rate)),
    ):
        offline = found(tagger, played)
        for text in args.plans:
            windows = LiveWindows.parse(text)
            cutting = live_tagger(tagger, windows)
            heard = {each: cutting(samples, tagger.rate).scores for each, samples in played.items()}
            check(tagger, windows, played, heard)
            plan = cutting.model.plan
            asked = [min(plan.longest, strides(cutting, each)) for each in args.patience]
            for patience in dict.fromkeys((plan.patience, plan.longest, *asked)):
                live, late = played_live(cutting, heard, patience)
                row = [name, said(cutting, patience), *scores(tagger, offline, live, labelled), *lateness(late)]
                print(row, file=sys.stderr, flush=True)
                yield row


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


def strides(tagger: Tagger, seconds: float) -> int:
    return round(seconds * tagger.rate / tagger.model.plan.stride)


def played_live(tagger: Tagger, heard: dict[str, Scores], patience: int) -> tuple[Events, list[float]]:
    """Events by windows as they come, and how late each began; the same events as of the whole."""
    plan, live, late = tagger.model.plan, {}, []
    steps = plan.stride_steps
    for name, scores in heard.items():
        decoder = StreamDecoder(tagger.operating_point, scores.labels, scores.clock, patience=patience * steps)
        clips, updates = scores.windows.clip, []
        for number, clip in enumerate(clips):
            last = number == len(clips) - 1
            frames = scores.frames[number * steps : None if last else (number + 1) * steps]
            news = decoder.finish(scores.duration, frames, clip) if last else decoder.push(frames, clip)
            heard_until = scores.duration if last else plan.end(number) / tagger.rate
            late += [heard_until - update.onset for update in news if update.kind == "begin"]
            updates += [update.event for update in news if update.kind == "end"]
        waited = replace(scores, windows=replace(scores.windows, patience=patience * steps))
        live[name] = sorted(updates)
        assert live[name] == sorted(decide(waited, tagger.operating_point).events), "live is not what detect finds"
    return live, late


def lateness(late: list[float]) -> list[float]:
    """The share of events that began within two seconds, the median and the largest lateness."""
    seconds = np.array(late or [0.0])
    return [float((seconds <= PROMPT + 1e-6).mean()), float(np.median(seconds)), float(seconds.max())]


def check(tagger: Tagger, windows: LiveWindows, waves: dict[str, np.ndarray], heard: dict[str, Scores]) -> None:
    """A listener with the plan finds, block by block, what was found in the whole; on the first minute of sound."""
    name, samples = next(iter(waves.items()))
    listener = Listener(tagger, window=windows.window, stride=windows.stride, look_ahead=windows.look_ahead)
    cut = samples[: 60 * tagger.rate]
    ends = [update.event for update in listener(pieces(cut, tagger.rate)) if update.kind == "end"]
    whole = heard[name] if len(cut) == len(samples) else live_tagger(tagger, windows)(cut, tagger.rate).scores
    assert sorted(ends) == sorted(decide(whole, tagger.operating_point).events), "live is not what detect finds"


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


def said(tagger: Tagger, patience: int) -> str:
    """The plan of a tagger in seconds."""
    plan, rate = tagger.model.plan, tagger.rate
    samples = (plan.size, plan.stride, plan.ahead_steps * plan.step, patience * plan.stride)
    return " / ".join(f"{count / rate:g} s" for count in samples)


def section(rows: list[list], args: argparse.Namespace) -> str:
    lines = [
        "## Listening live",
        "",
        "Recordings of ten seconds of scapes dev, event-based F1. `agreement` is that of the events found live with "
        f"those of `earmark detect` on the same sound (wanted: at least {WANTED}, of recordings by themselves); `live` "
        "and `offline` are against the labels. The other columns say how late events began live: the share within 2 s, "
        "the median and the largest lateness, in seconds of sound. Each time, what was found window by window was the "
        "same as what `earmark detect --window-plan` found.",
        "",
        "An event whose clip score leaves its gate in doubt is waited for, at most for the seconds of patience: the "
        "less of it, the sooner, and the less like `earmark detect`, which has heard the whole recording. Of a stream "
        "without an end the whole is no clip: `earmark detect` opens the gate of a label for all of it where one "
        "window does.",
        "",
        "| model | recordings | window / stride / look-ahead / patience | agreement | live | offline | within 2 s | "
        "median | largest |",
        "|---|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    for model, name, plan, same, live, offline, soon, middle, most in rows:
        quality = f"{same:.3f} | {live:.3f} | {offline:.3f}"
        lines.append(f"| {model} | {name} | {plan} | {quality} | {100 * soon:.0f} % | {middle:.1f} | {most:.1f} |")
    models = {str(model): pathlib.Path(model).name for model in args.model or ()}
    words = ["SCAPES" if word == str(args.scapes) else models.get(word, word) for word in sys.argv[1:]]
    command = f"python -m benchmarks.accuracy.live {' '.join(words)}"
    return "\n".join([*lines, "", f"Command: `{command}`. {machine()}"])


if __name__ == "__main__":
    main()
