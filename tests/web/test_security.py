"""Who is answered: by host, origin and token; and what every answer carries."""

from collections.abc import Callable

import pytest
from starlette.testclient import TestClient

from earmark.web.security import POLICY

TOKEN = "open-sesame-42"


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "192.168.0.3", ""]
)
def test_a_page_that_points_its_domain_here_gets_nothing(client: TestClient, host: str) -> None:
    answer = client.get("/v1/models", headers={"host": host})
    assert answer.status_code == 403
    assert "its own machine" in answer.json()["error"]


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:8765", "localhost:8765", "[::1]:8765", "LOCALHOST"])
def test_this_machine_is_answered_by_any_of_its_names(client: TestClient, host: str) -> None:
    assert client.get("/v1/models", headers={"host": host}).status_code == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:9999", "http://localhost"])
def test_a_page_of_another_site_is_refused(client: TestClient, origin: str) -> None:
    answer = client.post("/api/operating-point", json={"action": "reset"}, headers={"origin": origin})
    assert answer.status_code == 403
    assert "access-control-allow-origin" not in answer.headers


def test_the_page_itself_is_answered(client: TestClient) -> None:
    answer = client.post("/api/operating-point", json={}, headers={"origin": "http://127.0.0.1"})
    assert answer.status_code == 200
    assert "access-control-allow-origin" not in answer.headers


def test_a_site_that_was_given_is_answered_with_its_headers(serving: Callable[..., TestClient]) -> None:
    client = serving(origins=("https://lab.example",), token=TOKEN)
    asked = {"origin": "https://lab.example", "access-control-request-method": "POST"}
    allowed = client.options("/v1/audio/tags", headers=asked)
    assert allowed.status_code == 200
    assert allowed.headers["access-control-allow-origin"] == "https://lab.example"
    headers = {"origin": "https://lab.example", "authorization": f"Bearer {TOKEN}"}
    assert client.get("/v1/models", headers=headers).headers["access-control-allow-origin"] == "https://lab.example"
    assert client.options("/v1/audio/tags", headers={**asked, "origin": "https://evil.example"}).status_code == 403


def test_with_a_token_nothing_is_answered_without_it(serving: Callable[..., TestClient]) -> None:
    client = serving(token=TOKEN, host="0.0.0.0", home="http://earmark.example")
    paths = {
        f"{method} {path}"
        for path, methods in client.app.openapi()["paths"].items()  # type: ignore[attr-defined]
        for method in methods
    }
    assert len(paths) > 12
    for each in sorted(paths | {"get /openapi.json", "get /nowhere"}):
        method, path = each.split()
        status = client.request(method, path.replace("{id}", "x")).status_code
        if path in ("/health", "/api/session"):
            assert status != 401, each
            continue
        assert status == 401, each
        with_token = {"authorization": f"Bearer {TOKEN}"}
        if "stream" not in path:
            assert client.request(method, path.replace("{id}", "x"), headers=with_token).status_code != 401, each


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer wrong-token", f"Basic {TOKEN}", f"Bearer {TOKEN}x", TOKEN])
def test_a_wrong_token_is_refused(serving: Callable[..., TestClient], header: str) -> None:
    answer = serving(token=TOKEN).get("/v1/models", headers={"authorization": header})
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")


def test_a_browser_keeps_the_token_as_a_cookie(serving: Callable[..., TestClient]) -> None:
    client = serving(token=TOKEN)
    assert client.get("/?token=wrong-token").status_code == 200
    assert client.get("/v1/models").status_code == 401
    answer = client.get(f"/?token={TOKEN}", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert {"HttpOnly", "SameSite=strict"} <= set(answer.headers["set-cookie"].split("; "))
    assert client.get("/v1/models").status_code == 200


def test_a_page_can_exchange_the_token_for_the_cookie(serving: Callable[..., TestClient]) -> None:
    client = serving(token=TOKEN)
    assert client.post("/api/session", json={"token": "wrong-token"}).status_code == 401
    assert client.post("/api/session", json={"token": TOKEN}).status_code == 204
    assert client.get("/v1/models").status_code == 200


def test_every_answer_keeps_a_page_to_itself(client: TestClient) -> None:
    for answer in (client.get("/"), client.get("/nowhere"), client.get("/static/index.html"), client.get("/v1/models")):
        assert answer.headers["content-security-policy"] == POLICY
        assert answer.headers["x-content-type-options"] == "nosniff"
    refused = client.get("/", headers={"host": "evil.example"})
    assert refused.headers["content-security-policy"] == POLICY
    assert "unsafe" not in POLICY
    assert "http" not in POLICY


def test_the_page_holds_nothing_that_its_policy_would_stop(client: TestClient) -> None:
    text = client.get("/").text
    assert "<script>" not in text
    assert "style=" not in text
    assert " onclick" not in text


@pytest.mark.parametrize(
    "path", ["/static/../app.py", "/static/..%2fapp.py", "/static/%2e%2e/app.py", "/static//etc/passwd"]
)
def test_the_folder_of_the_page_cannot_be_left(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404
