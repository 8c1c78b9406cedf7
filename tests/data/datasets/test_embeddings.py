import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from earmark.data.datasets.embeddings import EmbeddingStore, check_kind, read_vectors, to_numbers
from earmark.data.doctor import examine
from earmark.data.manifest import read_manifest
from earmark.data.reading import Wanted, read_parts
from earmark.data.store import open_store
from earmark.errors import DataError

CLASSES = ("index,mid,display_name", '0,/m/09x0r,"Speech"', '1,/t/dd00088,"Owl, eagle"', '2,/m/03l9g,"Hammer"')
SECONDS = {"video-00001": 10, "video-00002": 3, "video-00003": 10, "_ideo-00004": 7}


def vectors_of(video: str) -> np.ndarray:
    return np.random.default_rng(list(video.encode())).integers(0, 256, (SECONDS[video], 128), dtype=np.uint8)


@pytest.fixture
def release(tmp_path, tfrecords, table):
    """The released folder in small: three clips to train in two files, one to evaluate."""
    videos = list(SECONDS)
    labels = dict(zip(videos, ([0, 2], [1], [2, 2], [0]), strict=True))

    def write(place, *names):
        records = [tfrecords.embedding_record(name, labels[name], vectors_of(name)) for name in names]
        return tfrecords.write_records(tmp_path / "audioset_v1_embeddings" / place, records)

    write("bal_train/00.tfrecord", videos[0], videos[1])
    write("bal_train/zz.tfrecord", videos[2])
    write("eval/_i.tfrecord", videos[3])
    table("class_labels_indices.csv", *CLASSES)
    return tmp_path / "audioset_v1_embeddings"


def test_the_released_folder(release):
    manifest = read_manifest(release)
    assert [(clip.name, clip.labels, clip.split, clip.duration) for clip in manifest.clips] == [
        ("video-00001_30.000", ("Speech", "Hammer"), "balanced_train", 10),
        ("video-00002_30.000", ("Owl, eagle",), "balanced_train", 3),
        ("video-00003_30.000", ("Hammer",), "balanced_train", 10),
        ("_ideo-00004_30.000", ("Speech",), "eval", 7),
    ]
    assert manifest.labels.names == ("Speech", "Owl, eagle", "Hammer")
    assert manifest.problems == ()
    for clip in manifest.clips:
        np.testing.assert_array_equal(read_vectors(clip), vectors_of(clip.name[:11]))


def test_one_folder_or_one_file_of_it(release, tmp_path):
    assert len(read_manifest(release / "bal_train")) == 3
    assert len(read_manifest(release / "bal_train" / "00.tfrecord")) == 2
    assert len(read_manifest(release / "eval").labels) == 3
    (tmp_path / "class_labels_indices.csv").unlink()
    assert read_manifest(release / "eval").labels.names[:2] == ("Speech", "Male speech, man speaking")
    with pytest.raises(DataError, match="holds embeddings, not audio"):
        read_manifest(release, audio=tmp_path)


def test_parts_of_it_train_and_validate(release):
    train, valid, problems = read_parts(release, None, Wanted(), 0)
    assert (len(train), len(valid), problems) == (3, 1, ())
    train, valid, _ = read_parts(release / "bal_train", None, Wanted(fraction=0.34), 0)
    assert (len(train), len(valid)) == (2, 1)


@pytest.mark.parametrize("packed", [True, False])
def test_a_store_gives_vectors(release, tmp_path, packed):
    clips = read_manifest(release).clips
    done = []
    store = open_store(clips, 128, tmp_path / "cache" if packed else None, progress=lambda *at: done.append(at))
    assert isinstance(store, EmbeddingStore)
    assert (store.clips, store.rate, done) == (clips, 1, [(n, 4) for n in range(1, 5)])
    for index, clip in enumerate(clips):
        whole = (vectors_of(clip.name[:11]).astype(np.float32) - 128) / 128
        assert store.length(index) == store.lengths[index] == len(whole)
        for start, length in [(0, None), (1, 2), (1, None), (len(whole), 1), (0, 0)]:
            part = store.read(index, start, length)
            assert part.dtype == np.float32
            np.testing.assert_array_equal(part, whole[start : None if length is None else start + length])
    copy = pickle.loads(pickle.dumps(store))
    np.testing.assert_array_equal(copy.read(3), store.read(3))


def test_a_pack_is_made_once_and_again_when_a_file_changes(release, tmp_path):
    clips, cache = read_manifest(release).clips, tmp_path / "cache"
    open_store(clips, 128, cache)
    (pack,) = cache.iterdir()
    assert pack.stat().st_size == 30 * 128
    open_store(clips, 128, cache, progress=lambda *_: pytest.fail("read again"))
    os.utime(clips[0].path, ns=(1, 1))
    open_store(clips, 128, cache)
    assert len(list(cache.iterdir())) == 2
    for half in cache.iterdir():
        os.truncate(half, 100)
    np.testing.assert_array_equal(open_store(clips, 128, cache).read(1), to_numbers(vectors_of("video-00002")))


def test_what_is_wrong_is_told_with_its_place_and_costs_nothing_else(release, tfrecords):
    vectors = vectors_of("video-00002")
    records = {
        "good": tfrecords.embedding_record("video-00010", [1], vectors),
        "no labels": tfrecords.embedding_record("video-00011", [], vectors),
        "no vectors": tfrecords.embedding_record("video-00012", [1], vectors[:0]),
        "short vectors": tfrecords.embedding_record("video-00013", [1], vectors[:, :100]),
        "another class list": tfrecords.embedding_record("video-00014", [1, 3], vectors),
        "no message": b"not a message",
        "another message": tfrecords.sequence_example({"label": [1]}, {}),
        "again": tfrecords.embedding_record("video-00010", [1], vectors),
        "damaged": tfrecords.embedding_record("video-00015", [1], vectors),
        "last": tfrecords.embedding_record("video-00016", [1], vectors),
    }
    path = tfrecords.write_records(release / "bal_train" / "11.tfrecord", records.values())
    content = bytearray(path.read_bytes())
    places = dict(
        zip(records, np.cumsum([0, *(len(record) + 16 for record in records.values())]).tolist(), strict=False)
    )
    content[places["damaged"] + 100] ^= 4
    path.write_bytes(bytes(content[:-2]))
    manifest = read_manifest(release)
    assert {clip.name for clip in manifest.clips if clip.path == path} == {"video-00010_30.000"}
    assert len(manifest) == 5
    told = {problem.where: problem.message for problem in manifest.problems}
    for name, words in {
        "no labels": "video-00011_30.000 has no labels",
        "no vectors": "video-00012_30.000 has no audio_embedding",
        "short vectors": "item 0 of audio_embedding is not 128 bytes",
        "another class list": "video-00014_30.000 has the label 3, but there are 3 classes",
        "no message": "the record is left out",
        "again": f"video-00010_30.000 is also in {path}",
        "damaged": "a record does not fit its checksum; it is left out",
        "last": "cut short: ",
    }.items():
        assert words in told[f"{path}, byte {places[name]}"]
    assert [problem.kind for problem in manifest.problems].count("record") == 6


def test_nothing_but_broken_files_is_refused(release):
    for path in release.rglob("*.tfrecord"):
        path.write_bytes(b"x" * 100)
    with pytest.raises(
        DataError, match=r"no embeddings in its 3 TFRecord files; the first .*00\.tfrecord, byte 0: the le"
    ):
        read_manifest(release)


def test_a_file_that_changes_under_us_is_refused(release, tfrecords):
    clip = read_manifest(release).clips[1]
    tfrecords.write_records(clip.path, [tfrecords.embedding_record("video-00001", [0], vectors_of("video-00001"))] * 2)
    with pytest.raises(DataError, match=r"does not fit its checksum|has it changed"):
        read_vectors(clip)
    clip.path.unlink()
    with pytest.raises(DataError, match="cannot read"):
        read_vectors(clip)


def test_sound_and_embeddings_are_not_taken_for_each_other(release, recordings):
    embedded, sound = read_manifest(release), read_manifest(recordings("sounds/dog/a.wav").joinpath("sounds"))
    check_kind(embedded, "embeddings")
    check_kind(sound, "sound", 32_000, 64)
    with pytest.raises(DataError, match="holds embeddings, but the model takes sound"):
        check_kind(embedded, "sound", 32_000, 64)
    with pytest.raises(DataError, match="holds sound, but the model takes embeddings"):
        check_kind(sound, "embeddings")
    with pytest.raises(DataError, match=r"holds vectors of 128 values.* takes vectors of 64, 1 a second"):
        check_kind(embedded, "embeddings", 64, 64)


def test_doctor_looks_at_embeddings_too(release, tfrecords):
    silence = np.full((10, 128), 128, np.uint8)
    tfrecords.write_records(release / "eval" / "x.tfrecord", [tfrecords.embedding_record("video-silent", [1], silence)])
    copy = tfrecords.embedding_record("video-second", [2], vectors_of("video-00001"))
    tfrecords.write_records(release / "eval" / "y.tfrecord", [copy])
    diagnosis = examine(release)
    assert diagnosis.clips == 6
    assert diagnosis.seconds == 10 + 3 + 10 + 7 + 10 + 10
    assert diagnosis.formats == (("embeddings of 128 values, 1 a second", 6),)
    assert {(problem.kind, problem.where) for problem in diagnosis.problems} == {
        ("silent", "video-silent_30.000"),
        ("duplicate", "video-second_30.000"),
    }


def test_a_folder_of_both_is_read_for_its_sound(release, recordings, table, tmp_path):
    table("eval_segments.csv", 'video-00001, 30.000, 40.000, "/m/09x0r"')
    with pytest.raises(
        DataError, match=r"none of its 1 clips is there .*the embeddings in .*bal_train are data of their own"
    ):
        read_manifest(tmp_path)
    recordings("Yvideo-00001.wav")
    assert [clip.name for clip in read_manifest(tmp_path).clips] == ["Yvideo-00001.wav"]
    assert Path(read_manifest(tmp_path).clips[0].path).suffix == ".wav"
