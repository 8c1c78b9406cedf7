"""Bodies that are no recordings, or too much of one: a 4xx with one line each, and nothing left on the disk."""

import base64
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from tests.web.conftest import silence
from tests.web.malformed import malformed

EVENTS = "/v1/audio/events"
FORM = {"content-type": "multipart/form-data; boundary=b"}


def part(headers: str, body: bytes = b"x", boundary: str = "b") -> bytes:
    return f"--{boundary}\r\n{headers}\r\n\r\n".encode() + body + b"\r\n"


FILE = 'Content-Disposition: form-data; name="file"; filename="a.wav"'
END = b"--b--\r\n"


@pytest.mark.parametrize(
    ("headers", "body", "status", "said"),
    [
        ({}, b"", 400, "the body is empty; expected a recording"),
        ({"content-type": "multipart/form-data"}, b"x", 400, "the form has no boundary in its Content-Type"),
        (FORM, b"", 400, "the form is cut short"),
        (FORM, b"no form at all", 400, "the form is damaged"),
        (FORM, part(FILE, b"RIFF"), 400, "the form is cut short"),
        (FORM, part(FILE, b"") + END, 400, "the part 'file' of the form is empty"),
        (FORM, END, 400, "the form"),
        (FORM, part('Content-Disposition: form-data; name="model"') + END, 400, "the form has no part 'file'"),
        (FORM, part(FILE) + part(FILE) + END, 400, "the form has more than one file"),
        (FORM, part("X-Odd: 1") + END, 400, "a part of the form has no name"),
        (
            FORM,
            part('Content-Disposition: form-data; name="model"', b"m" * 70_000) + part(FILE) + END,
            413,
            "the parameters of the form have more than 65536 bytes",
        ),
        (
            FORM,
            part('Content-Disposition: form-data; name="modle"', b"m") + part(FILE, silence(1)) + END,
            422,
            "parameters: unknown key 'modle' (did you mean 'model'?)",
        ),
        ({"content-type": "application/json"}, b"{", 400, "the body is no JSON"),
        ({"content-type": "application/json"}, b"\xff\xfe", 400, "the body is no JSON"),
        ({"content-type": "application/json"}, b"[" * 100_000, 400, "the body is no JSON"),
        ({"content-type": "application/json"}, b"[1]", 400, 'expected {"inputs":'),
        ({"content-type": "application/json"}, b'{"inputs": 3}', 400, 'expected {"inputs":'),
        ({"content-type": "application/json"}, b'{"inputs": "!!"}', 400, "'inputs' is no base64"),
        ({"content-type": "application/json"}, b'{"inputs": ""}', 400, "'inputs' is empty"),
        ({"content-type": "application/json"}, b'{"inputs": "AAAA", "x": 1}', 400, "unknown key 'x'"),
        (
            {"content-type": "application/json"},
            b'{"inputs": "AAAA", "parameters": 1}',
            400,
            "'parameters' is no object",
        ),
        (
            {"content-type": "application/json"},
            b'{"inputs": "AAAA", "parameters": {"threshold": "high"}}',
            422,
            "parameters: threshold: Input should be a valid number",
        ),
    ],
)
def test_what_is_wrong_with_a_body_is_said(
    client: TestClient, headers: dict[str, str], body: bytes, status: int, said: str
) -> None:
    answer = client.post(EVENTS, content=body, headers=headers)
    assert (answer.status_code, list(answer.json())) == (status, ["error"])
    assert answer.json()["error"].startswith(said)
    assert "\n" not in answer.json()["error"]


def test_a_form_may_come_in_any_pieces(client: TestClient, other: Path) -> None:
    whole = client.post(EVENTS, files={"file": ("b.flac", other.read_bytes())}, data={"threshold": "0.2"})
    body = whole.request.content
    headers = {"content-type": whole.request.headers["content-type"]}
    for size in (1_000, 4_096, 65_537):
        pieces = (body[at : at + size] for at in range(0, len(body), size))
        assert client.post(EVENTS, content=pieces, headers=headers).json() == whole.json()


def test_an_upload_beyond_the_limit_is_refused_stated_or_not(serving: Callable[..., TestClient]) -> None:
    client = serving(max_upload=10_000)
    said = {"error": "the body is larger than 10000 bytes, which is the most that is taken"}
    sound = silence(5)
    for answer in (
        client.post(EVENTS, content=sound),
        client.post(EVENTS, content=iter([sound[:6000], sound[6000:]])),
        client.post(EVENTS, files={"file": ("a.wav", sound)}),
        client.post(EVENTS, json={"inputs": base64.b64encode(sound).decode()}),
        client.post("/api/recordings", content=sound),
    ):
        assert (answer.status_code, answer.json()) == (413, said)
    assert client.post(EVENTS, content=silence(0.5)).status_code == 200
    assert list(client.app.state.service.uploads.iterdir()) == []  # type: ignore[attr-defined]


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    st.binary(max_size=2000),
    st.sampled_from(
        [
            "",
            "audio/wav",
            "application/json",
            "multipart/form-data; boundary=b",
            'multipart/form-data; boundary="',
            "x/;;=",
        ]
    ),
)
def test_no_body_is_a_fault(client: TestClient, body: bytes, kind: str) -> None:
    answer = client.post(EVENTS, content=body, headers={"content-type": kind})
    assert 400 <= answer.status_code < 500
    assert "\n" not in answer.json()["error"]


def test_malformed_uploads_of_every_kind_are_a_4xx_with_one_line(client: TestClient) -> None:
    for number in range(80):
        path, headers, body = malformed(number)
        answer = client.post(path, content=body, headers=headers)
        assert 400 <= answer.status_code < 500, (number, answer.text)
        assert list(answer.json()) == ["error"], number
        assert len(answer.json()["error"].splitlines()) == 1
        assert len(answer.json()["error"]) < 600
    assert list(client.app.state.service.uploads.iterdir()) == []  # type: ignore[attr-defined]


def test_a_recording_of_another_name_than_it_is_called_leaves_the_folder_alone(
    serving: Callable[..., TestClient], other: Path
) -> None:
    client = serving()
    folder = client.app.state.service.folder  # type: ignore[attr-defined]
    for name in ("../../evil.flac", "/etc/evil.flac", "..\\..\\evil.flac", "evil.flac/..", "a/../../../evil"):
        answer = client.post("/api/recordings", files={"file": (name, other.read_bytes())})
        assert answer.status_code == 201
    for held in client.app.state.service.shelf.all():  # type: ignore[attr-defined]
        assert held.path.resolve().is_relative_to(folder.resolve())
        assert "/" not in held.name
