"""`api.listen` as a Python call: sinks of one's own, sources by name, and what stops it."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from earmark import api
from earmark.audio.live import FileAsLive
from earmark.audio.pcm import PcmStream
from earmark.decisions import OperatingPoint
from earmark.errors import AudioError, ConfigError
from earmark.hub import box
from earmark.runtime.sinks import News, Sink

RATE = 32_000


class Memory(Sink):
    def __init__(self) -> None:
        self.news: list[News] = []

    def take(self, news: News) -> None:
        self.news.append(news)


@pytest.fixture
def street(tmp_path: Path) -> Path:
    path = tmp_path / "street.wav"
    sound = np.concatenate([np.zeros(RATE), np.resize(box.check_clip(RATE), 4 * RATE)])
    soundfile.write(path, sound, RATE, subtype="FLOAT")
    return path


def test_sinks_of_one_s_own_get_what_the_lines_say(street: Path) -> None:
    memory, lines = Memory(), io.StringIO()
    point = street.with_suffix(".json")
    OperatingPoint.plain(api.open_models().labels).with_threshold(0.05).save(point)
    heard = api.listen(str(street), speed=None, sinks=[memory], lines=lines, operating_point=point)
    assert heard.seconds == 5.0
    assert [news.as_json() for news in memory.news] == [json.loads(line) for line in lines.getvalue().splitlines()]
    assert heard.events == sum(news.update.kind == "end" for news in memory.news) > 0


def test_it_stops_when_it_is_told_to(street: Path) -> None:
    heard = api.listen(str(street), speed=None, stop=iter([False] * 9 + [True]).__next__)
    assert heard.seconds == pytest.approx(1.0)


def test_sources_go_by_name(street: Path) -> None:
    found = api.open_source(str(street), RATE, speed=None)
    assert isinstance(found, FileAsLive)
    assert (found.name, found.rate) == ("street.wav", RATE)
    piped = api.open_source("-", RATE, stdin=io.BytesIO(street.read_bytes()))
    assert isinstance(piped, PcmStream)
    assert (piped.name, piped.rate, piped.channels) == ("stdin", RATE, 1)


@pytest.mark.parametrize(("source", "said"), [("", "is empty"), ("no/such", "no such file"), ("a.wav", "no such file")])
def test_what_is_no_source_is_refused(source: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        api.open_source(source, RATE)


@pytest.mark.parametrize("call", [api.input_devices, lambda: api.open_source("mic", RATE)])
def test_a_sound_card_needs_portaudio(call: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(Exception, match=r"needs sounddevice: pip install \"earmark\[live\]\"$"):
        call()


def test_a_stream_that_is_no_sound_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="stdin is text"):
        api.listen("-", stdin=io.BytesIO(b"plain text, nothing else"), outputs=[tmp_path / "events.csv"])
    assert not (tmp_path / "events.csv").exists()
