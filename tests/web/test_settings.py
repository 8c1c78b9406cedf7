"""What a server may be started with."""

from pathlib import Path
from typing import Any

import pytest

from earmark.errors import ConfigError
from earmark.runtime.tagger import Tagger
from earmark.web.settings import Settings


def test_another_host_needs_a_token(tagger: Tagger) -> None:
    for host in ("0.0.0.0", "192.168.1.5", "::", "example.org"):
        with pytest.raises(ConfigError, match=f"--host {host} lets other machines in: choose a token"):
            Settings({"a": tagger}, host)
        assert Settings({"a": tagger}, host, token="long enough?".replace(" ", "-")).host == host
    for host in ("127.0.0.1", "127.1.2.3", "::1", "localhost"):
        assert Settings({"a": tagger}, host).token is None


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"token": "short"}, "the token must have 8 or more"),
        ({"token": "with a space"}, "the token must have 8 or more"),
        ({"token": "ümlaut-ümlaut"}, "the token must have 8 or more"),
        ({"port": 70_000}, "port 70000 is impossible"),
        ({"jobs": 0}, "jobs is 0, expected 1 or more"),
        ({"waiting": -1}, "waiting is -1, expected 0 or more"),
        ({"max_upload": 0}, "max_upload is 0"),
        ({"root": Path("/nowhere/at/all")}, "/nowhere/at/all: no such folder"),
        ({"origins": ("example.org",)}, "--cors 'example.org' is not an origin"),
        ({"origins": ("https://example.org/page",)}, "is not an origin"),
        ({"origins": ("*",)}, r"--cors '\*' is not an origin"),
    ],
)
def test_impossible_options_are_refused(tagger: Tagger, options: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Settings({"a": tagger}, **options)


def test_a_server_needs_a_model() -> None:
    with pytest.raises(ConfigError, match="no model to serve"):
        Settings({})
