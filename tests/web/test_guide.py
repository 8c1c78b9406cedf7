"""The guide docs/guides/http.md: each of its commands and programs runs, and prints what the guide says."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import soundfile

from tests.web.running import running
from tests.web.sounds import scene

GUIDE = (Path(__file__).parents[2] / "docs" / "guides" / "http.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", GUIDE, re.DOTALL | re.MULTILINE)
STATED = "127.0.0.1:8765"  # the address that the guide takes


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with running() as (_, address):
        yield address.removeprefix("http://")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with street.wav."""
    folder = tmp_path_factory.mktemp("guide")
    soundfile.write(folder / "street.wav", scene(44_100), 44_100)
    return folder


def ran(command: list[str], folder: Path, codes: tuple[int, ...] = (0,)) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode in codes, done.stderr
    return done.stdout


SHELL = [text for kind, text in BLOCKS if kind == "bash"]
PYTHON = [text for kind, text in BLOCKS if kind == "python"]
PRINTED = (  # of each command of the guide, in order
    r'\{"recording": "street.wav", "model": "earmark/everyday", "seconds": 9.0, "actions": \["resampled from 44100',
    r"filename,event_labels,scores\nstreet.wav,",
    r'"events": \[\{"onset": [\d.]+, "offset": [\d.]+, "label": "\w+", "score": 0.[5-9]',
    r'\[\{"label": "\w+", "score": [\d.]+\}, \{"label": "\w+", "score": [\d.]+\}\]$',
    r"retry: 3000\n",
    r'\{"status": ?"ok"',
)


def test_each_command_is_checked() -> None:
    assert len(SHELL) == len(PRINTED)
    assert len(PYTHON) == 2
    assert all(STATED in text for text in (*SHELL, *PYTHON))


@pytest.mark.parametrize("number", range(len(PRINTED)))
def test_commands_print_what_the_guide_says(address: str, folder: Path, number: int) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    endless = "--max-time" in SHELL[number]
    command = ["bash", "-euo", "pipefail", "-c", SHELL[number].replace(STATED, address)]
    assert re.search(PRINTED[number], ran(command, folder, (28,) if endless else (0,)))


def test_the_program_prints_events(address: str, folder: Path) -> None:
    printed = ran([sys.executable, "-c", PYTHON[0].replace(STATED, address)], folder)
    assert re.match(r"[\d.]+ [\d.]+ \w+ 0\.\d+\n", printed)


def test_the_program_that_listens_prints_events(address: str, folder: Path) -> None:
    pytest.importorskip("websockets")
    lines = ran([sys.executable, "-c", PYTHON[1].replace(STATED, address)], folder).splitlines()
    assert lines[0].startswith("{'begin': ")
    messages = [json.loads(line) for line in lines[1:]]
    assert {message["type"] for message in messages} == {"begin", "end", "done"}
    assert messages[-1] == {"type": "done", "seconds": 9.0}


def test_the_words_and_codes_of_the_guide_are_those_of_the_code() -> None:
    from earmark.decisions.changes import WORDS
    from earmark.formats import EVENT_FORMATS
    from earmark.web.listen import Asked
    from earmark.web.parameters import Parameters

    for word in (*WORDS, *EVENT_FORMATS, *Parameters.model_fields, *Asked.model_fields):
        assert f"`{word}" in GUIDE or word in ("name", "function_to_apply"), word
