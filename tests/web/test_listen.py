"""The WebSocket: the events of live sound are those of the listener, in whatever pieces it comes."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from earmark.runtime.live import Listener
from earmark.runtime.tagger import Tagger
from earmark.web import listen

RATE = 16_000
PLACE = "ws://127.0.0.1/v1/listen"


@pytest.fixture(scope="module")
def samples(clip: Path) -> np.ndarray:
    """Nine seconds at another rate than the model's, as 16-bit integers."""
    import soxr

    wave, rate = soundfile.read(clip)
    return np.round(soxr.resample(wave[:, 0], rate, RATE) * 30_000).astype("<i2")


def heard(client: TestClient, pieces: Sequence[bytes | dict[str, Any]], **query: Any) -> list[dict[str, Any]]:
    """Everything that the server says until it closes."""
    words = "&".join(f"{name}={value}" for name, value in query.items())
    said = []
    with client.websocket_connect(f"{PLACE}?{words}") as socket:
        for piece in pieces:
            if isinstance(piece, bytes):
                socket.send_bytes(piece)
            else:
                socket.send_json(piece)
        while not said or said[-1]["type"] not in ("done", "error"):
            said.append(socket.receive_json())
        with pytest.raises(WebSocketDisconnect) as end:
            socket.receive_json()
    assert end.value.code == (1008 if said[-1]["type"] == "error" else 1000)
    return said


END = {"type": "end"}


def of_kind(said: list[dict[str, Any]], *kinds: str) -> list[dict[str, Any]]:
    return [message for message in said if message["type"] in kinds]


def wanted(tagger: Tagger, samples: np.ndarray, **options: Any) -> list[dict[str, Any]]:
    listener = Listener(tagger, rate=RATE, **options)
    updates = [*listener.push(samples), *listener.close()]
    return [
        {
            "type": each.kind,
            "id": each.id,
            "label": each.label,
            "onset": round(each.onset, 6),
            "offset": round(each.offset, 6),
            "score": round(each.score, 6),
        }
        for each in updates
    ]


@pytest.mark.parametrize("size", [3_001, 20_000, 10**9])
def test_events_are_those_of_the_listener_in_any_pieces(
    client: TestClient, tagger: Tagger, samples: np.ndarray, size: int
) -> None:
    content = samples.tobytes()
    pieces = [content[at : at + size] for at in range(0, len(content), size)]
    said = heard(client, [*pieces, END], rate=RATE)
    assert said[0]["type"] == "ready"
    assert said[0]["labels"] == list(tagger.labels)
    assert said[-1] == {"type": "done", "seconds": 9.0}
    events = of_kind(said, "begin", "end")
    assert events == wanted(tagger, samples)
    assert len(of_kind(said, "end")) > 2


def test_floats_and_channels(client: TestClient, tagger: Tagger, samples: np.ndarray) -> None:
    wave = (samples / 32768).astype("<f4")
    twice = np.repeat(wave[:, None], 2, axis=1)
    said = heard(
        client, [twice[:50_001].tobytes(), twice[50_001:].tobytes(), END], rate=RATE, format="f32le", channels=2
    )
    assert of_kind(said, "begin", "end") == wanted(tagger, wave)


def test_options_are_those_of_the_listener(client: TestClient, tagger: Tagger, samples: np.ndarray) -> None:
    said = heard(client, [samples.tobytes(), END], rate=RATE, stride=0.5, look_ahead=0.2, min_score=0.9, updates="true")
    assert of_kind(said, "begin", "update", "end") == wanted(
        tagger, samples, stride=0.5, look_ahead=0.2, min_score=0.9, updates=True
    )
    assert of_kind(said, "update")
    point = tagger.operating_point.with_threshold(0.2)
    said = heard(client, [samples.tobytes(), END], rate=RATE, threshold=0.2)
    assert of_kind(said, "begin", "end") == wanted(tagger, samples, operating_point=point)


def test_a_gap_moves_what_comes_after_it(client: TestClient, samples: np.ndarray) -> None:
    content = samples.tobytes()
    plain = of_kind(heard(client, [content, END], rate=RATE), "end")
    said = heard(client, [content, {"type": "gap", "seconds": 100}, content, END], rate=RATE)
    ends = of_kind(said, "end")
    assert said[-1]["seconds"] == 118.0
    assert ends[: len(plain)] == plain
    assert [round(end["onset"] - 109, 4) for end in ends[len(plain) :]] == [round(end["onset"], 4) for end in plain]


def test_frame_scores_grow_without_a_hole(client: TestClient, samples: np.ndarray) -> None:
    said = heard(client, [samples.tobytes(), END], rate=RATE, scores="true")
    parts = of_kind(said, "scores")
    assert len(parts) > 2
    at = 0
    for part in parts:
        assert part["onset"] == pytest.approx(at * part["step"])
        assert all(len(row) == len(said[0]["labels"]) for row in part["scores"])
        at += len(part["scores"])
    assert at == pytest.approx(9.0 / parts[0]["step"], abs=2)


def test_events_reach_those_who_follow(serving: Callable[..., TestClient], samples: np.ndarray) -> None:
    client = serving()
    published: list[dict[str, Any]] = []
    client.app.state.service.stream.publish = published.append  # type: ignore[attr-defined]
    said = heard(client, [samples.tobytes(), END], rate=RATE, name="garden")
    assert [one["event"]["onset"] for one in published] == [end["onset"] for end in of_kind(said, "end")]
    assert {(one["source"], one["recording"], one["model"]) for one in published} == {
        ("listen", "garden", "earmark/everyday")
    }


@pytest.mark.parametrize(
    ("query", "pieces", "said"),
    [
        ({"rate": 5}, [], "parameters: rate: Input should be greater than or equal to 1000"),
        ({"ratee": 16000}, [], "parameters: unknown key 'ratee' (did you mean 'rate'?)"),
        ({"model": "nothing"}, [], "no model 'nothing'"),
        ({"changes": "{"}, [], "changes: no JSON"),
        ({"format": "mp3"}, [], "parameters: format:"),
        ({"stride": 50, "window": 1}, [], ""),
        ({}, [{"type": "stop"}], "unknown message"),
        ({}, [{"type": "gap"}], "a gap needs its seconds"),
        ({}, [{"type": "gap", "seconds": -1}], "a gap needs its seconds"),
        ({}, [bytes(listen.LARGEST + 1)], "a message has more than"),
        ({"format": "f32le"}, [np.float32([np.nan] * 64_000).tobytes()], "block: sample 0"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    client: TestClient, query: dict[str, Any], pieces: list[Any], said: str
) -> None:
    last = heard(client, pieces, **query)[-1]
    assert last["type"] == "error"
    assert last["error"].startswith(said)
    assert "\n" not in last["error"]


def test_one_that_says_nothing_is_not_waited_for(serving: Callable[..., TestClient]) -> None:
    last = heard(serving(idle=0.5), [])[-1]
    assert last["error"].startswith("nothing came for")


def test_too_many_are_refused(serving: Callable[..., TestClient]) -> None:
    client = serving(listeners=1)
    with client.websocket_connect(PLACE) as first:
        assert first.receive_json()["type"] == "ready"
        with client.websocket_connect(PLACE) as second:
            assert second.receive_json()["error"].startswith("busy")
            with pytest.raises(WebSocketDisconnect) as end:
                second.receive_json()
            assert end.value.code == listen.BUSY
        first.send_text(json.dumps(END))
        assert first.receive_json()["type"] == "done"
    with client.websocket_connect(PLACE) as third:
        assert third.receive_json()["type"] == "ready"


def test_one_that_leaves_is_forgotten(serving: Callable[..., TestClient], samples: np.ndarray) -> None:
    client = serving(listeners=1)
    for _ in range(3):
        with client.websocket_connect(PLACE) as socket:
            assert socket.receive_json()["type"] == "ready"
            socket.send_bytes(samples.tobytes())
    assert client.app.state.service.listeners == 0  # type: ignore[attr-defined]


def test_neither_another_site_nor_one_without_the_token_is_listened_to(serving: Callable[..., TestClient]) -> None:
    client = serving()
    with (
        pytest.raises(WebSocketDisconnect),
        client.websocket_connect(PLACE, headers={"origin": "https://evil.example"}),
    ):
        pass
    client = serving(token="open-sesame-42")
    with pytest.raises(WebSocketDisconnect), client.websocket_connect(PLACE):
        pass
    with client.websocket_connect(PLACE, headers={"authorization": "Bearer open-sesame-42"}) as socket:
        assert socket.receive_json()["type"] == "ready"
