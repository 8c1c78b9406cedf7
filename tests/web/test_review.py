"""The routes of the review: the page and the log never part, and nothing leads out of the folder."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from starlette.testclient import TestClient

from earmark.events import Event
from earmark.formats import write_events
from earmark.runtime.review import Review
from earmark.runtime.tagger import Tagger
from earmark.web.app import create_app
from earmark.web.settings import Settings
from tests.web.conftest import HOME

EVENTS = {"a.wav": [Event(0.5, 1.0, "dog", 0.9), Event(2.0, 3.0, "cat", 0.6)], "b <i>.wav": [Event(1, 2, "dog", 0.3)]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in EVENTS:
        soundfile.write(tmp_path / name, np.random.default_rng(0).normal(0, 0.01, 32_000), 8_000)
    write_events(tmp_path, EVENTS, ("csv",))
    return tmp_path


@pytest.fixture
def reviewing(tagger: Tagger, folder: Path) -> Iterator[TestClient]:
    with Review.open(folder) as review:
        app = create_app(Settings({"m": tagger}, output=folder / "page", review=review))
        with TestClient(app, base_url=HOME, raise_server_exceptions=False) as client:
            yield client


def judged(client: TestClient, path: str, said: dict[str, Any]) -> dict[str, Any]:
    answer = client.post(f"/api/review/{path}", json=said)
    assert answer.status_code in (200, 201), answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_verdict_is_answered_with_the_event_and_the_progress(reviewing: TestClient, folder: Path) -> None:
    about = reviewing.get("/api/review").json()
    assert (about["open"], about["recordings"], about["labels"]) == (True, 2, ["cat", "dog"])
    items = reviewing.get("/api/review/queue?order=score").json()["items"]
    assert [(item["label"], item["score"], item["place"]) for item in items] == [
        ("dog", 0.9, 0),
        ("cat", 0.6, 0),
        ("dog", 0.3, 1),
    ]
    answer = judged(reviewing, f"events/{items[0]['id']}", {"verdict": "confirmed"})
    assert answer["item"]["verdict"] == "confirmed"
    assert {row["label"]: row["left"] for row in answer["progress"]} == {"cat": 1, "dog": 1}
    answer = judged(reviewing, f"events/{items[1]['id']}", {"onset": 2.25, "label": "dog"})
    assert (answer["item"]["onset"], answer["item"]["offset"], answer["item"]["label"]) == (2.25, 3.0, "dog")
    assert answer["item"]["detected"] == [2.0, 3.0, "cat"]
    added = judged(reviewing, "events", {"place": 1, "onset": 0, "offset": 0.5, "label": "bird"})["item"]
    assert added["added"]
    assert judged(reviewing, "undo", {})["item"] is None
    assert judged(reviewing, "undo", {})["item"]["moved"] is False
    assert len((folder / "review.jsonl").read_text().splitlines()) == 6


def test_figures_follow_from_the_verdicts(reviewing: TestClient) -> None:
    items = {item["score"]: item["id"] for item in reviewing.get("/api/review/queue").json()["items"]}
    judged(reviewing, f"events/{items[0.9]}", {"verdict": "confirmed"})
    judged(reviewing, f"events/{items[0.3]}", {"verdict": "rejected"})
    rows = {row["label"]: row for row in reviewing.get("/api/review/figures").json()["labels"]}
    assert rows["dog"]["precision"]["value"] == 0.5
    assert (rows["dog"]["reach"]["threshold"], rows["dog"]["reach"]["events"]) == (0.9, 1)
    assert (rows["cat"]["precision"]["value"], rows["cat"]["reach"]) == (None, None)
    figure = reviewing.get("/api/review/figure", params={"label": "dog"}).json()
    assert [point["value"] for point in figure["curve"]] == [0.5, 1.0]
    assert figure["platt"]["slope"] > 0


def test_the_recording_comes_with_its_picture_and_sound(reviewing: TestClient, folder: Path) -> None:
    while (about := reviewing.get("/api/review/recordings/1").json())["state"] == "reading":
        pass
    assert (about["name"], about["state"]) == ("b <i>.wav", "ready")
    assert about["seconds"] == pytest.approx(4.0, abs=0.1)
    picture = reviewing.get("/api/review/recordings/1/spectrogram?from=0&to=2&width=64&height=32")
    assert picture.content.startswith(b"\x89PNG")
    sound = reviewing.get("/api/review/recordings/1/audio", headers={"range": "bytes=0-3"})
    assert (sound.status_code, sound.content) == (206, b"RIFF")


def test_exports_can_be_fetched_and_nothing_else(reviewing: TestClient, folder: Path) -> None:
    [first, *_] = reviewing.get("/api/review/queue?order=score").json()["items"]
    judged(reviewing, f"events/{first['id']}", {"verdict": "confirmed"})
    done = judged(reviewing, "export", {"kinds": ["csv", "training"]})
    assert [each["name"] for each in done["files"]] == ["events.csv", "training/weak.tsv", "training/strong.tsv"]
    fetched = reviewing.get("/api/review/file", params={"name": "events.csv"})
    assert fetched.content == (folder / "review" / "events.csv").read_bytes()
    assert "attachment" in fetched.headers["content-disposition"]
    for name in ("../events.csv", "/etc/passwd", "..", "", "training"):
        assert reviewing.get("/api/review/file", params={"name": name}).status_code == 422


@pytest.mark.parametrize(
    ("path", "said", "status"),
    [
        ("events/none", {"verdict": "confirmed"}, 404),
        ("events", {"place": 9, "onset": 0, "offset": 1, "label": "dog"}, 404),
        ("events", {"place": -1, "onset": 0, "offset": 1, "label": "dog"}, 404),
        ("events", {"place": 0, "onset": 2, "offset": 1, "label": "dog"}, 422),
        ("events", {"place": 0, "onset": 0, "offset": 1, "label": ""}, 422),
        ("events", {"place": 0, "onset": 0, "offset": 1, "label": "a\tb"}, 422),
        ("events/none", {"verdict": "maybe"}, 422),
        ("export", {"kinds": ["csvs"]}, 422),
    ],
)
def test_what_is_impossible_is_refused_in_one_line(
    reviewing: TestClient, path: str, said: dict[str, Any], status: int
) -> None:
    answer = reviewing.post(f"/api/review/{path}", json=said)
    assert answer.status_code == status, answer.text
    assert "\n" not in answer.json()["error"]
    assert reviewing.get("/api/review").json()["undoable"] == 0


def test_without_a_review_the_page_is_told_so(client: TestClient) -> None:
    assert client.get("/api/review").json() == {"open": False}
    assert client.get("/api/review/queue").status_code == 404
    answer = client.post("/api/review")
    assert answer.status_code == 422
    assert "open one first" in answer.json()["error"]


def test_a_review_of_the_page_keeps_uploads_and_goes_on_later(tagger: Tagger, clip: Path, tmp_path: Path) -> None:
    app = create_app(Settings({"m": tagger}, output=tmp_path))
    with TestClient(app, base_url=HOME) as client:
        for _ in range(2):  # the same name twice
            made = client.post("/api/recordings", files={"file": ("check.wav", clip.read_bytes())}).json()["id"]
            while client.get(f"/api/recordings/{made}").json()["state"] not in ("ready", "failed"):
                pass
        assert client.post("/api/review").status_code == 201
        [first, *_] = client.get("/api/review/queue").json()["items"]
        judged(client, f"events/{first['id']}", {"verdict": "confirmed"})
    [folder] = (tmp_path / "reviews").iterdir()
    with Review.open(folder) as review:
        assert review.recordings == ["check.wav", "check (2).wav"]
        assert review.items[first["id"]].verdict == "confirmed"
        assert all(path.is_file() for path in review.audio.values())
