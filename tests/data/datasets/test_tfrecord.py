import gzip
import os
import struct
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.data.datasets.tfrecord import Damage, crc32c, masked_crc, read_record, read_records
from earmark.errors import DataError

RECORDS = [b"first", b"", bytes(range(256)) * 9, b"last"]
STARTS = [0, 21, 37, 37 + 16 + 2304]


@pytest.fixture
def path(tmp_path: Path, tfrecords: ModuleType) -> Path:
    return tfrecords.write_records(tmp_path / "a.tfrecord", RECORDS)


@given(st.binary(max_size=40) | st.integers(1020, 3100).map(lambda size: bytes(i * 7 % 251 for i in range(size))))
@settings(max_examples=60, deadline=None)
def test_the_checksum_is_the_one_summed_bit_by_bit(tfrecords: ModuleType, data: bytes) -> None:
    assert crc32c(data) == tfrecords.crc32c(data)


def test_the_checksum_is_that_of_the_standard() -> None:
    """RFC 3720, appendix B.4."""
    assert crc32c(bytes(32)) == 0x8A9136AA
    assert crc32c(b"\xff" * 32) == 0x62A8AB43
    assert crc32c(bytes(range(32))) == 0x46DD794E


def test_records_come_in_order_with_their_places(path: Path) -> None:
    assert list(read_records(path)) == list(zip(STARTS, RECORDS, strict=True))
    with open(path, "rb") as file:
        assert [read_record(file, start) for start in reversed(STARTS)] == RECORDS[::-1]


def test_another_writer_is_read(tmp_path: Path) -> None:
    writer = pytest.importorskip("tensorboard.summary.writer.record_writer", reason="needs the extra `train`")
    with open(tmp_path / "a.tfrecord", "wb") as file:
        for record in RECORDS:
            writer.RecordWriter(file).write(record)
    assert [found[1] for found in read_records(tmp_path / "a.tfrecord")] == RECORDS


def test_a_record_with_damaged_data_is_skipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[STARTS[2] + 500] ^= 1
    path.write_bytes(content)
    found = list(read_records(path))
    assert found[2] == Damage(STARTS[2], "a record does not fit its checksum; it is left out")
    assert [record for record in found if not isinstance(record, Damage)] == [
        (start, record) for start, record in zip(STARTS, RECORDS, strict=True) if start != STARTS[2]
    ]
    with open(path, "rb") as file, pytest.raises(DataError, match=r"a\.tfrecord, byte 37: a record does not fit"):
        read_record(file, STARTS[2])


def test_after_a_damaged_length_the_rest_is_lost(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[STARTS[2] + 3] ^= 128
    path.write_bytes(content)
    *good, last = read_records(path)
    assert good == [(0, b"first"), (21, b"")]
    assert last == Damage(
        37, "the length of a record does not fit its checksum; it and the rest of the file are lost", last=True
    )


@pytest.mark.parametrize(
    ("kept", "message"),
    [
        (STARTS[3] + 5, "cut short: 5 bytes of a record are left, which are lost"),
        (STARTS[3] + 14, "cut short: 14 of a record's 20 bytes are there; it is lost"),
        (STARTS[3] + 19, "cut short: 19 of a record's 20 bytes are there; it is lost"),
    ],
)
def test_a_file_cut_short_gives_what_is_whole(path: Path, kept: int, message: str) -> None:
    os.truncate(path, kept)
    *good, last = read_records(path)
    assert [record for _, record in good] == RECORDS[:3]
    assert last == Damage(STARTS[3], message, last=True)


def test_a_length_that_lies_takes_no_memory(tmp_path: Path, tfrecords: ModuleType) -> None:
    head = struct.pack("<Q", 1 << 60)
    (tmp_path / "a").write_bytes(head + tfrecords.masked(head) + b"x" * 100)
    (only,) = read_records(tmp_path / "a")
    assert isinstance(only, Damage)
    assert "112 of a record's" in only.message


def test_what_is_no_tfrecord_is_told(tmp_path: Path, path: Path) -> None:
    (tmp_path / "a.gz").write_bytes(gzip.compress(path.read_bytes()))
    (tmp_path / "text").write_text("not records at all")
    (tmp_path / "empty").write_bytes(b"")
    assert [record.message.split("; ")[1] for record in read_records(tmp_path / "a.gz")] == [
        "compressed? unpack it first"
    ]
    assert next(iter(read_records(tmp_path / "text"))).last
    assert list(read_records(tmp_path / "empty")) == []
    with pytest.raises(DataError, match=r"cannot read .*gone"):
        list(read_records(tmp_path / "gone"))


def test_a_checksum_of_a_checksum_is_another() -> None:
    assert masked_crc(b"abc") != crc32c(b"abc")
