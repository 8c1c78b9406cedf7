import struct
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.data.datasets.sequence_example import parse_sequence_example

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
