"""A sound card that is slow, unplugged or absent is reported, and tried again; a card of paper stands for one."""

import queue
import sys
import threading
import types

import numpy as np
import pytest

from earmark.audio import microphone
from earmark.audio.live import Missing
from earmark.audio.microphone import Microphone, input_devices
from earmark.errors import AudioError, MissingExtraError


class Card:
    """Stands for the library `sounddevice`: one device of 44.1 kHz that records what a test says."""

    class PortAudioError(Exception):
        pass

    def __init__(self, *recordings: list[np.ndarray]) -> None:
        self.recordings = list(recordings)

    def query_devices(self, device: object = None, kind: str | None = None) -> object:
        card = {"name": "Yard", "max_input_channels": 2, "default_samplerate": 44_100.0}
        if kind is None:
            return [card, {"name": "Speaker", "max_input_channels": 0, "default_samplerate": 48_000.0}]
        if device not in (None, 0, "Yard"):
            raise ValueError(f"No input device matching {device!r}")
        return card

    def check_input_settings(self, device: object, channels: int, samplerate: int) -> None:
        if samplerate != 44_100:
            raise self.PortAudioError("Invalid sample rate")

    def InputStream(self, callback: object, **options: object) -> object:
        if not self.recordings:
            raise self.PortAudioError("Device unavailable")
        return Stream(callback, self.recordings.pop(0))


class Stream:
    def __init__(self, callback: object, blocks: list[np.ndarray]) -> None:
        self.callback, self.blocks = callback, blocks

    def __enter__(self) -> None:
        def play() -> None:
            for block in self.blocks:
                self.callback(block[:, None], len(block), None, types.SimpleNamespace(input_overflow=block[0] < 0))

        threading.Thread(target=play, daemon=True).start()

    def __exit__(self, *error: object) -> None:
        pass


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> Card:
    made = Card()
    monkeypatch.setitem(sys.modules, "sounddevice", made)
    monkeypatch.setattr(microphone, "_GONE", 0.3)
    monkeypatch.setattr(microphone, "_AGAIN", 0.05)
    return made


def test_a_card_that_is_unplugged_is_tried_again_and_what_is_lost_is_counted(card: Card) -> None:
    block = np.ones(4_410, np.float32)
    card.recordings = [[block, -block], [block]]
    said: list[str] = []
    items = []
    for item in Microphone(None, 44_100).blocks(said.append):
        items.append(item)
        if len(items) == 4:
            break
    assert [type(item) for item in items] == [np.ndarray, np.ndarray, Missing, np.ndarray]
    assert 0.2 < items[2].seconds < 5
    assert said == ["Yard: overrun; some samples were lost", "Yard gives no sound; trying again"]


def test_blocks_that_find_no_room_are_missing_in_their_place(card: Card, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(microphone, "_ROOM", 2)
    card.recordings = [[np.ones(4_410, np.float32)] * 5]
    waiting: queue.Queue = queue.Queue(maxsize=2)
    source = Microphone(0, 44_100)
    stream = source._open(waiting)
    for block in stream.blocks:
        stream.callback(block[:, None], len(block), None, types.SimpleNamespace(input_overflow=False))
    assert source._lost == 3 * 4_410
    waiting.get()
    stream.callback(stream.blocks[0][:, None], 4_410, None, types.SimpleNamespace(input_overflow=False))
    waiting.get()
    assert waiting.get()[0] == 3 * 4_410


def test_the_card_s_own_rate_is_taken_unless_one_is_asked_for(card: Card) -> None:
    assert Microphone("Yard", 32_000).rate == 44_100
    with pytest.raises(AudioError, match=r"^Yard does not record at 32000 Hz; leave --rate out \(44100 Hz\)$"):
        Microphone("Yard", 32_000, preferred=False)


def test_devices_are_listed_and_missing_ones_named(card: Card, monkeypatch: pytest.MonkeyPatch) -> None:
    assert input_devices() == ["0  Yard, 2 channels, 44100 Hz"]
    with pytest.raises(AudioError, match="no input device 'Roof'; list with --devices; or give - for stdin"):
        Microphone("Roof", 44_100)
    monkeypatch.setattr(Card, "query_devices", lambda *_: (_ for _ in ()).throw(Card.PortAudioError("device -1")))
    with pytest.raises(AudioError, match=r"^no input device; list with --devices; or give - for stdin$"):
        Microphone(None, 44_100)


def test_without_the_extra_it_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(MissingExtraError, match=r"earmark\[live\]"):
        Microphone(None, 44_100)
