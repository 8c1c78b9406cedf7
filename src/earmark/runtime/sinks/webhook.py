"""Events as HTTP POST requests with a body of JSON (`base.py`), in order, each until the server says 2xx.

A server that is away, overloaded (429) or faulty (5xx) is asked again later; one that refuses an event (other 4xx) is
asked a few times more, then the event is put aside (`delivery.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from earmark.errors import ConfigError, MissingExtraError
from earmark.runtime.sinks.base import News, Sink
from earmark.runtime.sinks.delivery import Away, Delivery, Refused

TIMEOUT = 10.0  # seconds


class WebhookSink(Sink):
    """Posts updates to a URL; what cannot be sent waits in `queue`. `ConfigError` for what is no URL."""

    def __init__(self, url: str, queue: Path, say: Callable[[str], object], first_pause: float = 1.0) -> None:
        if not url.startswith(("http://", "https://")):
            raise ConfigError(f"--webhook {url}: expected a URL, http://... or https://...")
        try:
            import requests
        except ModuleNotFoundError as error:
            raise MissingExtraError("requests", "live", "--webhook") from error

        self.url, self._errors, self._session = url, requests.RequestException, requests.Session()
        host = url.split("/")[2].rpartition("@")[2]
        self.delivery = Delivery(queue, self._post, f"webhook {host}", say, first_pause)

    def take(self, news: News) -> None:
        """Put it into the queue."""
        self.delivery.put(news.as_json())

    def close(self) -> None:
        """Send what can be sent."""
        self.delivery.close()

    def _post(self, message: dict[str, Any]) -> None:
        try:
            answer = self._session.post(self.url, json=message, timeout=TIMEOUT, allow_redirects=True)
        except self._errors as error:
            raise Away(type(error).__name__) from error
        if answer.status_code == 429 or answer.status_code >= 500:
            raise Away(f"HTTP {answer.status_code}")
        if not answer.ok:
            raise Refused(f"HTTP {answer.status_code}")
