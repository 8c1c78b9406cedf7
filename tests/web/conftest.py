"""The server within this process, with the model of the package; clients of it."""

import io
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

pytest.importorskip("fastapi", reason="needs the extra web")
pytest.importorskip("httpx2", reason="needs a client for tests")

from starlette.testclient import TestClient

from earmark.hub import box
from earmark.opening import open_tagger
from earmark.runtime.tagger import Tagger
from earmark.web.app import create_app
from earmark.web.settings import Settings
from tests.web.sounds import horn, scene

HOME = "http://127.0.0.1"


@pytest.fixture(scope="session")
def tagger() -> Tagger:
    """The model of the package as `earmark serve` opens it."""
    with ThreadPoolExecutor(1) as aside:  # ONNX Runtime flushes denormals in the thread that opens a model
        return aside.submit(open_tagger, [box.directory()], engine="onnx").result()


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nine seconds in which the model finds events, at a rate of its own, two channels."""
    path = tmp_path_factory.mktemp("clips") / "check.wav"
    wave = scene(44_100)
    soundfile.write(path, np.stack([wave, 0.5 * wave], axis=1), 44_100)
    return path


@pytest.fixture(scope="session")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three seconds in which other events are."""
    path = tmp_path_factory.mktemp("clips") / "other.flac"
    soundfile.write(path, horn(32_000), 32_000)
    return path


@pytest.fixture
def serving(tagger: Tagger, tmp_path: Path) -> Iterator[Callable[..., TestClient]]:
    """Start a server with other settings: `serving(token="...")`."""
    clients: list[TestClient] = []

    def start(*, home: str = HOME, **settings: Any) -> TestClient:
        output = settings.pop("output", tmp_path / "saved")
        app = create_app(Settings({"earmark/everyday": tagger}, output=output, **settings))
        client = TestClient(app, base_url=home)
        clients.append(client)
        return client.__enter__()

    yield start
    for client in clients:
        client.__exit__(None, None, None)


@pytest.fixture(scope="module")
def client(tagger: Tagger, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A client of a server as it starts without options."""
    app = create_app(Settings({"earmark/everyday": tagger}, output=tmp_path_factory.mktemp("saved") / "page"))
    with TestClient(app, base_url=HOME, raise_server_exceptions=False) as made:
        yield made


def silence(seconds: float, rate: int = 8000) -> bytes:
    """A wav without a sound."""
    buffer = io.BytesIO()
    soundfile.write(buffer, np.zeros(round(seconds * rate)), rate, format="WAV")
    return buffer.getvalue()
