"""Runs that are killed at random: is the end always that of a run that was left alone?

    python -m benchmarks.kills [detect] [--files 2000] [--kills 50] [--processes 1] [--seed 0] [--folder DIR]
    python -m benchmarks.kills [train] [tune] [synth] [--kills 50] [--seed 0] [--folder DIR]

`detect`: each round begins a run, kills it (`kill -9`) at a random recording, and goes on with the same command until
it ends; every other round is killed twice. Then all tables must have the bytes of the undisturbed run, and the journal
must hold each recording once. The engine is plain numpy (`tests/runtime/bulk_script.py`): nearly all time is that of
the run.

`train`, `tune`, `synth` (`odd/stops.py`): each round kills a run after a random time, or at a random operation on a
file, and goes on with the same command; every other round is killed twice. All files must then have the bytes of the
undisturbed run, and no other file may be there.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
import soundfile

SCRIPT = Path(__file__).parents[1] / "tests" / "runtime" / "bulk_script.py"
FORMATS = "formats=csv,tsv,json"
RATE = 8000
SEEDS = 20  # different sounds; the others are links to them


def make(folder: Path, files: int) -> None:
    """Recordings of half a second, in folders of a thousand."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for number in range(files):
        place = folder / f"{number // 1000:04d}"
        place.mkdir(exist_ok=True)
        path = place / f"{number:07d}.wav"
        if number < SEEDS:
            wave = np.zeros(RATE // 2)
            first = rng.integers(0, 2500)
            wave[first : first + rng.integers(300, 1400)] = rng.uniform(0.1, 1)
            soundfile.write(path, wave, RATE)
        else:
            os.link(folder / "0000" / f"{number % SEEDS:07d}.wav", path)


def begin(source: Path, output: Path, processes: int) -> subprocess.Popen[bytes]:
    words = [sys.executable, str(SCRIPT), str(source), str(output), FORMATS, f"processes={processes}"]
    return subprocess.Popen(words, stdout=subprocess.DEVNULL)


def done(output: Path) -> int:
    """Recordings in the journal of a run."""
    journal = output / ".earmark" / "detect.jsonl"
    return max(0, journal.read_bytes().count(b"\n") - 1) if journal.exists() else 0


def lines_of(journal: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in journal.read_bytes().splitlines()]


def killed(source: Path, output: Path, processes: int, target: int, later: float) -> int:
    """Kill a run some seconds after so many recordings are done; how many were then, -1 where it was over already."""
    process = begin(source, output, processes)
    while process.poll() is None and done(output) < target:
        time.sleep(0.002)
    time.sleep(later)
    process.kill()
    return done(output) if process.wait() == -signal.SIGKILL else -1


def main() -> None:
    sys.path.insert(0, str(Path(__file__).parents[1]))  # so that it runs as a file as well
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("verbs", nargs="*", metavar="VERB", help="detect, or some of train, tune, synth")
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path)
    asked = parser.parse_args()
    rng = random.Random(asked.seed)
    if asked.verbs in ([], ["detect"]):
        kill_detect(asked, rng)
        return
    if unknown := set(asked.verbs) - {"train", "tune", "synth"}:
        parser.error(f"expected detect alone, or some of train, tune, synth; got {', '.join(sorted(unknown))}")
    for verb in asked.verbs:
        with tempfile.TemporaryDirectory(dir=asked.folder) as place:
            kill_command(verb, asked.kills, random.Random(asked.seed), Path(place))


def kill_command(name: str, kills: int, rng: random.Random, place: Path) -> None:
    """Kill a command so many times; `AssertionError` where an end differs from that of the undisturbed run."""
    import torch.utils.tensorboard  # noqa: F401 - this and the next, once for all children

    import earmark.api.evaluation
    import earmark.api.training
    import earmark.cli.app
    import earmark.cli.training_progress
    import earmark.data.manifest
    import earmark.data.soundscapes
    import earmark.opening
    import earmark.recipes
    import earmark.training.run  # noqa: F401
    from benchmarks.odd.stops import VERBS, content, make_data, run

    data = place / "data"
    make_data(data)
    if name == "tune":
        assert run(VERBS["train"].words(data, data), data)[0] == 0, (place / "last-run.txt").read_text()
    verb, whole = VERBS[name], place / "whole" / "out"
    whole.parent.mkdir()
    verb.begin(data, whole)
    began = time.perf_counter()
    status, operations = run(verb.words(data, whole), whole)
    lasts = time.perf_counter() - began
    assert status == 0, (whole.parent / "last-run.txt").read_text()
    wanted = content(whole)
    print(f"{name}, undisturbed: {lasts:.1f} s, {operations} operations on its files", flush=True)
    done, rounds, times = 0, 0, 0
    while done < kills:
        output = place / f"killed{rounds}" / "out"
        output.parent.mkdir()
        verb.begin(data, output)
        told = []
        for _ in range(1 + rounds % 2):
            how = {"after": rng.uniform(0, lasts)} if rng.random() < 0.5 else {"at": rng.randint(1, operations)}
            told.append(how)
            status, _ = run(verb.words(data, output), output, **how)
            done += status == -signal.SIGKILL
            times += status == -signal.SIGKILL and "after" in how
        status, _ = run(verb.words(data, output), output)
        assert status == 0, f"round {rounds}, {told}: {(output.parent / 'last-run.txt').read_text()}"
        found = content(output)
        differing = [each for each in {**wanted, **found} if found.get(each) != wanted.get(each)]
        assert not differing, f"round {rounds}, {told}: {differing}"
        rounds += 1
        shutil.rmtree(output.parent)
    print(f"{done} kills in {rounds} rounds, {times} by the clock and {done - times} at an operation on a file")
    print(f"identical ends: {rounds} of {rounds}; nothing left over")


def kill_detect(asked: argparse.Namespace, rng: random.Random) -> None:
    """Kill runs of `detect` at random recordings; `AssertionError` where an end differs."""
    with tempfile.TemporaryDirectory(dir=asked.folder) as place:
        source, whole = Path(place, "in"), Path(place, "whole")
        make(source, asked.files)
        began = time.perf_counter()
        assert begin(source, whole, asked.processes).wait() == 0
        wanted = {path.name: path.read_bytes() for path in whole.iterdir() if path.is_file()}
        print(f"{asked.files} recordings undisturbed: {time.perf_counter() - began:.1f} s", flush=True)
        kills, at, same = 0, [], 0
        rounds = 0
        while kills < asked.kills:
            output = Path(place, f"killed{rounds}")
            for _ in range(1 + rounds % 2):
                reached = killed(source, output, asked.processes, rng.randrange(asked.files), rng.uniform(0, 0.02))
                if reached >= 0:
                    kills += 1
                    at.append(reached)
            assert begin(source, output, asked.processes).wait() == 0
            found = {path.name: path.read_bytes() for path in output.iterdir() if path.is_file()}
            records = lines_of(output / ".earmark" / "detect.jsonl")[1:]
            times = Counter(str(record["name"]) for record in records)
            assert found == wanted, f"round {rounds}: {[name for name in wanted if found.get(name) != wanted[name]]}"
            assert len(times) == asked.files
            assert set(times.values()) == {1}, f"round {rounds}: {times.most_common(3)}"
            same += 1
            rounds += 1
            shutil.rmtree(output)
        within = sum(0 < reached < asked.files for reached in at)
        print(f"{kills} kills in {rounds} rounds, {within} with some recordings done and others not")
        print(f"identical ends: {same} of {rounds}; no recording twice, none lost")


if __name__ == "__main__":
    main()
