"""Convolutions in int8: how much faster the ONNX twin is, and what becomes of its decisions, on the dev part of scapes.

    python -m benchmarks.accuracy.int8 SCAPES [--model MODEL] [--clips 200] [--write]

ONNX Runtime's own static quantisation (weights int8 a channel, activations uint8, ranges from recordings of the train
part). The more of the first convolutions stay in float32, the less is gained and lost. Needs the extra `export`. Prints
a section of docs/benchmarks.md. Speed is the least processor time of a window of ten seconds over many turns, one
thread. Two minutes.
"""

from __future__ import annotations

import argparse
import itertools
import pathlib
import sys
import tempfile
import time
from typing import Any

import numpy as np

from benchmarks.sections import machine, replace_section
from earmark.audio import read_audio
from earmark.data.manifest import read_manifest
from earmark.decisions import Decision, decide
from earmark.engine import rounded_to_one
from earmark.events import Event
from earmark.export.network import twin_of
from earmark.hub import locate
from earmark.metrics.event import event_metrics
from earmark.models.network import Network
from earmark.runtime.directory import load_point
from earmark.runtime.onnx import TWIN, TwinCard, open_session
from earmark.scores import Scores

RANGES, TURNS = 60, 40  # recordings that the ranges of activations are taken from, and runs that are timed
KEPT = (2, 6, 10)  # convolutions that stay in float32


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scapes", type=pathlib.Path, help="rendered splits")
    parser.add_argument("--model", default="earmark/everyday", help="model directory with an ONNX file, or a name")
    parser.add_argument("--clips", type=int, default=200, help="recordings of dev")
    parser.add_argument("--write", action="store_true", help="write the table into docs/benchmarks.md")
    args = parser.parse_args()
    folder = locate(args.model)
    plain = folder / TWIN
    card = TwinCard.from_metadata(open_session(plain, 1).get_modelmeta().custom_metadata_map, plain)
    sounds = [read_audio(record.path, card.rate).samples for record in clips(args.scapes / "train", RANGES)]
    records = clips(args.scapes / "dev", args.clips)
    with tempfile.TemporaryDirectory() as place:
        files = {"all in float32": plain}
        apart = pathlib.Path(place) / "unpaired.onnx"  # each convolution is one node, which can be quantised
        apart.write_bytes(twin_of(Network.from_pretrained(folder), card, paired=False))
        for kept in KEPT:
            name = f"all but the first {kept} in int8"
            files[name] = pathlib.Path(place) / f"{kept}.onnx"
            quantise(apart, files[name], sounds, kept)
        spent = times({name: open_session(path, 1) for name, path in files.items()}, sounds[0])
        found = {name: decisions(path, card, folder, records) for name, path in files.items()}
    truth = {record.name: [each for each in record.events or () if each.label in card.labels] for record in records}
    lines = [
        "## Convolutions in int8",
        "",
        f"{args.model} as an ONNX file on {len(records)} recordings of scapes dev, one thread: `agreement` is the "
        "event-based F1 of the events beside those in float32, `against the labels` that of the events themselves.",
        "",
        "| convolutions | ms a window of 10 s | speed | tags that differ | agreement | against the labels |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    wanted = found["all in float32"]
    for name, made in found.items():
        tags = sum(len(tags_of(one) ^ tags_of(other)) for one, other in zip(wanted, made, strict=True))
        every = sum(len(tags_of(one)) for one in wanted)
        same = event_metrics(events_of(wanted), events_of(made), card.labels).f1
        right = event_metrics(truth, events_of(made), card.labels).f1
        faster = spent["all in float32"] / spent[name]
        lines.append(
            f"| {name} | {1000 * spent[name]:.1f} | {faster:.2f} x | {tags} of {every} | {same:.3f} | {right:.3f} |"
        )
    if any(events_of(made) != events_of(wanted) for made in found.values()):
        lines += ["", "The decisions are not the same, so no model is exported in int8."]
    words = ["SCAPES" if word == str(args.scapes) else word for word in sys.argv[1:]]
    text = "\n".join([*lines, "", f"Command: `python -m benchmarks.accuracy.int8 {' '.join(words)}`. {machine()}"])
    print(text)
    if args.write:
        replace_section("benchmarks.md", "int8", text, title="# Benchmarks")


def clips(folder: pathlib.Path, count: int) -> list[Any]:
    return list(itertools.islice(read_manifest(folder).clips, count))


def quantise(source: pathlib.Path, target: pathlib.Path, sounds: list[np.ndarray], kept: int) -> None:
    """The file with all convolutions but the first `kept` in int8."""
    import onnx
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Sounds(CalibrationDataReader):
        def __init__(self) -> None:
            self.rest = iter(sounds)

        def get_next(self) -> dict[str, np.ndarray] | None:
            sound = next(self.rest, None)
            return None if sound is None else {"waveform": sound[None], "lengths": np.array([len(sound)])}

    names = [node.name for node in onnx.load(source).graph.node if node.op_type == "Conv"]
    quantize_static(
        source,
        target,
        Sounds(),
        quant_format=QuantFormat.QDQ,
        op_types_to_quantize=["Conv"],
        nodes_to_quantize=names[kept:],
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
    )


def times(sessions: dict[str, Any], sound: np.ndarray) -> dict[str, float]:
    """The least seconds of processor time of a run, the sessions in turns."""
    spent: dict[str, list[float]] = {name: [] for name in sessions}
    given = {"waveform": sound[None], "lengths": np.array([len(sound)])}
    for _ in range(TURNS):
        for name, session in sessions.items():
            begin = time.process_time()
            session.run(["clip", "frames"], given)
            spent[name].append(time.process_time() - begin)
    return {name: min(each) for name, each in spent.items()}


def decisions(path: pathlib.Path, card: TwinCard, folder: pathlib.Path, records: list[Any]) -> list[Decision]:
    session, point, made = open_session(path, 1), load_point(folder, card.labels), []
    for record in records:
        sound = read_audio(record.path, card.rate).samples
        given = {"waveform": sound[None], "lengths": np.array([len(sound)])}
        clip, frames = (rounded_to_one(each[0]) for each in session.run(["clip", "frames"], given))
        scores = Scores(record.name, card.labels, clip, frames, card.clock, len(sound) / card.rate)
        made.append(decide(scores, point))
    return made


def tags_of(decision: Decision) -> set[str]:
    return {label for label, _ in decision.tags}


def events_of(made: list[Decision]) -> dict[str, list[Event]]:
    return {decision.recording: decision.events for decision in made}


if __name__ == "__main__":
    main()
