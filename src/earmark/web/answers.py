"""JSON answers that can carry any name a file may have."""

from __future__ import annotations

from typing import Any

from starlette.responses import JSONResponse

from earmark.files import json_text


class Json(JSONResponse):
    """As `earmark.files.json_text` writes it."""

    def render(self, content: Any) -> bytes:
        """The body."""
        return json_text(content).encode("utf-8")
