"""Who may ask: the token, the host, the origin; and the headers that keep a page to itself.

- A server without a token answers only requests for this machine by name (`Host`): a page elsewhere that points its own
  domain here gets nothing.
- A request that a page of another site makes (`Origin`) is refused unless that site is in `origins`.
- With a token, all but `OPEN` needs it: `Authorization: Bearer TOKEN`, or the cookie that `/?token=TOKEN` and
  `POST /api/session` set, for what a browser loads without headers (sound, pictures, WebSockets).
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from earmark.web.settings import Settings, is_loopback
from earmark.web.uploads import DRAINED, drain

COOKIE = "earmark-token"
OPEN = ("/", "/health", "/api/session", "/favicon.ico")
OPEN_FOLDER = "/static/"
POLICY = "; ".join(
    (
        *("default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' blob: data:"),
        *("media-src 'self' blob:", "connect-src 'self'", "font-src 'self'", "worker-src 'self'"),
        *("base-uri 'none'", "form-action 'self'", "frame-ancestors 'none'"),
    )
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
}


class Gate:
    """ASGI: refuses who may not ask, and sets headers on every answer."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app, self.settings = app, settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or hand it on."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refused = refusal(self.settings, scope["path"], headers)
        preflight = scope["type"] == "http" and scope["method"] == "OPTIONS" and "origin" in headers
        if refused is not None and not (preflight and refused[0] == 401):
            await self._refuse(scope, receive, send, *refused)
            return
        await self.app(scope, receive, self._with_headers(send, headers) if scope["type"] == "http" else send)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send, status: int, why: str) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": why[:100]})
            return
        await drain(Request(scope, receive), DRAINED, self.settings.idle)
        answer = JSONResponse({"error": why}, status)
        if status == 401:
            answer.headers["www-authenticate"] = "Bearer"
        await answer(scope, receive, self._with_headers(send, Headers(scope=scope)))

    def _with_headers(self, send: Send, asked: Headers) -> Send:
        origin = asked.get("origin", "")

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                if origin in self.settings.origins:
                    headers["cross-origin-resource-policy"] = "cross-origin"
            await send(message)

        return sending


def refusal(settings: Settings, path: str, headers: Mapping[str, str]) -> tuple[int, str] | None:
    """Status and reason where a request may not be answered."""
    host = headers.get("host", "")
    if settings.token is None and not is_loopback(urlsplit(f"//{host}").hostname or ""):
        return 403, "this server is for its own machine; ask for it as 127.0.0.1 or localhost"
    origin = headers.get("origin")
    if origin is not None and origin not in settings.origins and urlsplit(origin).netloc.lower() != host.lower():
        return 403, "a page of another site may not ask; 'earmark serve --cors ORIGIN' admits one"
    if settings.token is None or path in OPEN or path.startswith(OPEN_FOLDER):
        return None
    if not any(same(settings.token, offered) for offered in _offered(headers)):
        return 401, "a token is needed: Authorization: Bearer TOKEN"
    return None


def same(token: str, offered: str) -> bool:
    """Whether they are equal, in a time that says nothing about where they differ."""
    return hmac.compare_digest(token.encode(), offered.encode("utf-8", "replace"))


def _offered(headers: Mapping[str, str]) -> list[str]:
    kind, _, value = headers.get("authorization", "").partition(" ")
    found = [value.strip()] if kind.lower() == "bearer" else []
    try:
        cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        cookie = None
    return found if cookie is None else [*found, cookie.value]
