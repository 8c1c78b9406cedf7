"""Log-mel, 64 bands at 32 kHz: ours beside torchlibrosa, librosa and kaldi-native-fbank, one thread.

    python -m benchmarks.speed.logmel [--quick] [--write]

The settings of PANNs: windows of 1,024 samples every 320, 50 to 14,000 Hz, decibels; a batch of 16 ten-second clips,
and one clip. torchlibrosa and librosa compute the same numbers, which is checked; kaldi-native-fbank has another
definition of the same size. A rival that is not installed is left out, and named. Half a minute.
"""

from __future__ import annotations

import contextlib
import tempfile

from benchmarks.speed.timing import (
    MissingRivalError,
    Row,
    Worker,
    arguments,
    parsed,
    publish,
    seconds,
    table,
    take_turns,
)

RATE = 32_000
SAME = 1e-2  # dB
RIVALS = {
    "torchlibrosa": {"batch": 9.0, "one": 8.0},
    "librosa": {"batch": 1.0, "one": 1.0},
    "kaldi": {"batch": 1.0, "one": 1.0},
}
NAMES = {"kaldi": "kaldi-native-fbank"}


def main() -> None:
    parser = arguments(__doc__, turns=15)
    parser.add_argument("--clips", type=int, default=16, help="in a batch")
    parser.add_argument("--seconds", type=float, default=10.0, help="length of a clip")
    asked = parsed(parser)
    if asked.quick:
        asked.clips, asked.seconds = 4, 2.0
    rows: list[Row] = []
    said: list[str] = []
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        sizes = {"folder": folder, "clips": asked.clips, "samples": round(asked.seconds * RATE)}
        ours = stack.enter_context(Worker("ours.logmel:start", sizes))
        rivals: dict[str, Worker] = {}
        for name in RIVALS:
            try:
                rivals[name] = stack.enter_context(Worker(f"rivals.logmel:{name}", sizes))
            except MissingRivalError as missing:
                said.append(f"Left out: {missing}.")
        for name, worker in rivals.items():
            shape = worker.do("save").result
            if name != "kaldi":
                apart = ours.do("apart", name).result
                assert apart < SAME, (name, apart)
                said.append(f"Ours and {name}'s differ by at most {apart:.0e} dB.")
            else:
                said.append(f"{NAMES[name]} gives {shape[1]} frames of {shape[2]} bands, by another definition.")
        for job, clips, title in (("batch", asked.clips, f"batch of {asked.clips}"), ("one", 1, "one clip")):
            took = {name: seconds(found) for name, found in take_turns({**rivals, "": ours}, job, asked.turns).items()}
            rows += [
                Row(title, NAMES.get(name, name), took[name], took[""], RIVALS[name][job], clips * asked.seconds)
                for name in rivals
            ]
    lines = [
        "## Log-mel",
        "",
        f"Clips of {asked.seconds:g} s at 32 kHz, 64 bands, windows of 1,024 every 320 samples; one thread; seconds of "
        f"sound a second, medians of {asked.turns} runs (min-max). {' '.join(said)}",
        "",
        *table(rows, "audio s"),
    ]
    publish("speed-logmel", lines, asked, ["torchlibrosa", "librosa", "kaldi-native-fbank"])


if __name__ == "__main__":
    main()
