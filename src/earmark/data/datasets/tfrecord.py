"""TFRecord files without TensorFlow: records of bytes, each with two checksums.

    8 bytes  length of the data, little endian
    4 bytes  masked CRC-32C of those 8
    n bytes  the data
    4 bytes  masked CRC-32C of the data

A record whose data is damaged is reported and skipped. Where its length is damaged, or the file ends within it, the
beginning of the next one is unknown: the rest of the file is reported as lost.

The checksum is a sum (exclusive or) over the bytes of what each adds, which depends on its value and on how many bytes
come after it: so a block is one look-up in a table (bytes that follow, values) and one reduction, where the usual loop
over bytes would take a millisecond a record.

Papers: CRC-32C is of Castagnoli, Brauer and Herrmann 1993; the framing is TensorFlow's, described in its documentation.

The `SequenceExample` messages that TFRecords hold, out of their bytes.

    SequenceExample   context = 1: Features           feature_lists = 2: FeatureLists
    Features          feature = 1: {name = 1, Feature = 2}, again and again
    FeatureLists      feature_list = 1: {name = 1, FeatureList = 2}, again and again
    FeatureList       feature = 1: Feature, again and again
    Feature           one of bytes_list = 1, float_list = 2, int64_list = 3, each with value = 1

In the protocol buffers' wire format a message is fields one after another, each a varint key (number * 8 + wire type)
and a value: a varint (type 0), 8 bytes (1), a length and its bytes (2) or 4 bytes (5). Numbers stand one by one or
packed into one field; both are read. Unknown fields are skipped. `ValueError` for bytes that are no such message.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from earmark.errors import DataError

_POLYNOMIAL = 0x82F63B78  # Castagnoli's, bits reversed
_BLOCK = 1024  # bytes summed at once; the table for this many places takes a megabyte
_HEAD, _FOOT = 12, 4  # bytes before and after the data
_PIECE = 1 << 20  # bytes read at once: a length that lies is found out before memory is taken for it


@dataclass(frozen=True)
class Damage:
    """What is wrong at a place of a file."""

    offset: int  # of the record, bytes
    message: str
    last: bool = False  # nothing after it can be found


def read_records(path: Path) -> Iterator[tuple[int, bytes] | Damage]:
    """Records (offset, data) of a file in order, and in their places those that are damaged.

    `DataError` where the file cannot be opened.
    """
    try:
        with open(path, "rb") as file:
            offset = 0
            while head := file.read(_HEAD):
                found = _read(file, head, offset)
                yield (offset, found) if isinstance(found, bytes) else found
                if isinstance(found, Damage) and found.last:
                    return
                offset = file.tell()
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error


def read_record(file: BinaryIO, offset: int) -> bytes:
    """The data of the record that begins at `offset`. `DataError` when it is damaged."""
    file.seek(offset)
    found = _read(file, file.read(_HEAD), offset)
    if isinstance(found, Damage):
        raise DataError(f"{file.name}, byte {offset}: {found.message}")
    return found


def _read(file: BinaryIO, head: bytes, offset: int) -> bytes | Damage:
    """The data after a head, or what is wrong with it."""
    if len(head) < _HEAD:
        return Damage(offset, f"cut short: {len(head)} bytes of a record are left, which are lost", last=True)
    length, checksum = struct.unpack("<QI", head)
    if masked_crc(head[:8]) != checksum:
        compressed = offset == 0 and head.startswith((b"\x1f\x8b", b"x\x9c", b"x\x01"))
        lost = "compressed? unpack it first" if compressed else "it and the rest of the file are lost"
        return Damage(offset, f"the length of a record does not fit its checksum; {lost}", last=True)
    data = _read_all(file, length + _FOOT)
    if len(data) < length + _FOOT:
        have, whole = _HEAD + len(data), _HEAD + length + _FOOT
        return Damage(offset, f"cut short: {have} of a record's {whole} bytes are there; it is lost", last=True)
    body = data[:length]
    if masked_crc(body) != struct.unpack("<I", data[length:])[0]:
        return Damage(offset, "a record does not fit its checksum; it is left out")
    return body


def _read_all(file: BinaryIO, length: int) -> bytes:
    if length <= _PIECE:
        return file.read(length)
    pieces = []
    while length and (piece := file.read(min(length, _PIECE))):
        pieces.append(piece)
        length -= len(piece)
    return b"".join(pieces)


def masked_crc(data: bytes) -> int:
    """CRC-32C as TFRecords write it: turned by 15 bits and shifted, so that a checksum of checksums is none.

    >>> hex(masked_crc(b"123456789"))
    '0xc78ab0e5'
    """
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def crc32c(data: bytes) -> int:
    """CRC-32C of some bytes.

    >>> hex(crc32c(b"123456789"))
    '0xe3069283'
    """
    tables = _tables()
    values = np.frombuffer(data, np.uint8)
    register = 0xFFFFFFFF
    for first in range(0, len(values), _BLOCK):
        block = values[first : first + _BLOCK].astype(np.intp)
        if len(block) < 4:  # the register reaches beyond the block: byte by byte
            for value in block.tolist():
                register = register >> 8 ^ int(tables[-1, register & 0xFF ^ value])
            continue
        block[:4] ^= [register & 0xFF, register >> 8 & 0xFF, register >> 16 & 0xFF, register >> 24]
        places = tables[_BLOCK - len(block) :]
        register = int(np.bitwise_xor.reduce(places.ravel()[_row_starts()[: len(block)] + block]))
    return register ^ 0xFFFFFFFF


@cache
def _row_starts() -> npt.NDArray[np.intp]:
    """Where the rows of the tables begin."""
    return np.arange(_BLOCK) * 256


@cache
def _tables() -> npt.NDArray[np.uint32]:
    """What a byte adds to the checksum: (place in a block, value); the last place has nothing after it."""
    row = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        row = np.where(row & 1, row >> 1 ^ np.uint32(_POLYNOMIAL), row >> 1)
    tables = np.empty((_BLOCK, 256), np.uint32)
    tables[-1] = row
    for place in range(_BLOCK - 2, -1, -1):  # one byte more follows: the register moves on by a zero
        tables[place] = tables[place + 1] >> 8 ^ row[tables[place + 1] & 0xFF]
    return tables


Values = list[bytes] | list[float] | list[int]
_BYTES, _FLOATS, _INTEGERS = 1, 2, 3  # fields of a Feature
_VARINT, _EIGHT, _LENGTH, _FOUR = 0, 1, 2, 5  # wire types


@dataclass(frozen=True)
class SequenceExample:
    """A message taken apart as far as its names: `context` by name, and the lists' own bytes by name."""

    context: dict[str, Values]
    lists: dict[str, bytes]

    def rows(self, name: str, width: int) -> npt.NDArray[np.uint8]:
        """A list of features that each hold `width` bytes, as (features, width); none where there is no such list.

        `ValueError` where one of them is of another kind or length.
        """
        payload = self.lists.get(name, b"")
        usual = _usual_rows(payload, width)
        if usual is not None:
            return usual
        rows: list[bytes] = []
        for feature in (feature for number, feature in fields(payload) if number == 1):
            values = _feature(feature)
            if len(values) != 1 or not isinstance(values[0], bytes) or len(values[0]) != width:
                raise ValueError(f"item {len(rows)} of {name} is not {width} bytes")
            rows.append(values[0])
        return np.array([list(row) for row in rows], np.uint8).reshape(-1, width)


def parse_sequence_example(record: bytes) -> SequenceExample:
    """Take a message apart. `ValueError` for anything else.

    >>> parse_sequence_example(bytes.fromhex("0a0b0a090a016212040a020a00"))
    SequenceExample(context={'b': [b'']}, lists={})
    """
    context: dict[str, Values] = {}
    lists: dict[str, bytes] = {}
    for number, part in fields(record):
        if number == 1:
            context |= {name: _feature(feature) for name, feature in _map(part)}
        elif number == 2:
            lists |= dict(_map(part))
    return SequenceExample(context, lists)


def _map(message: int | bytes) -> Iterator[tuple[str, bytes]]:
    """Names and values of a map's entries."""
    for number, entry in fields(_as_bytes(message)):
        if number == 1:
            pair = dict(fields(_as_bytes(entry)))
            yield _as_bytes(pair.get(1, b"")).decode(), _as_bytes(pair.get(2, b""))


def _feature(message: int | bytes) -> Values:
    """The values of a Feature."""
    for kind, values in fields(_as_bytes(message)):
        if kind not in (_BYTES, _FLOATS, _INTEGERS):
            continue
        parts = [value for number, value in fields(_as_bytes(values)) if number == 1]
        if kind == _INTEGERS:
            return [_signed(value) for part in parts for value in _integers(part)]
        content = [_as_bytes(part) for part in parts]
        return content if kind == _BYTES else _floats(b"".join(content))
    return []


def _floats(packed: bytes) -> list[float]:
    if len(packed) % 4:
        raise ValueError("floats of another size than 4 bytes")
    return [value for (value,) in struct.iter_unpack("<f", packed)]


def _integers(part: int | bytes) -> Iterator[int]:
    """One integer, or those packed into one field."""
    if isinstance(part, int):
        yield part
        return
    place = 0
    while place < len(part):
        value, place = varint(part, place)
        yield value


def fields(message: int | bytes) -> Iterator[tuple[int, int | bytes]]:
    """Number and value of each field."""
    message = _as_bytes(message)
    place = 0
    while place < len(message):
        key, place = varint(message, place)
        kind = key & 7
        if kind == _VARINT:
            value, place = varint(message, place)
            yield key >> 3, value
            continue
        if kind == _LENGTH:
            size, place = varint(message, place)
        elif kind in (_EIGHT, _FOUR):
            size = 8 if kind == _EIGHT else 4
        else:
            raise ValueError(f"no such wire type: {kind}")
        if place + size > len(message):
            raise ValueError("a field reaches beyond its message")
        yield key >> 3, message[place : place + size]
        place += size


def varint(message: bytes, place: int) -> tuple[int, int]:
    """A number in groups of 7 bits, lowest first, the top bit set except in the last; and the place after it."""
    value = shift = 0
    while place < len(message) and shift < 64:
        byte = message[place]
        value |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if byte < 0x80:
            return value, place
    raise ValueError("a number does not end")


def _signed(value: int) -> int:
    return value - (1 << 64) if value >= 1 << 63 else value


def _as_bytes(value: int | bytes) -> bytes:
    if isinstance(value, int):
        raise ValueError("a number where a message was expected")
    return value


def _usual_rows(payload: bytes, width: int) -> npt.NDArray[np.uint8] | None:
    """The rows of a list that is written in the usual way, each with the same bytes before it; else None.

    Millions of records are so, and need not be taken apart field by field.
    """
    head = b""
    for _ in range(3):  # value in a bytes_list, bytes_list in a Feature, Feature in the list
        head = b"\x0a" + _varint_bytes(width + len(head)) + head
    size = len(head) + width
    if not payload or len(payload) % size:
        return None
    table = np.frombuffer(payload, np.uint8).reshape(-1, size)
    if (table[:, : len(head)] != np.frombuffer(head, np.uint8)).any():
        return None
    return table[:, len(head) :]


def _varint_bytes(value: int) -> bytes:
    found = b""
    while value >= 0x80:
        found, value = found + bytes([value & 0x7F | 0x80]), value >> 7
    return found + bytes([value])
