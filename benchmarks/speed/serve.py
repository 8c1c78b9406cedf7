"""`earmark serve` under load: 500 clients at once, a thousand malformed uploads, sliders over an hour of sound.

    python -m benchmarks.speed.serve [--clients 500] [--rounds 3] [--jobs 2] [--malformed 1000] [--hour] [--schema 0]

Every client sends a recording of its own of ten seconds; each answer is compared with what `earmark detect` writes of
the same file with as many threads. A client that is refused (503) comes back when the answer says. Memory is that of
the server's process, after each round. `--hour` opens a recording of an hour and measures events, lanes and tiles as
the page asks for them; `--schema` makes so many requests of each operation out of the OpenAPI document. Prints to the
terminal; the clients take their share of the same processors.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import soundfile

from earmark.hub import box
from tests.web.malformed import malformed
from tests.web.running import COMMAND, running
from tests.web.sounds import scene

RATE, SECONDS = 16_000, 10.0
Answer = tuple[int, dict[str, Any], float]  # status, JSON, Retry-After in seconds


def ask(address: str, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None) -> Answer:
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=600)
    try:
        connection.request(method, path, body or None, headers or {})
        answer = connection.getresponse()
        content = answer.read()
        found = json.loads(content) if "json" in answer.headers["content-type"] else {"bytes": len(content)}
        return answer.status, found, float(answer.headers.get("retry-after", 0))
    finally:
        connection.close()


def write_clips(folder: Path, count: int) -> list[Path]:
    """Recordings of ten seconds, no two alike: sounds that the model reports, shifted, over noise."""
    sounds = np.tile(scene(RATE), 3)
    paths = []
    for number in range(count):
        rng = np.random.default_rng(number)
        begin = int(rng.integers(0, len(sounds) - round(SECONDS * RATE)))
        clip = rng.uniform(0.1, 1) * sounds[begin : begin + round(SECONDS * RATE)]
        clip = clip + 10 ** rng.uniform(-4, -1) * rng.standard_normal(len(clip))
        paths.append(folder / f"clip{number:04d}.wav")
        soundfile.write(paths[-1], np.clip(clip, -1, 1), RATE)
    return paths


def of_command_line(folder: Path) -> dict[str, Any]:
    """Events by recording, as `earmark detect` writes them."""
    output = folder.parent / "events.json"
    command = [sys.executable, "-c", COMMAND, "detect", str(folder), "-o", str(output), "--format", "json"]
    subprocess.run([*command, "--quiet", "--engine", "onnx"], check=True)
    found: dict[str, Any] = json.loads(output.read_text())["recordings"]
    return found


def memory(process: int) -> float:
    """MB that a process has in memory."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0


def processor(process: int) -> float:
    """Seconds of processor time that a process has taken."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Peak:
    """The largest memory of a process while the context lasts, in MB."""

    def __init__(self, process: int) -> None:
        self.process, self.mb = process, 0.0
        self._over = threading.Event()

    def __enter__(self) -> Peak:
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def _watch(self) -> None:
        while not self._over.wait(0.1):
            self.mb = max(self.mb, memory(self.process))

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()


def round_of_clients(address: str, clips: list[Path], wanted: dict[str, Any], clients: int) -> Counter[str]:
    """Every client at once; what became of them."""
    count: Counter[str] = Counter()
    took = []
    start = threading.Barrier(clients)

    def client(path: Path) -> None:
        body = path.read_bytes()
        start.wait()
        began = time.perf_counter()
        while True:
            headers = {"x-filename": path.name}
            status, found, again = ask(address, "POST", "/v1/audio/events", body, headers)
            if status != 503:
                break
            count["refused, came back"] += 1
            time.sleep(again)
        took.append(time.perf_counter() - began)
        right = status == 200 and found["recording"] == path.name and found["events"] == wanted[path.name]
        count["right" if right else f"wrong ({status})"] += 1

    threading.stack_size(512 * 1024)
    began = time.perf_counter()
    with concurrent.futures.ThreadPoolExecutor(clients) as threads:
        for done in [threads.submit(client, path) for path in clips]:
            done.result()
    seconds = time.perf_counter() - began
    quantiles = statistics.quantiles(took, n=20)
    print(
        f"  {len(took)} answers in {seconds:.1f} s, {len(took) / seconds:.1f} a second "
        f"({len(took) * SECONDS / seconds:.0f} s of audio a second); median {statistics.median(took):.1f} s, "
        f"95 % within {quantiles[-1]:.1f} s; {dict(count)}",
        flush=True,
    )
    return count


def load(arguments: argparse.Namespace) -> None:
    # Sums come out in the last digits as threads divide them: the command line is given as many as the server takes.
    os.environ["OMP_NUM_THREADS"] = str(max(1, (os.cpu_count() or 1) // arguments.jobs))
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place, "clips")
        folder.mkdir()
        clips = write_clips(folder, arguments.clients)
        wanted = of_command_line(folder)
        events = sum(map(len, wanted.values()))
        print(f"{len(clips)} recordings of {SECONDS:g} s, {events} events by the command line", flush=True)
        with running("--jobs", arguments.jobs, "--waiting", arguments.waiting or arguments.clients) as (
            process,
            address,
        ):
            for path in clips[:4]:
                ask(address, "POST", "/v1/audio/events", path.read_bytes())
            print(f"  memory before: {memory(process.pid):.0f} MB", flush=True)
            for _ in range(arguments.rounds):
                before = processor(process.pid)
                with Peak(process.pid) as peak:
                    round_of_clients(address, clips, wanted, arguments.clients)
                spent = (processor(process.pid) - before) / len(clips)
                print(
                    f"  memory after: {memory(process.pid):.0f} MB, at most {peak.mb:.0f} MB; "
                    f"{1000 * spent:.0f} ms of processor time a recording",
                    flush=True,
                )
            if arguments.malformed:
                send_malformed(address, arguments.malformed)
                print(f"  memory after: {memory(process.pid):.0f} MB", flush=True)


def send_malformed(address: str, count: int) -> None:
    """Uploads that are wrong, each in its own way."""
    statuses: Counter[int] = Counter()
    odd = []

    def send(number: int) -> None:
        path, headers, body = malformed(number)
        status, found, _ = ask(address, "POST", path, body, headers)
        statuses[status] += 1
        line = found.get("error", "")
        if not 400 <= status < 500 or list(found) != ["error"] or len(line.splitlines()) != 1:
            odd.append((number, status, found))

    with concurrent.futures.ThreadPoolExecutor(16) as threads:
        list(threads.map(send, range(count)))
    print(f"{count} malformed uploads: {dict(sorted(statuses.items()))}, {len(odd)} of them not a 4xx with one line")
    for each in odd[:5]:
        print("  ", each)


def hour() -> None:
    """What the page asks for of an hour of sound."""
    with tempfile.TemporaryDirectory() as place:
        sounds = np.tile(scene(RATE), 7)[: 60 * RATE]
        with soundfile.SoundFile(Path(place, "hour.wav"), "w", RATE, 1) as file:
            for minute in range(60):
                noise = 0.02 * np.random.default_rng(minute).standard_normal(len(sounds))
                file.write(np.clip(sounds * ((minute % 3) / 2) + noise, -1, 1))
        with running("--root", place, "-o", Path(place, "saved")) as (process, address):
            began = time.perf_counter()
            headers = {"content-type": "application/json"}
            _, found, _ = ask(address, "POST", "/api/recordings", b'{"path": "hour.wav"}', headers)
            recording, states = f"/api/recordings/{found['id']}", {}
            while (state := ask(address, "GET", recording)[1]["state"]) != "ready":
                states.setdefault(state, time.perf_counter() - began)
                assert state != "failed"
                time.sleep(0.1)
            print(f"an hour: ready after {time.perf_counter() - began:.1f} s ({states}), {memory(process.pid):.0f} MB")

            def measured(what: str, method: str, path: str, bodies: list[bytes]) -> None:
                took = []
                for body in bodies:
                    start = time.perf_counter()
                    status, _, _ = ask(address, method, recording + path, body, headers)
                    took.append(1000 * (time.perf_counter() - start))
                    assert status == 200
                print(f"  {what}: median {statistics.median(took):.0f} ms, at most {max(took):.0f} ms", flush=True)

            def changes(label: str, word: str, values: list[float]) -> list[bytes]:
                return [json.dumps({"changes": {label: {word: value}}}).encode() for value in values]

            steps = [round(0.05 + 0.04 * step, 2) for step in range(20)]
            ask(address, "POST", f"{recording}/events", b"{}", headers)
            measured("events, one label's onset", "POST", "/events", changes("siren", "onset", steps))
            measured("events, one label's median", "POST", "/events", changes("siren", "median", steps))
            measured("events, every label's onset", "POST", "/events", changes("*", "onset", steps))
            measured("events, every label's median", "POST", "/events", changes("*", "median", steps))
            measured("lanes of the whole hour", "GET", "/lanes?points=1200", [b""] * 10)
            measured("lanes of a minute", "GET", "/lanes?from=600&to=660&points=1200", [b""] * 10)
            measured("a tile of the whole hour", "GET", "/spectrogram?width=1200&height=240", [b""] * 10)
            measured("a tile of ten seconds", "GET", "/spectrogram?from=600&to=610&width=1200&height=240", [b""] * 10)


def schema(examples: int) -> None:
    """Requests out of the OpenAPI document."""
    from starlette.testclient import TestClient

    from earmark.opening import open_tagger
    from earmark.web.app import create_app
    from earmark.web.settings import Settings
    from tests.web.test_openapi import requests_meet_no_fault

    with concurrent.futures.ThreadPoolExecutor(1) as aside, tempfile.TemporaryDirectory() as place:
        tagger = aside.submit(open_tagger, [box.directory()], engine="onnx").result()
        app = create_app(Settings({box.NAME: tagger}, root=Path(place), output=Path(place, "saved")))
        with TestClient(app, base_url="http://127.0.0.1"):
            operations = requests_meet_no_fault(app, examples)
    print(f"schemathesis: {operations} operations, {examples} right and {examples} wrong requests each, no fault")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--waiting", type=int, default=0, help="places in the queue; default: one for each client")
    parser.add_argument("--malformed", type=int, default=1000)
    parser.add_argument("--hour", action="store_true")
    parser.add_argument("--schema", type=int, default=0)
    asked = parser.parse_args()
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f} before", flush=True)
    if asked.clients:
        load(asked)
    if asked.hour:
        hour()
    if asked.schema:
        schema(asked.schema)


if __name__ == "__main__":
    main()
