"""A stand-in for the Hugging Face Hub on this machine: what of its HTTP API the real client needs for models.

Repositories with branches and commits, files by path at a revision (with ETag, commit and ranges), large files by the
LFS protocol, tokens with rights; it can break a download off, refuse, and answer with an error. It keeps every request.
"""

from __future__ import annotations

import base64
import hashlib
import http.server
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

TOKEN = "hf_of_the_tests"


@dataclass
class Repository:
    """A model repository: files by path, in each commit."""

    private: bool = False
    gated: bool = False
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)  # branches and tags: commit
    messages: list[str] = field(default_factory=list)

    def commit(self, files: dict[str, bytes], ref: str = "main", message: str = "") -> str:
        """A new commit with these files, as the head of a branch."""
        text = repr((sorted((path, hashlib.sha1(data).hexdigest()) for path, data in files.items()), len(self.commits)))
        oid = hashlib.sha1(text.encode()).hexdigest()
        self.commits[oid] = dict(files)
        self.refs[ref] = oid
        self.messages.append(message)
        return oid

    def files(self, ref: str = "main") -> dict[str, bytes]:
        return self.commits[self.refs.get(ref, ref)]


@dataclass
class Hub:
    """What is served, and how badly."""

    url: str = ""
    repositories: dict[str, Repository] = field(default_factory=dict)
    asked: list[tuple[str, str, str | None]] = field(default_factory=list)  # method, path, range
    breaks: list[int] = field(default_factory=list)  # bytes after which the next downloads of large files end
    status: int | None = None  # in place of any answer
    may_write: bool = True
    stored: dict[str, bytes] = field(default_factory=dict)  # large files by their sha256

    def repository(self, name: str, files: dict[str, bytes]) -> Repository:
        made = self.repositories[name] = Repository()
        made.commit(files)
        return made

    def fetched(self) -> list[str]:
        """Paths of the files whose content was asked for."""
        found = [
            re.fullmatch(r"/[^/]+/[^/]+/resolve/[^/]+/(.*)", path) for method, path, _ in self.asked if method == "GET"
        ]
        return [unquote(match[1]) for match in found if match]


def is_large(path: str) -> bool:
    return path.endswith((".safetensors", ".onnx", ".bin"))


class RefusalError(Exception):
    def __init__(self, status: int, code: str = "", message: str = "") -> None:
        self.status, self.code, self.message = status, code, message


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def log_message(self, *_: object) -> None:
        pass

    def handle_any(self) -> None:
        parts = urlsplit(self.path)
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.query = parse_qs(parts.query)
        self.hub.asked.append((self.command, unquote(parts.path), self.headers.get("Range")))
        try:
            if self.hub.status is not None:
                raise RefusalError(self.hub.status, message="out of order")
            for method, pattern, answer in ROUTES:
                found = re.fullmatch(pattern, parts.path)
                if found and method in (self.command, "GET" if self.command == "HEAD" else ""):
                    answer(self, **{key: unquote(value) for key, value in found.groupdict().items()})
                    return
            raise RefusalError(404)
        except RefusalError as refusal:
            headers = {"X-Error-Code": refusal.code, "X-Error-Message": refusal.message}
            self.send(refusal.status, json.dumps({"error": refusal.message}).encode(), headers)

    def do_GET(self) -> None:
        self.handle_any()

    def do_HEAD(self) -> None:
        self.handle_any()

    def do_POST(self) -> None:
        self.handle_any()

    def do_PUT(self) -> None:
        self.handle_any()

    def send(self, status: int, data: bytes, headers: dict[str, str] | None = None, most: int | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(data)), **(headers or {})}.items():
            if value:
                self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data[:most])
            self.wfile.flush()
        if most is not None and most < len(data):
            self.close_connection = True

    def json(self, value: Any, status: int = 200) -> None:
        self.send(status, json.dumps(value).encode(), {"Content-Type": "application/json"})

    @property
    def known(self) -> bool:
        return self.headers.get("Authorization") == f"Bearer {TOKEN}"

    def opened(self, name: str) -> Repository:
        found = self.hub.repositories.get(name)
        if found is None or (found.private and not self.known):
            raise RefusalError(404 if self.known else 401, "RepoNotFound", "Repository not found")
        if found.gated:
            raise RefusalError(403, "GatedRepo", "Access to this model is restricted")
        return found

    def revision(self, name: str, ref: str) -> tuple[Repository, str]:
        repository = self.opened(name)
        oid = repository.refs.get(ref, ref)
        if oid not in repository.commits:
            raise RefusalError(404, "RevisionNotFound", f"Invalid rev id: {ref}")
        return repository, oid

    def check_right(self) -> None:
        if not self.known:
            raise RefusalError(401, message="Invalid username or password.")
        if not self.hub.may_write:
            raise RefusalError(403, message="You don't have the rights to create a model under this namespace")

    def info(self, repo: str, rev: str = "main") -> None:
        repository, oid = self.revision(repo, rev)
        names = [{"rfilename": path} for path in repository.commits[oid]]
        self.json(
            {"id": repo, "modelId": repo, "sha": oid, "private": repository.private, "siblings": names, "tags": []}
        )

    def tree(self, repo: str, rev: str) -> None:
        repository, oid = self.revision(repo, rev)
        entries = []
        for path, data in repository.commits[oid].items():
            entry: dict[str, Any] = {
                "type": "file",
                "path": path,
                "size": len(data),
                "oid": hashlib.sha1(data).hexdigest(),
            }
            if is_large(path):
                entry["lfs"] = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 130}
            entries.append(entry)
        self.json(entries)

    def resolve(self, repo: str, rev: str, path: str) -> None:
        repository, oid = self.revision(repo, rev)
        if path not in repository.commits[oid]:
            raise RefusalError(404, "EntryNotFound", "Entry not found")
        data = repository.commits[oid][path]
        digest = hashlib.sha256(data).hexdigest() if is_large(path) else hashlib.sha1(data).hexdigest()
        headers = {"X-Repo-Commit": oid, "ETag": f'"{digest}"', "Accept-Ranges": "bytes"}
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range") or "")
        start = int(wanted[1]) if wanted else 0
        most = None
        if self.command == "GET" and is_large(path) and self.hub.breaks:
            most = self.hub.breaks.pop(0)
        if wanted:
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        self.send(206 if wanted else 200, data[start:], headers, most)

    def create(self) -> None:
        asked = json.loads(self.body)
        self.check_right()
        name = f"{asked['organization']}/{asked['name']}"
        if name in self.hub.repositories:
            self.json({"error": "You already created this model repo", "url": f"{self.hub.url}/{name}"}, 409)
            return
        self.hub.repository(name, {".gitattributes": b""}).private = asked.get("visibility") == "private"
        self.json({"url": f"{self.hub.url}/{name}", "id": name, "name": name})

    def branch(self, repo: str, rev: str) -> None:
        self.check_right()
        repository = self.opened(repo)
        if rev in repository.refs:
            raise RefusalError(409, message="Reference already exists")
        repository.refs[rev] = repository.refs["main"]
        self.json({})

    def yaml(self) -> None:
        self.json({"errors": [], "warnings": []})

    def preupload(self, repo: str, rev: str) -> None:
        self.check_right()
        self.revision(repo, rev)
        self.json(
            {
                "files": [
                    {
                        "path": file["path"],
                        "uploadMode": "lfs" if is_large(file["path"]) else "regular",
                        "shouldIgnore": False,
                    }
                    for file in json.loads(self.body)["files"]
                ]
            }
        )

    def batch(self, repo: str) -> None:
        self.check_right()
        objects = [
            {**wanted, "actions": {"upload": {"href": f"{self.hub.url}/store/{wanted['oid']}"}}}
            if wanted["oid"] not in self.hub.stored
            else wanted
            for wanted in json.loads(self.body)["objects"]
        ]
        self.json({"transfer": "basic", "objects": objects})

    def store(self, oid: str) -> None:
        if hashlib.sha256(self.body).hexdigest() != oid:
            raise RefusalError(400, message="another content")
        self.hub.stored[oid] = self.body
        self.json({})

    def commit(self, repo: str, rev: str) -> None:
        self.check_right()
        repository, oid = self.revision(repo, rev)
        files, message = dict(repository.commits[oid]), ""
        for line in self.body.splitlines():
            entry = json.loads(line)
            value = entry["value"]
            if entry["key"] == "header":
                message = value["summary"]
            elif entry["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif entry["key"] == "lfsFile":
                files[value["path"]] = self.hub.stored[value["oid"]]
            elif entry["key"] == "deletedFile":
                if value["path"] not in files:
                    raise RefusalError(404, "EntryNotFound", "A file with this name doesn't exist")
                del files[value["path"]]
        made = repository.commit(files, rev, message)
        self.json({"success": True, "commitOid": made, "commitUrl": f"{self.hub.url}/{repo}/commit/{made}"})


_REPO = r"(?P<repo>[^/]+/[^/]+)"
ROUTES = (
    ("GET", rf"/api/models/{_REPO}", Handler.info),
    ("GET", rf"/api/models/{_REPO}/revision/(?P<rev>[^/]+)", Handler.info),
    ("GET", rf"/api/models/{_REPO}/tree/(?P<rev>[^/]+)", Handler.tree),
    ("GET", rf"/{_REPO}/resolve/(?P<rev>[^/]+)/(?P<path>.+)", Handler.resolve),
    ("POST", r"/api/repos/create", Handler.create),
    ("POST", r"/api/validate-yaml", Handler.yaml),
    ("POST", rf"/api/models/{_REPO}/branch/(?P<rev>[^/]+)", Handler.branch),
    ("POST", rf"/api/models/{_REPO}/preupload/(?P<rev>[^/]+)", Handler.preupload),
    ("POST", rf"/{_REPO}\.git/info/lfs/objects/batch", Handler.batch),
    ("PUT", r"/store/(?P<oid>[0-9a-f]+)", Handler.store),
    ("POST", rf"/api/models/{_REPO}/commit/(?P<rev>[^/]+)", Handler.commit),
)


@contextmanager
def served() -> Iterator[Hub]:
    """A hub without repositories."""
    hub = Hub()
    handler = type("Handler", (Handler,), {"hub": hub})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as serving:
        serving.daemon_threads = True
        hub.url = f"http://127.0.0.1:{serving.server_port}"
        thread = threading.Thread(target=serving.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield hub
        finally:
            serving.shutdown()
            thread.join()


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """A hub that the client finds, logged in, with an empty cache."""
    pytest.importorskip("huggingface_hub")
    from huggingface_hub import constants

    home = tmp_path_factory.mktemp("hub")
    monkeypatch.setenv("EARMARK_CACHE", str(home / "cache"))
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    for name, value in {
        "HF_TOKEN_PATH": str(home / "token"),
        "HF_HUB_CACHE": str(home / "hub"),
        "HF_HUB_DISABLE_XET": True,  # its servers are elsewhere
        "HF_HUB_DISABLE_TELEMETRY": True,
        "HF_HUB_OFFLINE": False,
    }.items():
        monkeypatch.setattr(constants, name, value)
    with served() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        yield hub
