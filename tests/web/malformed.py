"""Uploads that are wrong, each in its own way: shared by the tests and benchmarks/speed/serve.py."""

from __future__ import annotations

import base64
import io
import json

import numpy as np
import soundfile

TO = ("/v1/audio/events", "/v1/audio/tags", "/v1/audio/classification")
Request = tuple[str, dict[str, str], bytes]  # path and query, headers, body
KINDS = 16


def malformed(number: int) -> Request:
    """The upload of this number; no two are alike."""
    rng = np.random.default_rng(number)
    to, kind = TO[number % len(TO)], number % KINDS
    size = int(rng.integers(1, 4000))
    noise = rng.integers(0, 256, size, dtype=np.uint8).tobytes()
    wav = sound("WAV", number)
    boundary = f"edge{number}"
    form = {"content-type": f"multipart/form-data; boundary={boundary}"}
    whole = _form(boundary, wav)
    text = {"content-type": "application/json"}
    made: dict[int, tuple[dict[str, str], bytes]] = {
        0: ({}, b"\x00" + noise),
        1: ({"content-type": "audio/wav"}, wav[: int(rng.integers(1, 44))]),
        2: ({}, b"RIFF" + noise),
        3: ({"content-type": "audio/flac"}, b"fLaC" + noise),
        4: ({"content-type": "audio/ogg"}, b"OggS\x00" + noise),
        5: ({}, b"filename,label\n" * (1 + size % 50)),
        6: (form, whole[: int(rng.integers(1, len(whole) - 8))]),
        7: (form, _form("another", wav)),
        8: (form, _form(boundary, noise)),
        9: (text, noise),
        10: (text, json.dumps({"inputs": base64.b64encode(noise).decode()[:-1] + "*"}).encode()),
        11: (text, json.dumps({"inputs": base64.b64encode(noise).decode()}).encode()),
        12: (text, json.dumps({"inputs": base64.b64encode(wav).decode(), "parameters": {"threshold": size}}).encode()),
        13: ({}, _not_finite(number)),
        14: ({"content-type": "multipart/form-data"}, whole),
        15: ({}, sound("FLAC", number, seconds=0.01)),
    }
    headers, body = made[kind]
    return to, {**headers, "x-filename": f"{number}.wav"}, body


def sound(form: str, seed: int, seconds: float = 0.5) -> bytes:
    """A recording as it should be."""
    buffer = io.BytesIO()
    wave = 0.1 * np.random.default_rng(seed).standard_normal(round(16_000 * seconds))
    soundfile.write(buffer, wave, 16_000, format=form)
    return buffer.getvalue()


def _not_finite(seed: int) -> bytes:
    buffer = io.BytesIO()
    wave = np.random.default_rng(seed).standard_normal(8000)
    wave[seed % 8000] = np.nan
    soundfile.write(buffer, wave, 16_000, format="WAV", subtype="FLOAT")
    return buffer.getvalue()


def _form(boundary: str, content: bytes) -> bytes:
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
    return head.encode() + content + f"\r\n--{boundary}--\r\n".encode()
