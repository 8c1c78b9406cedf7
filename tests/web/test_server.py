"""The server as a process: how it begins, what it does with clients that leave, and how it ends."""

import concurrent.futures
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
import soundfile

from tests.test_without_torch import PROGRAM
from tests.web.conftest import silence
from tests.web.running import COMMAND, running
from tests.web.sounds import horn


def ask(url: str, body: bytes | None = None, **headers: str) -> tuple[int, Any, Any]:
    """Status, JSON and headers of an answer."""
    request = urllib.request.Request(url, body, {"content-type": "audio/wav", **headers} if body else headers)
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:
            return answer.status, json.loads(answer.read()), answer.headers
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read()), error.headers


def begin_upload(address: str, body: bytes, stated: int | None = None) -> socket.socket:
    """A connection on which a recording was sent, or its beginning; nobody reads the answer."""
    parts = urlsplit(address)
    connection = socket.create_connection((parts.hostname or "", parts.port or 0), timeout=120)
    head = f"POST /v1/audio/events HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Length: {stated or len(body)}\r\n\r\n"
    connection.sendall(head.encode() + body)
    return connection


def until(what: Callable[[], bool], seconds: float = 120.0) -> None:
    ends = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < ends, "it did not happen"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Twelve minutes of noise: some seconds of work."""
    path = tmp_path_factory.mktemp("long") / "long.wav"
    noise = 0.05 * np.random.default_rng(0).standard_normal(16_000 * 60)
    soundfile.write(path, np.tile(noise, 12), 16_000)
    return path.read_bytes()


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("sound") / "check.wav"
    soundfile.write(path, horn(32_000), 32_000)
    return path.read_bytes()


@pytest.fixture(scope="module")
def one_at_a_time() -> Iterator[str]:
    """The address of a server with one place to work and one to wait."""
    with running("--jobs", 1, "--waiting", 1, "--max-upload", 100) as (_, address):
        yield address


def work(address: str) -> tuple[int, int]:
    _, health, _ = ask(f"{address}/health")
    return health["running"], health["waiting"]


def test_it_answers_without_torch(sound: bytes) -> None:
    program = PROGRAM + COMMAND
    with running(program=program) as (_, address):
        status, found, _ = ask(f"{address}/v1/audio/events", sound)
        assert (status, found["model"]) == (200, "earmark/everyday")
        assert len(found["events"]) > 0
        _, models, _ = ask(f"{address}/v1/models")
        assert models["models"][0]["arithmetic"] == "onnxruntime, float32"


def test_one_that_cannot_be_taken_is_told_when_to_come_back(one_at_a_time: str, long: bytes, sound: bytes) -> None:
    with begin_upload(one_at_a_time, long), begin_upload(one_at_a_time, long):
        until(lambda: work(one_at_a_time) == (1, 1))
        status, found, headers = ask(f"{one_at_a_time}/v1/audio/events", sound)
        assert (status, found["error"].split(":")[0]) == (503, "busy")
        assert 1 <= int(headers["retry-after"]) <= 60
    until(lambda: work(one_at_a_time) == (0, 0))


def test_a_client_that_leaves_frees_its_work(one_at_a_time: str, long: bytes, sound: bytes) -> None:
    first, second = begin_upload(one_at_a_time, long), begin_upload(one_at_a_time, long)
    until(lambda: work(one_at_a_time) == (1, 1))
    second.close()
    until(lambda: work(one_at_a_time) == (1, 0))
    first.close()
    until(lambda: work(one_at_a_time) == (0, 0), 15)
    assert ask(f"{one_at_a_time}/v1/audio/events", sound)[0] == 200


def test_a_client_that_leaves_while_it_sends_frees_its_place(one_at_a_time: str, long: bytes) -> None:
    parts = [begin_upload(one_at_a_time, long[:100_000], len(long)) for _ in range(2)]
    until(lambda: sum(work(one_at_a_time)) == 2)
    for part in parts:
        part.close()
    until(lambda: work(one_at_a_time) == (0, 0))


def test_those_who_follow_get_the_events_of_uploads(sound: bytes) -> None:
    with running() as (_, address):
        with urllib.request.urlopen(f"{address}/v1/events/stream?source=upload", timeout=120) as stream:
            assert stream.headers["content-type"].startswith("text/event-stream")
            _, found, _ = ask(f"{address}/v1/audio/events", sound, **{"x-filename": "a.wav"})
            told = []
            while len(told) < len(found["events"]):
                line = stream.readline().decode()
                if line.startswith("data: "):
                    told.append(json.loads(line[6:]))
        assert [each["event"] for each in told] == found["events"] != []
        assert {(each["recording"], each["source"]) for each in told} == {("a.wav", "upload")}


def test_answers_are_not_mixed_up(tmp_path: Path) -> None:
    """Recordings of as many lengths, all at once."""
    with running("--jobs", 2, "--waiting", 100) as (_, address):

        def length(number: int) -> float:
            body = silence(0.2 + number / 100)
            status, found, _ = ask(f"{address}/v1/audio/events", body, **{"x-filename": f"{number}.wav"})
            assert (status, found["recording"]) == (200, f"{number}.wav")
            return float(found["seconds"])

        with concurrent.futures.ThreadPoolExecutor(30) as threads:
            lengths = list(threads.map(length, range(60)))
    assert lengths == [pytest.approx(0.2 + number / 100, abs=2e-3) for number in range(60)]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_finishes_what_is_begun_then_ends(long: bytes, number: int) -> None:
    with running("--jobs", 1) as (process, address):
        with concurrent.futures.ThreadPoolExecutor(2) as threads:
            answer = threads.submit(ask, f"{address}/v1/audio/events", long[: len(long) // 4])
            until(lambda: work(address) == (1, 0))
            stream = urllib.request.urlopen(f"{address}/v1/events/stream", timeout=120)
            assert stream.readline() == b"retry: 3000\n"
            os.kill(process.pid, number)
            status, found, _ = answer.result(timeout=120)
            assert (status, found["seconds"]) == (200, pytest.approx(180, abs=1))
            stream.read()
            assert process.wait(120) == 0
        with pytest.raises(OSError, match="refused"):
            socket.create_connection((urlsplit(address).hostname or "", urlsplit(address).port or 0), timeout=60)


def test_it_lets_those_who_are_listened_to_hear_the_end(tmp_path: Path) -> None:
    websockets = pytest.importorskip("websockets.sync.client")
    sound = (20_000 * np.tile(horn(16_000), 2)).astype("<i2").tobytes()
    with running() as (process, address), websockets.connect(f"ws{address[4:]}/v1/listen") as socket:
        assert json.loads(socket.recv())["type"] == "ready"
        socket.send(sound)
        first = json.loads(socket.recv(timeout=120))
        assert first["type"] == "begin"
        os.kill(process.pid, signal.SIGTERM)
        said = [json.loads(message) for message in socket]
        begun = [first["id"], *(each["id"] for each in said if each["type"] == "begin")]
        assert sorted(each["id"] for each in said if each["type"] == "end") == sorted(begun)
        assert said[-1] == {"type": "done", "seconds": 6.0}
        assert process.wait(120) == 0


def test_a_player_that_holds_a_recording_does_not_hold_the_server(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros((96_000 * 50, 2)), 96_000)  # 19 MB, more than a connection holds
    program = f"import earmark.web.server; earmark.web.server.SENDING = 2; {COMMAND}"  # seconds, not 10
    with running("--root", tmp_path, "-o", tmp_path / "page", program=program) as (process, address):
        _, made, _ = ask(f"{address}/api/recordings", b'{"path": "a.wav"}', **{"content-type": "application/json"})
        parts = urlsplit(address)
        with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=120) as player:
            request = f"GET /api/recordings/{made['id']}/audio HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n"
            player.sendall(request.encode())
            assert player.recv(100).startswith(b"HTTP/1.1 200")
            os.kill(process.pid, signal.SIGTERM)
            assert process.wait(120) == 0


def test_a_port_that_is_taken_is_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-c", COMMAND, "serve", "--port", str(port), "--quiet"],
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 2
    assert done.stderr == f"earmark: cannot listen on 127.0.0.1 port {port}: Address already in use\n"


def test_another_host_without_a_token_is_one_line(earmark: Callable[..., Any]) -> None:
    done = earmark("serve", "--host", "0.0.0.0", "--quiet")
    assert (done.code, done.out) == (2, "")
    assert done.err == "earmark: --host 0.0.0.0 lets other machines in: choose a token for them with --token\n"


def test_a_token_opens_the_page(sound: bytes) -> None:
    with running("--token", "open-sesame-42", "--host", "0.0.0.0") as (_, address):
        home = address.replace("0.0.0.0", "127.0.0.1")
        assert ask(f"{home}/v1/audio/events", sound)[0] == 401
        assert ask(f"{home}/v1/audio/events", sound, authorization="Bearer open-sesame-42")[0] == 200


def test_models_are_served_side_by_side_by_their_names(twin: Path, collection: Path) -> None:
    tone = next((collection / "dev" / "audio").iterdir()).read_bytes()
    with running("-m", twin, "-m", "earmark/everyday") as (_, address):
        _, listed, _ = ask(f"{address}/v1/models")
        assert [(each["name"], each["default"]) for each in listed["models"]] == [
            (twin.name, True),
            ("earmark/everyday", False),
        ]
        assert ask(f"{address}/v1/audio/tags", tone)[1]["model"] == twin.name
        assert ask(f"{address}/v1/audio/tags?model=earmark/everyday", tone)[1]["model"] == "earmark/everyday"


def test_two_models_of_one_name_are_one_line(twin: Path, earmark: Callable[..., Any]) -> None:
    done = earmark("serve", "-m", twin, "-m", twin, "--quiet")
    assert done.code == 2
    assert done.err == f"earmark: {twin} and {twin} are both called 'model'; rename one of the directories\n"
