"""What a server is started with, checked as a whole."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from earmark.errors import ConfigError
from earmark.runtime.review import Review
from earmark.runtime.tagger import Tagger

MEGABYTE = 2**20
SHORTEST_TOKEN = 8  # characters


@dataclass(frozen=True, eq=False)
class Settings:
    """The options of `earmark serve`. `ConfigError` where they are impossible, or would leave the server open."""

    models: Mapping[str, Tagger]  # by name; the first is used where none is asked for
    host: str = "127.0.0.1"  # address to listen on
    port: int = 8765  # 0: any free one
    token: str | None = None  # what a client must know; needed on every host that others can reach
    root: Path | None = None  # folder whose recordings may be opened; None: uploads alone
    output: Path = Path("earmark-page")  # folder for operating points and reviews; made when something is saved
    max_upload: int = 1024 * MEGABYTE  # bytes of a recording that is uploaded
    jobs: int = 2  # recordings scored at once
    waiting: int = 64  # recordings that wait; more are refused with 503
    listeners: int = 8  # connections that are listened to live
    keep: int = 500  # recordings that the page lists; the oldest is dropped for a new one
    longest: float = 24 * 3600.0  # seconds of a recording
    patience: float = 900.0  # seconds that scoring one recording of the API may take
    idle: float = 30.0  # seconds without a byte after which an upload is given up
    review: Review | None = None  # results to be reviewed, entered
    origins: tuple[str, ...] = ()  # other sites whose pages may call (CORS)

    def __post_init__(self) -> None:
        if not self.models:
            raise ConfigError("no model to serve: give at least one")
        if not 0 <= self.port <= 65_535:
            raise ConfigError(f"port {self.port} is impossible; expected 0 to 65535")
        for name in ("max_upload", "jobs", "keep"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} is {getattr(self, name)}, expected 1 or more")
        if self.waiting < 0:
            raise ConfigError(f"waiting is {self.waiting}, expected 0 or more")
        if self.token is None and not is_loopback(self.host):
            raise ConfigError(f"--host {self.host} lets other machines in: choose a token for them with --token")
        if self.token is not None and (len(self.token) < SHORTEST_TOKEN or not _plain(self.token)):
            raise ConfigError(f"the token must have {SHORTEST_TOKEN} or more letters, digits or signs, and no spaces")
        if self.root is not None and not self.root.is_dir():
            raise ConfigError(f"{self.root}: no such folder; --root is the folder whose recordings may be opened")
        for origin in self.origins:
            _check_origin(origin)

    @property
    def default_model(self) -> str:
        """Name of the model that is used where none is asked for."""
        return next(iter(self.models))


def is_loopback(host: str) -> bool:
    """Whether only programs on this machine reach a server at this address.

    >>> is_loopback("127.0.0.1"), is_loopback("::1"), is_loopback("localhost"), is_loopback("0.0.0.0")
    (True, True, True, False)
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _plain(token: str) -> bool:
    return token.isascii() and token.isprintable() and " " not in token


def _check_origin(origin: str) -> None:
    parts = urlsplit(origin)
    whole = parts.scheme in ("http", "https") and parts.netloc and not (parts.path or parts.query or parts.fragment)
    if not whole:
        raise ConfigError(f"--cors {origin!r} is not an origin; expected for example https://example.org:8080")
