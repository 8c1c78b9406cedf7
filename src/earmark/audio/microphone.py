"""A sound card, through PortAudio (`sounddevice`, extra `live`).

The card's own thread puts blocks into a queue. A block that finds it full is lost, and `Missing` stands in its place.
A card that gives nothing for some seconds, as one that was unplugged, is closed and tried again until it is back.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Iterator
from typing import Any

from earmark.audio.live import BLOCK, Block, Missing, Say
from earmark.errors import AudioError, MissingExtraError

_ROOM = 100  # blocks
_GONE = 3.0  # seconds without a block after which a card is opened anew
_AGAIN = 2.0  # seconds between attempts
NO_DEVICE = "no input device; list with --devices; or give - for stdin"


def portaudio() -> Any:
    """The library; `MissingExtraError` or `AudioError` where it cannot be used."""
    try:
        import sounddevice
    except ModuleNotFoundError as error:
        raise MissingExtraError("sounddevice", "live", "listening to a sound card") from error
    except OSError as error:  # the Python part is there, the library in C is not
        raise AudioError(
            "PortAudio is missing: install it (Debian, Ubuntu: apt install libportaudio2), or give - for stdin"
        ) from error
    return sounddevice


def input_devices() -> list[str]:
    """What can record, a line each: number, name, channels and rate."""
    found = []
    for number, device in enumerate(portaudio().query_devices()):
        if device["max_input_channels"]:
            rate = f"{device['default_samplerate']:.0f} Hz"
            found.append(f"{number}  {device['name']}, {device['max_input_channels']} channels, {rate}")
    return found


class Microphone:
    """A sound card by number or by part of its name (None: the system's own), at `rate` Hz.

    Where `rate` is only `preferred`, and the card lacks it, the card's own rate is taken. `AudioError` where there is
    no such device, or none at all, and where it lacks the rate that was asked for.
    """

    real_time = True

    def __init__(self, device: int | str | None, rate: int, preferred: bool = True) -> None:
        self._library = portaudio()
        self.device = device
        try:
            about = self._library.query_devices(device, "input")
        except (ValueError, self._library.PortAudioError) as error:
            if device is None:
                raise AudioError(NO_DEVICE) from error
            raise AudioError(f"no input device {device!r}; list with --devices; or give - for stdin") from error
        self.name, own = str(about["name"]), round(about["default_samplerate"])
        self.rate = rate
        try:
            self._library.check_input_settings(device=device, channels=1, samplerate=rate)
        except (ValueError, self._library.PortAudioError) as error:
            if not preferred:
                raise AudioError(f"{self.name} does not record at {rate} Hz; leave --rate out ({own} Hz)") from error
            self.rate = own
        self._lost = 0  # samples since the last block that found room

    def blocks(self, say: Say) -> Iterator[Block | Missing]:
        """Blocks (samples, 1) as they come; never ends by itself."""
        arrived: float | None = None  # when the last block came
        reported = False
        while True:
            waiting: queue.Queue[tuple[int, bool, Block]] = queue.Queue(maxsize=_ROOM)
            try:
                with self._open(waiting):
                    while True:
                        lost, overrun, block = waiting.get(timeout=_GONE)
                        now = time.monotonic()
                        if arrived is not None and reported:
                            yield Missing(max(0.0, now - arrived - BLOCK), f"{self.name} is back")
                        elif lost:
                            yield Missing(lost / self.rate, f"{self.name}: the computer was too slow")
                        elif overrun:
                            say(f"{self.name}: overrun; some samples were lost")
                        arrived, reported = now, False
                        yield block
            except (queue.Empty, self._library.PortAudioError) as error:
                if not reported:
                    why = "gives no sound" if isinstance(error, queue.Empty) else f"stopped ({error})"
                    say(f"{self.name} {why}; trying again")
                arrived, reported = time.monotonic() if arrived is None else arrived, True
                time.sleep(_AGAIN)

    def _open(self, waiting: queue.Queue[tuple[int, bool, Block]]) -> Any:
        def take(block: Block, frames: int, _: object, status: Any) -> None:
            try:
                waiting.put_nowait((self._lost, bool(status.input_overflow), block.copy()))
                self._lost = 0
            except queue.Full:
                self._lost += frames

        self._lost = 0
        return self._library.InputStream(
            device=self.device,
            samplerate=self.rate,
            channels=1,
            dtype="float32",
            blocksize=round(BLOCK * self.rate),
            callback=take,
        )
