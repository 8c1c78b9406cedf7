import gzip
import os
import struct
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.data.datasets.tfrecord import Damage, crc32c, masked_crc, parse_sequence_example, read_record, read_records
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


VECTORS = np.random.default_rng(0).integers(0, 256, (10, 128), dtype=np.uint8)


@given(
    st.dictionaries(
        st.text(max_size=5),
        st.lists(st.binary(max_size=200), min_size=1, max_size=4)
        | st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=4)
        | st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=4),
        max_size=4,
    ),
    st.booleans(),
)
@settings(max_examples=80, deadline=None)
def test_a_context_comes_back_as_it_was_written_packed_or_not(
    tfrecords: ModuleType, context: dict[str, list], packed: bool
) -> None:
    assert parse_sequence_example(tfrecords.sequence_example(context, {}, packed)).context == context


@pytest.mark.parametrize("packed", [True, False])
def test_a_record_of_audioset(tfrecords: ModuleType, packed: bool) -> None:
    found = parse_sequence_example(tfrecords.embedding_record("--abc_DEF-9", [0, 300, 526], VECTORS, packed=packed))
    assert found.context == {
        "video_id": [b"--abc_DEF-9"],
        "start_time_seconds": [30.0],
        "end_time_seconds": [40.0],
        "labels": [0, 300, 526],
    }
    np.testing.assert_array_equal(found.rows("audio_embedding", 128), VECTORS)
    assert found.rows("rgb", 1024).shape == (0, 1024)


def test_rows_written_in_another_way_are_the_same(tfrecords: ModuleType) -> None:
    """A field that is not known stands in one of them: then they are taken apart field by field."""
    rows = [tfrecords.field(1, tfrecords.feature([row.tobytes()])) for row in VECTORS]
    rows[3] = tfrecords.field(1, tfrecords.field(9, 7) + tfrecords.feature([VECTORS[3].tobytes()]))
    lists = tfrecords.entry("audio_embedding", b"".join(rows))
    found = parse_sequence_example(tfrecords.field(2, lists))
    np.testing.assert_array_equal(found.rows("audio_embedding", 128), VECTORS)


def test_google_s_own_writer_is_read() -> None:
    pytest.importorskip("google.protobuf", reason="needs protobuf, which the extra `train` brings")
    record = reference_message("id_of_video", [5, 526], VECTORS)
    found = parse_sequence_example(record)
    assert found.context["labels"] == [5, 526]
    assert found.context["video_id"] == [b"id_of_video"]
    assert found.context["start_time_seconds"] == [30.0]
    np.testing.assert_array_equal(found.rows("audio_embedding", 128), VECTORS)


def reference_message(video: str, labels: list[int], vectors: np.ndarray) -> bytes:
    """A SequenceExample by the protocol buffers library, from its schema."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    proto = descriptor_pb2.FileDescriptorProto(name="example.proto", package="t", syntax="proto3")
    kinds = descriptor_pb2.FieldDescriptorProto

    def message(name: str, *fields: tuple[str, int, int, str]) -> descriptor_pb2.DescriptorProto:
        made = proto.message_type.add(name=name)
        for label, number, kind, of in fields:
            repeated = kinds.LABEL_REPEATED if label.startswith("*") else kinds.LABEL_OPTIONAL
            made.field.add(
                name=label.strip("*"), number=number, type=kind, label=repeated, type_name=f".t.{of}" if of else None
            )
        return made

    message("BytesList", ("*value", 1, kinds.TYPE_BYTES, ""))
    message("FloatList", ("*value", 1, kinds.TYPE_FLOAT, ""))
    message("Int64List", ("*value", 1, kinds.TYPE_INT64, ""))
    inner = kinds.TYPE_MESSAGE
    message(
        "Feature",
        ("bytes_list", 1, inner, "BytesList"),
        ("float_list", 2, inner, "FloatList"),
        ("int64_list", 3, inner, "Int64List"),
    )
    message("FeatureList", ("*feature", 1, inner, "Feature"))
    for name, of in (("Features", "Feature"), ("FeatureLists", "FeatureList")):
        field = "feature" if of == "Feature" else "feature_list"
        made = message(name, (f"*{field}", 1, inner, f"{name}.{field.title().replace('_', '')}Entry"))
        entry = made.nested_type.add(name=f"{field.title().replace('_', '')}Entry")
        entry.options.map_entry = True
        entry.field.add(name="key", number=1, type=kinds.TYPE_STRING, label=kinds.LABEL_OPTIONAL)
        entry.field.add(name="value", number=2, type=inner, label=kinds.LABEL_OPTIONAL, type_name=f".t.{of}")
    message("SequenceExample", ("context", 1, inner, "Features"), ("feature_lists", 2, inner, "FeatureLists"))
    pool = descriptor_pool.DescriptorPool()
    pool.Add(proto)
    example = message_factory.GetMessageClass(pool.FindMessageTypeByName("t.SequenceExample"))()
    example.context.feature["video_id"].bytes_list.value.append(video.encode())
    example.context.feature["labels"].int64_list.value.extend(labels)
    example.context.feature["start_time_seconds"].float_list.value.append(30.0)
    for row in vectors:
        item = example.feature_lists.feature_list["audio_embedding"].feature.add()
        item.bytes_list.value.append(row.tobytes())
    return bytes(example.SerializeToString())


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (b"\x0a", "a number does not end"),
        (b"\x0a\x05ab", "reaches beyond"),
        (b"\x0b", "no such wire type: 3"),
        (b"\x80" * 11, "a number does not end"),
        (b"\x08\x01", "a number where a message"),
        (b"\x0a\x02\x08\x03", "a number where a message"),
    ],
)
def test_bytes_that_are_no_message_are_refused(record: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_sequence_example(record)


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(record: bytes) -> None:
    try:
        parse_sequence_example(record).rows("audio_embedding", 128)
    except ValueError:
        pass
    except struct.error:
        pytest.fail("not the kind of error that is promised")


@pytest.mark.parametrize("row", [[b"x" * 127], [b"x" * 128, b"y"], [3], []])
def test_vectors_of_another_size_are_refused(tfrecords: ModuleType, row: list) -> None:
    record = tfrecords.sequence_example({}, {"audio_embedding": [[b"x" * 128], row]})
    with pytest.raises(ValueError, match="item 1 of audio_embedding is not 128 bytes"):
        parse_sequence_example(record).rows("audio_embedding", 128)
