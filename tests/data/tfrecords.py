"""TFRecords for the tests, written the slow and obvious way."""

import struct
from collections.abc import Iterable
from pathlib import Path

import numpy as np


def crc32c(data: bytes) -> int:
    register = 0xFFFFFFFF
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = register >> 1 ^ (0x82F63B78 if register & 1 else 0)
    return register ^ 0xFFFFFFFF


def masked(data: bytes) -> bytes:
    crc = crc32c(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def framed(record: bytes) -> bytes:
    length = struct.pack("<Q", len(record))
    return length + masked(length) + record + masked(record)


def varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    groups = []
    while True:
        groups.append(value & 0x7F)
        value >>= 7
        if not value:
            return bytes([group | 0x80 for group in groups[:-1]] + groups[-1:])


def field(number: int, value: bytes | int) -> bytes:
    if isinstance(value, int):
        return varint(number * 8) + varint(value)
    return varint(number * 8 + 2) + varint(len(value)) + value


def feature(values: list, packed: bool = True) -> bytes:
    if not values:
        return b""
    if isinstance(values[0], bytes):
        return field(1, b"".join(field(1, value) for value in values))
    if isinstance(values[0], float):
        numbers = [struct.pack("<f", value) for value in values]
        return field(2, field(1, b"".join(numbers)) if packed else b"".join(varint(1 * 8 + 5) + n for n in numbers))
    numbers = [varint(value) for value in values]
    return field(3, field(1, b"".join(numbers)) if packed else b"".join(varint(1 * 8) + n for n in numbers))


def entry(name: str, value: bytes) -> bytes:
    return field(1, field(1, name.encode()) + field(2, value))


def sequence_example(context: dict[str, list], lists: dict[str, list[list]], packed: bool = True) -> bytes:
    features = b"".join(entry(name, feature(values, packed)) for name, values in context.items())
    rows = {name: b"".join(field(1, feature(row)) for row in rows) for name, rows in lists.items()}
    return field(1, features) + field(2, b"".join(entry(name, row) for name, row in rows.items()))


def embedding_record(
    video: str, labels: list[int], vectors: np.ndarray, start: float = 30.0, packed: bool = True
) -> bytes:
    """A record as AudioSet's; `vectors` (seconds, 128) uint8."""
    context = {
        "video_id": [video.encode()],
        "start_time_seconds": [start],
        "end_time_seconds": [start + len(vectors)],
        "labels": labels,
    }
    return sequence_example(context, {"audio_embedding": [[row.tobytes()] for row in vectors]}, packed)


def write_records(path: Path, records: Iterable[bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(map(framed, records)))
    return path
