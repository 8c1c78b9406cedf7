"""Listening without PyTorch beside listening with it: the first event, memory, the environment, steady state.

    python -m benchmarks.speed.light [--light LIGHT/bin/python ...] [--quick] [--write]

The model in the package on clips of ten seconds, one thread. `--light` is the interpreter of an environment that holds
nothing but `pip install earmark` (`make light`): then the process is started there, and its packages are measured.
Given again, for other versions of Python, it measures their packages too. CPU seconds are counted, so that other
programs on the machine matter less. Two minutes.
"""

from __future__ import annotations

import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

from benchmarks.speed.timing import SOURCE, Row, Worker, arguments, figure, parsed, publish, table, take_turns

RATE, SECONDS = 32_000, 10.0
SAME = 1e-5  # scores
WANTED = 1.2  # times PyTorch's float32
MEASURED = """
import resource, subprocess, sys, time
begin = time.perf_counter()
done = subprocess.run(sys.argv[1:], capture_output=True, text=True)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
spent = used.ru_utime + used.ru_stime
print(done.returncode, time.perf_counter() - begin, spent, used.ru_maxrss / 1024, len(done.stdout.splitlines()))
"""


def main() -> None:
    parser = arguments(__doc__, turns=9)
    parser.add_argument("--light", action="append", help="interpreter of an environment without PyTorch")
    asked = parsed(parser)
    light = asked.light or [sys.executable]
    lines = [
        "## Without PyTorch",
        "",
        f"The model in the package on clips of {SECONDS:g} s, one thread; medians of {asked.turns} turns. A whole "
        "process of `earmark detect`, from its start to its last event. The load of the machine was "
        f"{os.getloadavg()[1]:.1f}: above 2 the seconds are longer than the CPU seconds, on an idle machine they are "
        "not.",
        "",
        "| engine | s | CPU s | peak memory, MB |",
        "|---|---:|---:|---:|",
    ]
    with tempfile.TemporaryDirectory() as folder:
        clip = pathlib.Path(folder) / "clip.wav"
        write(clip)
        sides = {
            "onnx": [light[0], "--engine", "onnx"],
            "torch, float32": [sys.executable, "--engine", "torch", "--precision", "float32"],
            "torch, bf16": [sys.executable, "--engine", "torch", "--precision", "bf16"],
        }
        taken: dict[str, list[tuple[float, float, float]]] = {name: [] for name in sides}
        for turn in range(asked.turns + 1):
            for name, (python, *options) in sides.items():
                measured = process(python, clip, options)
                if turn:  # the first finds caches cold
                    taken[name].append(measured)
    for name, each in taken.items():
        wall, processor, memory = (statistics.median(column) for column in zip(*each, strict=True))
        lines.append(f"| {name} | {figure(wall)} | {figure(processor)} | {figure(memory)} |")
    for python in asked.light or ():
        lines += ["", environment(python)]
    lines += ["", *steady(asked.turns)]
    publish("speed-light", lines, asked, ["torch", "onnxruntime"])


def write(path: pathlib.Path) -> None:
    """Ten seconds with something in it: the tones and clicks of the box's check, again and again."""
    import numpy as np
    import soundfile

    sys.path.insert(0, str(SOURCE))
    from earmark.hub import box

    soundfile.write(path, np.resize(box.check_clip(RATE), round(SECONDS * RATE)), RATE)


def process(python: str, clip: pathlib.Path, options: list[str]) -> tuple[float, float, float]:
    """Seconds, CPU seconds and MB of one `earmark detect`."""
    words = [sys.executable, "-c", MEASURED, python, "-m", "earmark", "detect", str(clip), "-m", "earmark/everyday"]
    words += ["--threshold", "0.2"]  # so that it has something to tell
    own = {"PYTHONPATH": str(SOURCE)} if python == sys.executable else {}
    variables = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [*words, *options],
        env={**variables, **own, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    code, wall, processor, memory, rows = done.stdout.split()
    assert code == "0", done.stdout
    assert int(rows) > 1, "no event was found"
    return float(wall), float(processor), float(memory)


def environment(python: str) -> str:
    """What the packages of an environment take on disk."""
    asked = "import platform, sysconfig; print(sysconfig.get_path('purelib'), platform.python_version(), sep='\\n')"
    done = subprocess.run([python, "-c", asked], capture_output=True, text=True, check=True)
    place, version = done.stdout.splitlines()
    sizes: dict[str, int] = {}
    for path in pathlib.Path(place).rglob("*"):
        if path.is_file() and not path.is_symlink():
            name = path.relative_to(place).parts[0]
            sizes[name] = sizes.get(name, 0) + path.stat().st_size
    installers = ("pip", "setuptools", "pkg_resources", "_distutils_hack")
    tools = sum(size for name, size in sizes.items() if name.split("-")[0] in installers)
    largest = sorted(sizes.items(), key=lambda item: -item[1])[:4]
    told = ", ".join(f"{name} {size / 1e6:.0f}" for name, size in largest)
    return (
        f"On Python {version} an environment of nothing else holds {(sum(sizes.values()) - tools) / 1e6:.1f} MB of "
        f"packages, and {tools / 1e6:.0f} MB of pip and setuptools (the largest, MB: {told})."
    )


def steady(turns: int) -> list[str]:
    """Clips a second once everything is loaded."""
    with (
        Worker("ours.light:start", {"engine": "onnx"}) as onnx,
        Worker("ours.light:start", {"engine": "torch"}) as plain,
        Worker("ours.light:start", {"engine": "torch", "precision": "bf16"}) as short,
    ):
        here, there = onnx.do("clip").result, plain.do("clip").result
        apart = max(abs(one - other) for one, other in zip(here[0], there[0], strict=True))
        assert apart < SAME, apart
        sides = {"onnx": onnx, "torch, float32": plain, "torch, bf16": short}
        found = take_turns(sides, "scores", turns)
        operations, peak = plain.do("floor").result
    spent = {name: [turn.processor / turn.result for turn in each] for name, each in found.items()}
    rows = [
        Row("windows of 10 s", "torch, float32", spent["torch, float32"], spent["onnx"], WANTED),
        Row("windows of 10 s", "torch, bf16", spent["torch, bf16"], spent["onnx"]),
    ]
    return [
        f"Once it is loaded, in clips a CPU second (PyTorch takes four windows at once, ONNX Runtime one, as each is "
        f"fastest); clip scores differ by at most {apart:.0e}:",
        "",
        *table(rows, "clips"),
        "",
        of_convolutions(operations, peak, statistics.median(spent["torch, float32"])),
    ]


def of_convolutions(operations: float, peak: float, plain: float) -> str:
    """What the convolutions alone take where every product is computed; seconds of a window."""
    least = operations / peak
    return (
        f"The convolutions of a window are {figure(operations / 1e9)} billion operations if every product is computed: "
        f"{figure(1000 * least)} ms at the {figure(peak / 1e9)} billion a second that a core does here in float32 at "
        f"best, {least / plain:.0%} of PyTorch's time. The ONNX file needs two thirds of the products "
        "(`earmark/export/paired.py`)."
    )


if __name__ == "__main__":
    main()
