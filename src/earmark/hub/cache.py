"""The folder of whatever was fetched or made for this user: $EARMARK_CACHE, or `earmark` in the user's cache."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

CACHE = "EARMARK_CACHE"  # environment variable: a folder in place of the user's cache


def cache_folder() -> Path:
    """Where downloads lie, and what was tuned for a model that cannot be written to."""
    return Path(os.environ.get(CACHE) or platformdirs.user_cache_dir("earmark"))
