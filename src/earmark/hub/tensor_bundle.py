"""TensorFlow's checkpoints without TensorFlow: tensors of a bundle, the form that `tf.train.Checkpoint`,
`Model.save_weights` and a SavedModel's `variables` have.

    NAME.index                  a sorted table of keys: of each tensor its type, shape, file, place and checksum
    NAME.data-00000-of-00001    the tensors' bytes, little endian, one after another

The table is LevelDB's: blocks of entries whose keys leave out what they share with the key before, an index block of
the blocks, and at the end a footer of 48 bytes with the place of that index. An entry's value is a message of protocol
buffers (`BundleEntryProto`). Bundles are written without compression; others are refused.

Only what a table says is read, and nothing in it names a file: numbers of shards do. Of each tensor that is kept the
checksum must fit.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from earmark.arrays import FloatArray
from earmark.data.datasets.tfrecord import fields, masked_crc, varint
from earmark.errors import ModelError

_MAGIC = 0xDB4775248B80FB57
_FOOTER = 48
_LARGEST = 2**28  # bytes of an index, and of all tensors
_FLOAT = 1  # TensorFlow's number of float32
_TRAILER = 5  # bytes after a block: how it is compressed, and a checksum


@dataclass(frozen=True)
class _Entry:
    """Where a tensor lies."""

    shape: tuple[int, ...]
    shard: int
    offset: int
    size: int
    checksum: int


def is_bundle(path: Path) -> bool:
    """Whether a file ends as the index of a bundle does."""
    if path.stat().st_size < _FOOTER:
        return False
    with open(path, "rb") as file:
        file.seek(-8, 2)
        return bool(struct.unpack("<Q", file.read(8))[0] == _MAGIC)


def read_bundle(index: Path) -> dict[str, FloatArray]:
    """The float32 tensors of a bundle by their keys; others are left out. `ModelError` where it is damaged."""
    try:
        if index.stat().st_size > _LARGEST:
            raise ModelError(f"{index}: is too large for the index of a checkpoint")
        shards, entries = _entries(index.read_bytes())
    except (ValueError, IndexError, struct.error) as error:
        raise ModelError(f"{index}: is not the index of a TensorFlow checkpoint, or it is damaged ({error})") from error
    if sum(entry.size for entry in entries.values()) > _LARGEST:
        raise ModelError(f"{index}: its tensors have more than {_LARGEST >> 20} MB")
    found: dict[str, FloatArray] = {}
    for key, entry in entries.items():
        data = index.with_name(f"{index.stem}.data-{entry.shard:05d}-of-{shards:05d}")
        found[key] = _tensor(data, key, entry)
    return found


def _tensor(data: Path, key: str, entry: _Entry) -> FloatArray:
    try:
        with open(data, "rb") as file:
            file.seek(entry.offset)
            content = file.read(entry.size)
    except OSError as error:
        raise ModelError(f"{data}: cannot be read: {error.strerror or error}; it belongs to the .index file") from error
    if len(content) != entry.size or masked_crc(content) != entry.checksum:
        raise ModelError(f"{data}: the tensor {key!r} is cut short, or does not fit its checksum")
    return np.frombuffer(content, "<f4").astype(np.float32).reshape(entry.shape)


def _entries(table: bytes) -> tuple[int, dict[str, _Entry]]:
    """Number of data files, and the float32 tensors by key."""
    footer = table[-_FOOTER:]
    if len(footer) < _FOOTER or struct.unpack("<Q", footer[-8:])[0] != _MAGIC:
        raise ValueError("no footer")
    place = 0
    for _ in range(2):  # of a block that is not needed; then of the index
        offset, place = varint(footer, place)
        size, place = varint(footer, place)
    shards = 1
    entries: dict[str, _Entry] = {}
    for _, handle in _block(table, offset, size):
        offset, place = varint(handle, 0)
        size, _ = varint(handle, place)
        for key, value in _block(table, offset, size):
            if not key:
                shards = _header(value)
            elif (entry := _entry(value)) is not None:
                entries[key.decode()] = entry
    return shards, entries


def _block(table: bytes, offset: int, size: int) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of a block."""
    block = table[offset : offset + size + _TRAILER]
    if len(block) < size + _TRAILER or size < 4:
        raise ValueError("a block reaches beyond the end")
    if block[size]:
        raise ValueError("its blocks are compressed")
    if masked_crc(block[: size + 1]) != struct.unpack("<I", block[size + 1 :])[0]:
        raise ValueError("a block does not fit its checksum")
    end = size - 4 - 4 * int(struct.unpack("<I", block[size - 4 : size])[0])  # places to begin reading at come last
    key, place = b"", 0
    while place < end:
        shared, place = varint(block, place)
        own, place = varint(block, place)
        length, place = varint(block, place)
        if shared > len(key) or place + own + length > end:
            raise ValueError("an entry reaches beyond its block")
        key = key[:shared] + block[place : place + own]
        place += own
        yield key, block[place : place + length]
        place += length


def _header(message: bytes) -> int:
    """Number of data files."""
    header = dict(fields(message))
    if header.get(2, 0):
        raise ValueError("its numbers are big endian")
    shards = header.get(1, 1)
    if not isinstance(shards, int):
        raise ValueError("its header is damaged")
    return shards


def _entry(message: bytes) -> _Entry | None:
    """Where a tensor lies; None for one that is not of float32."""
    entry = dict(fields(message))
    if entry.get(1) != _FLOAT:
        return None
    shape = tuple(_number(dict(fields(axis)).get(1, 0)) for number, axis in fields(entry.get(2, b"")) if number == 2)
    checksum = entry.get(6, b"")
    if 7 in entry or not isinstance(checksum, bytes) or len(checksum) != 4:
        raise ValueError("a tensor in slices, or without a checksum")
    shard, offset, size = (_number(entry.get(number, 0)) for number in (3, 4, 5))
    if math.prod(shape) * 4 != size:
        raise ValueError("a tensor of another size than its shape")
    return _Entry(shape, shard, offset, size, int(struct.unpack("<I", checksum)[0]))


def _number(value: int | bytes) -> int:
    if not isinstance(value, int):
        raise ValueError("bytes where a number was expected")
    return value
