"""A server of files on this machine, which can break off, ignore ranges, or fail; and a checkpoint."""

import http.server
import importlib.util
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import nn


@pytest.fixture(scope="session")
def panns() -> ModuleType:
    """The networks beside this file."""
    spec = importlib.util.spec_from_file_location("panns", Path(__file__).with_name("panns.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def transformers() -> ModuleType:
    """The rule beside this file by which weights of ATST-F and BEATs are drawn."""
    spec = importlib.util.spec_from_file_location("transformers_rule", Path(__file__).with_name("transformers.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@dataclass
class Server:
    """What is served, and how badly."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    asked: list[tuple[str, str | None]] = field(default_factory=list)  # path and range of every request
    breaks: list[int] = field(default_factory=list)  # bytes after which the next connections end
    ranges: bool = True
    status: int | None = None  # in place of any file


class Handler(http.server.BaseHTTPRequestHandler):
    state: Server

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        name = self.path.partition("?")[0].lstrip("/")
        self.state.asked.append((name, wanted))
        if self.state.status or name not in self.state.files:
            self.send_error(self.state.status or 404)
            return
        content = self.state.files[name]
        start = int(re.fullmatch(r"bytes=(\d+)-", wanted)[1]) if wanted and self.state.ranges else 0
        if start and start >= len(content):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(content)}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        end = start + self.state.breaks.pop(0) if self.state.breaks else len(content)
        self.wfile.write(content[start:end])
        self.close_connection = True


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server()
    handler = type("Handler", (Handler,), {"state": state})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as serving:
        state.url = f"http://127.0.0.1:{serving.server_port}"
        thread = threading.Thread(target=serving.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield state
        serving.shutdown()
        thread.join()


@pytest.fixture(scope="session")
def original(panns: ModuleType) -> nn.Module:
    """The smallest architecture with random weights."""
    return panns.reference("cnn10")


@pytest.fixture(scope="session")
def checkpoint(original: nn.Module, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its checkpoint, as its authors would have saved it. Not to be changed."""
    path = tmp_path_factory.mktemp("checkpoint") / "c.pth"
    torch.save({"iteration": 600_000, "model": original.state_dict()}, path)
    return path
