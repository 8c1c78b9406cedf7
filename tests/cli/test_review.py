"""`earmark review` as a process: it opens the page on results, keeps verdicts, and says what is wrong in one line."""

import json
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="needs the extra web")


def ask(address: str, body: dict[str, object] | None = None) -> dict[str, object]:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(address, data, {"content-type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        found: dict[str, object] = json.load(answer)
    return found


def test_the_results_of_detect_are_reviewed(earmark: Callable, collection: Path, trained: Path, tmp_path: Path) -> None:
    results = tmp_path / "results"
    assert earmark("detect", collection / "dev" / "audio", "-m", trained, "-o", results, "-f", "audacity").code == 0
    command = [sys.executable, "-m", "earmark.cli", "review", str(results), "--port", "0", "-m", str(trained)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        lines = [process.stderr.readline(), process.stderr.readline()]
        assert re.fullmatch(rf"{results}: \d+ events to review; verdicts go to {results}/review.jsonl\n", lines[0])
        found = re.search(r"http://\S+", lines[1])
        assert found is not None
        [item, *_] = ask(f"{found[0]}/api/review/queue")["items"]  # type: ignore[misc]
        ask(f"{found[0]}/api/review/events/{item['id']}", {"verdict": "confirmed"})
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(120) == 0
    last = (results / "review.jsonl").read_text().splitlines()[-1]
    assert json.loads(last) == {"do": "judge", "id": item["id"], "verdict": "confirmed"}


def test_what_is_no_result_is_said_in_one_line(earmark: Callable, tmp_path: Path) -> None:
    ran = earmark("review", tmp_path / "none")
    assert ran.code == 2
    expected = "no such file or folder; expected what 'earmark detect -o' wrote"
    assert ran.err == f"earmark: {tmp_path / 'none'}: {expected}\n"
