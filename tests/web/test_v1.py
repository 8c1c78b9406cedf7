"""The public API: the answers are those of the command line, whichever way a recording is sent."""

import base64
import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.web.conftest import silence

EVENTS, TAGS, CLASSES = "/v1/audio/events", "/v1/audio/tags", "/v1/audio/classification"


def send_form(client: TestClient, to: str, clip: Path, **parameters: Any) -> Any:
    return client.post(to, files={"file": (clip.name, clip.read_bytes())}, data=parameters)


def send_bytes(client: TestClient, to: str, clip: Path, **parameters: Any) -> Any:
    return client.post(to, content=clip.read_bytes(), headers={"x-filename": clip.name}, params=parameters)


def send_json(client: TestClient, to: str, clip: Path, **parameters: Any) -> Any:
    document = {"inputs": base64.b64encode(clip.read_bytes()).decode(), "parameters": parameters}
    return client.post(to, json=document, params={"name": clip.name})


WAYS = (send_form, send_bytes, send_json)


@pytest.mark.parametrize("send", WAYS)
def test_events_are_those_of_the_command_line(
    client: TestClient, clip: Path, earmark: Callable[..., Any], send: Callable[..., Any]
) -> None:
    printed = list(csv.DictReader(io.StringIO(earmark("detect", clip, "--quiet").out)))
    answer = send(client, EVENTS, clip)
    assert answer.status_code == 200
    found = answer.json()
    assert len(found["events"]) > 1
    assert [(f"{e['onset']:.3f}", f"{e['offset']:.3f}", e["label"], e["score"]) for e in found["events"]] == [
        (row["onset"], row["offset"], row["event_label"], float(row["score"])) for row in printed
    ]
    assert (found["recording"], found["seconds"], found["problem"]) == ("check.wav", 9.0, None)
    assert "resampled from 44100 to 32000 Hz" in found["actions"]


@pytest.mark.parametrize("send", WAYS)
@pytest.mark.parametrize("options", [{}, {"threshold": 0.2}, {"operating_point": "xu2018"}, {"min_score": 0.5}])
def test_tags_and_options_are_those_of_the_command_line(
    client: TestClient, clip: Path, earmark: Callable[..., Any], send: Callable[..., Any], options: dict[str, Any]
) -> None:
    words = [word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", value)]
    printed = earmark("tag", clip, "--quiet", "--format", "json", *words).out
    answer = send(client, TAGS, clip, **options)
    assert answer.json()["tags"] == json.loads(printed)["recordings"]["check.wav"]


@pytest.mark.parametrize("form", ["csv", "tsv", "audacity", "raven", "dcase2017", "parquet"])
def test_each_format_is_the_file_that_detect_writes(
    client: TestClient, clip: Path, earmark: Callable[..., Any], form: str, tmp_path: Path
) -> None:
    if form == "parquet":
        pytest.importorskip("pyarrow")
    assert earmark("detect", clip, "--quiet", "-o", tmp_path, "--format", form).code == 0
    (written,) = [
        path for path in tmp_path.iterdir() if path.is_file() and path.suffix in (".csv", ".tsv", ".txt", ".parquet")
    ]
    answer = client.post(EVENTS, content=clip.read_bytes(), params={"format": form, "name": clip.name})
    assert answer.content == written.read_bytes()


def test_accept_chooses_the_format(client: TestClient, other: Path) -> None:
    def ask(accept: str) -> Any:
        return client.post(TAGS, content=other.read_bytes(), headers={"accept": accept})

    assert ask("text/csv").text.startswith("filename,event_labels,scores")
    assert ask("text/csv").headers["content-type"] == "text/csv; charset=utf-8"
    assert "tags" in ask("text/html, */*;q=0.1").json()
    refused = ask("image/png")
    assert refused.status_code == 406
    assert "text/csv" in refused.json()["error"]


def test_a_classification_has_the_shape_of_hugging_face(client: TestClient, clip: Path) -> None:
    answer = send_json(client, CLASSES, clip, top_k=3, function_to_apply="sigmoid").json()
    assert [sorted(item) for item in answer] == [["label", "score"]] * 3
    scores = [item["score"] for item in answer]
    assert scores == sorted(scores, reverse=True)
    assert answer[0] == send_bytes(client, CLASSES, clip).json()[0]
    assert len(send_bytes(client, CLASSES, clip).json()) == 5


def test_changes_of_the_operating_point_apply_to_their_labels(client: TestClient, clip: Path) -> None:
    own = send_bytes(client, EVENTS, clip).json()["events"]
    labels = {event["label"] for event in own}
    quiet = sorted(labels)[0]
    changes = {quiet: {"onset": 1.0, "offset": 1.0}}
    for found in (
        send_bytes(client, EVENTS, clip, changes=json.dumps(changes)).json()["events"],
        send_form(client, EVENTS, clip, changes=json.dumps(changes)).json()["events"],
        send_json(client, EVENTS, clip, changes=changes).json()["events"],
    ):
        assert found == [event for event in own if event["label"] != quiet]


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"model": "everyday"}, "no model 'everyday' (did you mean 'earmark/everyday'?); known: earmark/everyday"),
        ({"threshold": 1.5}, "threshold: Input should be less than or equal to 1"),
        ({"threshold": "nan"}, "threshold:"),
        ({"operating_point": "xu2017"}, "no operating point 'xu2017' (did you mean 'xu2018'?)"),
        ({"operating_point": "../point.json"}, "no operating point '../point.json'"),
        ({"threshold": 0.5, "operating_point": "xu2018"}, "threshold and operating_point exclude each other"),
        ({"changes": "{"}, "changes: no JSON"),
        ({"changes": '{"zebra": {"onset": 0.3}}'}, "the operating point has no label 'zebra'"),
        ({"changes": '{"dog": {"onsett": 0.3}}'}, "dog: unknown 'onsett' (did you mean 'onset'?)"),
        ({"changes": '{"dog": {"onset": 3}}'}, "dog: onset: Input should be less than or equal to 1"),
        ({"format": "cvs"}, "unknown format 'cvs' (did you mean 'csv'?)"),
    ],
)
def test_a_parameter_that_cannot_be_is_one_line(
    client: TestClient, other: Path, parameters: dict[str, Any], said: str
) -> None:
    answer = send_bytes(client, EVENTS, other, **parameters)
    assert answer.status_code == 422
    assert list(answer.json()) == ["error"]
    assert answer.json()["error"].startswith(said)
    assert "\n" not in answer.json()["error"]


def test_the_query_comes_before_the_form(client: TestClient, clip: Path) -> None:
    files = {"file": (clip.name, clip.read_bytes())}
    both = client.post(TAGS, files=files, data={"threshold": "1"}, params={"threshold": 0.1}).json()["tags"]
    assert both == send_bytes(client, TAGS, clip, threshold=0.1).json()["tags"] != []


def test_a_recording_with_any_name_is_answered(client: TestClient, other: Path) -> None:
    for name in ('a,"b".flac', "дятел.flac", "a\tb.flac", "<b>.flac", "%00.flac", "\U0001f426.flac"):
        answer = client.post(EVENTS, content=other.read_bytes(), params={"name": name})
        assert answer.status_code == 200
        assert answer.json()["recording"] == "".join(letter for letter in name if letter.isprintable())


def test_what_is_not_sound_is_named_as_the_client_calls_it(client: TestClient) -> None:
    answer = client.post(EVENTS, content=b"label,onset\n" * 20, headers={"x-filename": "street.wav"})
    assert answer.status_code == 422
    assert answer.json() == {
        "error": "street.wav: cannot be read as audio (Format not recognised): it is a text file, not audio"
    }


def test_a_recording_too_short_to_contain_a_sound_is_an_error_as_on_the_command_line(client: TestClient) -> None:
    answer = client.post(EVENTS, content=silence(0.01), headers={"x-filename": "a.wav"})
    assert (answer.status_code, answer.json()["error"]) == (422, "a.wav: lasts 10 ms, too short to contain a sound")


def test_a_recording_longer_than_is_taken_is_refused_before_it_is_scored(serving: Callable[..., TestClient]) -> None:
    answer = serving(longest=5.0).post(EVENTS, content=silence(6), headers={"x-filename": "a.wav"})
    assert (answer.status_code, answer.json()["error"]) == (413, "a.wav: lasts 6 s; at most 5 s are taken")


def test_the_part_of_a_cut_recording_that_can_be_read_is_answered_with_its_problem(
    client: TestClient, clip: Path
) -> None:
    answer = client.post(EVENTS, content=clip.read_bytes()[:800_000], headers={"x-filename": "cut.wav"})
    assert answer.status_code == 200
    assert "cut short" in answer.json()["problem"]


def test_models_and_health(client: TestClient) -> None:
    (model,) = client.get("/v1/models").json()["models"]
    assert (model["name"], model["default"], model["rate"]) == ("earmark/everyday", True, 32_000)
    assert "dog" in model["labels"]
    assert client.get("/health").json()["status"] == "ok"


def test_metrics_count_requests_sound_and_errors(serving: Callable[..., TestClient], clip: Path) -> None:
    client = serving()
    send_bytes(client, EVENTS, clip)
    client.post(EVENTS, content=b"no sound at all")
    client.get("/nowhere")
    text = client.get("/metrics").text
    assert 'earmark_requests_total{method="POST",route="/v1/audio/events",status="200"} 1.0' in text
    assert 'earmark_requests_total{method="POST",route="/v1/audio/events",status="422"} 1.0' in text
    assert 'earmark_requests_total{method="GET",route="unknown",status="404"} 1.0' in text
    assert 'earmark_audio_seconds_total{model="earmark/everyday"} 9.0' in text
    assert 'earmark_errors_total{kind="AudioError"} 1.0' in text
    assert "earmark_waiting 0.0" in text


def test_nothing_of_an_upload_is_left(serving: Callable[..., TestClient], clip: Path) -> None:
    client = serving()
    send_form(client, EVENTS, clip, format="csv")
    client.post(EVENTS, content=b"no sound at all")
    client.post(EVENTS, files={"file": ("a.wav", b"")})
    assert list(client.app.state.service.uploads.iterdir()) == []  # type: ignore[attr-defined]
