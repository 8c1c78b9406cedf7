"""Where downloads are kept."""

from pathlib import Path

import pytest

from earmark.hub.cache import cache_folder


def test_the_cache_can_be_put_elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EARMARK_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv("EARMARK_CACHE")
    assert cache_folder().name == "earmark"
