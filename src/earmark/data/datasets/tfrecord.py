"""TFRecord files without TensorFlow: records of bytes, each with two checksums.

    8 bytes  length of the data, little endian
    4 bytes  masked CRC-32C of those 8
    n bytes  the data
    4 bytes  masked CRC-32C of the data

A record whose data is damaged is told and skipped. Where its length is damaged, or the file ends within it, nothing
tells where the next one begins: what is left of the file is told as lost.

The checksum is a sum (exclusive or) over the bytes of what each adds, which depends on its value and on how many bytes
come after it: so a block is one look-up in a table (bytes that follow, values) and one reduction, where the usual loop
over bytes would take a millisecond a record.

Papers: CRC-32C is of Castagnoli, Brauer and Herrmann 1993; the framing is TensorFlow's, described in its documentation.
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
_BLOCK = 1024  # bytes summed at once; the table of so many places takes a megabyte
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
