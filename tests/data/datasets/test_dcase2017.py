import shutil
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from earmark.data.datasets.dcase2017 import find_collection, presence, read_collection, read_list
from earmark.data.doctor import examine
from earmark.data.manifest import read_manifest
from earmark.data.reading import Wanted, read_parts
from earmark.errors import DataError
from earmark.events import Event
from earmark.formats.dcase2017 import CLASSES
from earmark.labels import Labels

SHARED = Path(__file__).parents[4] / "shared" / "data" / "dcase2017"
LISTS = SHARED / "groundtruth_release"
AIR = "Air horn, truck horn"
TRAIN = [f"{n:02d}-_abcdefY_{30 + n}.000_{40 + n}.000" for n in range(6)]
TEST = ["-5QrBL6MzLg_60.000_70.000", "YxlGt805lTA_0.000_10.000", "--cdefghijk_12.000_22.000"]
EVAL = ["3ACjUf9QpAQ_30.000_40.000"]
WEAK = {
    "training": [(clip, label) for clip, label in zip(TRAIN, ["Train", AIR, "Car", "Car", "Bus", "Car"], strict=True)]
    + [(TRAIN[2], AIR)],
    "testing": [(TEST[0], "Train"), (TEST[0], AIR), (TEST[1], "Car"), (TEST[2], "Car")],
    "evaluation": [(EVAL[0], "Bus")],
}
STRONG = {
    "testing": [
        *((TEST[0], "0.5", "2.029", AIR), (TEST[0], "0", "0", "Train")),
        *((TEST[1], "0", "10", "Car"), (TEST[2], "0", "0", "Car")),
    ],
    "evaluation": [(EVAL[0], "1", "3.8", "Bus"), (EVAL[0], "1", "3.8", "Bus")],
}
IDS = {name: word for word, name in CLASSES.items()}
needs_lists = pytest.mark.skipif(
    not SHARED.exists(), reason="needs ../shared/data/dcase2017, the published label files"
)


def write_rows(path, rows, end="\n", mark=""):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes((mark + "".join(row + end for row in rows)).encode())


def weak_rows(part):
    return ["\t".join((f"{clip}.wav", *clip.split("_")[-2:], label)) for clip, label in WEAK[part]]


def strong_rows(part):
    return [f"{clip}.wav\t{onset}\t{offset}\t{label}" for clip, onset, offset, label in STRONG[part]]


def set_rows(part):
    rows = []
    for clip in dict.fromkeys(clip for clip, _ in WEAK[part]):
        labels = [label for other, label in WEAK[part] if other == clip]
        names, ids = ",".join(labels), ",".join(IDS[label] for label in labels)
        quote = '"' if "," in names else ""
        rows.append(f"{clip[:11]},{','.join(clip[12:].split('_'))},{quote}{names}{quote},{quote}{ids}{quote}")
    return rows


def sound(path, seconds=0.5):
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(list(path.name.encode()))
    soundfile.write(path, 0.1 * rng.standard_normal(round(8_000 * seconds)), 8_000)


@pytest.fixture
def folder(tmp_path):
    """As published, in small: LF and CRLF, lists in groundtruth_release and beside it, audio with its leading Y."""
    root = tmp_path / "dcase"
    release = root / "groundtruth_release"
    for part in WEAK:
        end = "\r\n" if part == "evaluation" else "\n"
        write_rows(release / f"groundtruth_weak_label_{part}_set.csv", weak_rows(part), end)
        if part in STRONG:
            write_rows(release / f"groundtruth_strong_label_{part}_set.csv", strong_rows(part), end)
        if part != "evaluation":
            write_rows(root / f"{part}_set.csv", set_rows(part), "\r\n")
    for part, clips in (("training", TRAIN), ("testing", TEST), ("evaluation", EVAL)):
        for clip in clips:
            sound(root / part / f"Y{clip}.wav")
    return root


def said(manifest):
    return {clip.name.removesuffix(".wav"): (set(clip.labels), clip.events) for clip in manifest.clips}


def names(manifest):
    return [clip.name.removesuffix(".wav") for clip in manifest.clips]


TESTING = {
    TEST[0]: ({"Train", AIR}, (Event(0.5, 2.029, AIR),)),
    TEST[1]: ({"Car"}, (Event(0, 10, "Car"),)),
    TEST[2]: ({"Car"}, ()),  # tagged, but not audible
}


def test_a_folder_is_read_whole(folder):
    manifest = read_manifest(folder)
    assert manifest.problems == ()
    assert manifest.labels.names == (AIR, "Car", "Bus", "Train")  # the published order
    assert names(manifest) == [*TRAIN, *TEST, *EVAL]
    assert [clip.split for clip in manifest.clips] == ["training"] * 6 + ["testing"] * 3 + ["evaluation"]
    found = said(manifest)
    assert found[TRAIN[2]] == ({"Car", AIR}, None)
    assert {clip: found[clip] for clip in TEST} == TESTING
    assert found[EVAL[0]] == ({"Bus"}, (Event(1, 3.8, "Bus"),))  # a row that is there twice counts once
    assert all(clip.path.name == f"Y{clip.name}" for clip in manifest.clips)


def test_lists_may_lie_in_the_folder_itself_or_in_metadata(folder):
    expected = said(read_manifest(folder))
    (folder / "groundtruth_release").rename(folder / "metadata")
    assert said(read_manifest(folder)) == expected
    for path in (folder / "metadata").iterdir():
        shutil.move(path, folder / path.name)
    assert said(read_manifest(folder)) == expected


def test_the_comma_lists_alone_say_the_same_tags(folder):
    expected = {clip: labels for clip, (labels, _) in said(read_manifest(folder)).items() if clip not in EVAL}
    shutil.rmtree(folder / "groundtruth_release")
    found = said(read_manifest(folder))
    assert {clip: labels for clip, (labels, _) in found.items()} == expected
    assert all(events is None for _, events in found.values())


@pytest.mark.parametrize("part", ["testing", "evaluation"])
@pytest.mark.parametrize("there", [True, False])
def test_one_part_can_be_asked_for(folder, part, there):
    if not there:  # the audio of all parts in one folder
        for path in [*folder.glob("*/Y*.wav")]:
            (folder / "audio").mkdir(exist_ok=True)
            shutil.move(path, folder / "audio" / path.name)
        (folder / part).rmdir()
    manifest = read_manifest(folder / part)
    assert names(manifest) == {"testing": TEST, "evaluation": EVAL}[part]
    assert {clip.split for clip in manifest.clips} == {None}
    assert manifest.problems == ()
    if part == "testing":
        assert said(manifest) == TESTING


@pytest.mark.parametrize("given", [True, False])
def test_one_list_can_be_given(folder, given, tmp_path):
    audio = None
    if given:
        audio = tmp_path / "elsewhere"
        shutil.move(folder / "testing", audio)
    strong = read_manifest(folder / "groundtruth_release" / "groundtruth_strong_label_testing_set.csv", audio=audio)
    assert said(strong) == TESTING
    weak = read_manifest(folder / "groundtruth_release" / "groundtruth_weak_label_testing_set.csv", audio=audio)
    assert said(weak) == {clip: (labels, None) for clip, (labels, _) in TESTING.items()}
    both = read_manifest(folder / "testing_set.csv", audio=audio)
    assert said(both) == said(weak)


def test_a_list_of_ones_own_is_weak_or_strong_by_its_times(folder):
    write_rows(folder / "mine.csv", strong_rows("testing")[:2])
    assert said(read_manifest(folder / "mine.csv")) == {TEST[0]: TESTING[TEST[0]]}
    write_rows(folder / "mine.csv", weak_rows("testing")[:2])
    assert said(read_manifest(folder / "mine.csv")) == {TEST[0]: ({"Train", AIR}, None)}


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_line_ends_and_marks_do_not_matter(folder, end, mark):
    expected = said(read_manifest(folder / "testing"))
    release = folder / "groundtruth_release"
    write_rows(release / "groundtruth_weak_label_testing_set.csv", weak_rows("testing"), end, mark)
    write_rows(release / "groundtruth_strong_label_testing_set.csv", strong_rows("testing"), end, mark)
    write_rows(folder / "testing_set.csv", set_rows("testing"), end, mark)
    assert said(read_manifest(folder / "testing")) == expected
    assert said(read_manifest(folder / "testing_set.csv")).keys() == expected.keys()


@pytest.mark.parametrize("name", ["{}.wav", "{}.flac", "Y{}.flac", "Y{}.ogg", "deep/Y{}.wav"])
def test_audio_is_found_whatever_it_is_called(folder, name):
    for clip in TEST:
        (folder / "testing" / f"Y{clip}.wav").unlink()
        sound(folder / "testing" / name.format(clip))
    assert said(read_manifest(folder / "testing")) == TESTING


def test_absent_clips_are_told_in_one_line_and_absent_parts_not_at_all(folder):
    shutil.rmtree(folder / "evaluation")
    for clip in TRAIN[:5]:
        (folder / "training" / f"Y{clip}.wav").unlink()
    manifest = read_manifest(folder)
    assert names(manifest) == [TRAIN[5], *TEST]
    (problem,) = manifest.problems
    assert str(problem) == (
        f"{folder / 'groundtruth_release' / 'groundtruth_weak_label_training_set.csv'}: 1 of 6 clips present; "
        f"{TRAIN[0]}.wav, {TRAIN[1]}.wav, {TRAIN[2]}.wav and 2 more do not exist and are left out"
    )


def test_nothing_there_is_refused(folder):
    shutil.rmtree(folder / "training")
    shutil.rmtree(folder / "evaluation")
    with pytest.raises(DataError, match=r"training: none of its 6 clips is there .*say where they are with --audio"):
        read_manifest(folder / "training")
    shutil.rmtree(folder / "testing")
    with pytest.raises(DataError, match=rf"none of its 10 clips is there .* for Y{TRAIN[0]}.wav and the like"):
        read_manifest(folder)


def test_a_clip_in_two_files_is_told(folder):
    sound(folder / "testing" / f"{TEST[0]}.flac")
    (problem,) = read_manifest(folder).problems
    assert "1 clip there in several files; one is used (first " in str(problem)


def test_a_models_labels_keep_their_order(folder):
    manifest = read_manifest(folder, labels=Labels(["Train", "Car", "Bus"]))
    assert manifest.labels.names == ("Train", "Car", "Bus")
    assert [(p.where, p.message) for p in manifest.problems] == [
        (AIR, "not one of the 3 labels asked for; left out of 3 clips"),
        (f"{TRAIN[1]}.wav", f"its labels ({AIR}) are none of the 3 asked for; it is left out"),
    ]


def test_rows_that_cannot_be_understood_cost_their_clip(folder):
    release = folder / "groundtruth_release"
    rows = [*weak_rows("training"), "nothing.wav\t0\t10\tCar", f"{TRAIN[0]}.wav\t30.000\t40.000"]
    rows += [f"{TRAIN[1]}.wav\tx\t40.000\tCar"]
    write_rows(release / "groundtruth_weak_label_training_set.csv", rows)
    manifest = read_manifest(folder)
    assert set(names(manifest)) == {*TRAIN[2:], *TEST, *EVAL}
    told = [problem.message for problem in manifest.problems]
    assert told == [
        "'nothing.wav' names no clip, expected <id>_<start>_<end>.wav; its clip is left out of this list",
        "3 cells, expected name, onset, offset and label with tabs between them; its clip is left out of this list",
        "onset is 'x', expected a number; its clip is left out of this list",
    ]
    assert manifest.problems[0].where.endswith("line 8")


def test_an_unknown_id_in_a_comma_list_is_named(folder):
    write_rows(folder / "testing_set.csv", [*set_rows("testing")[:1], f"{TEST[1][:11]},0.000,10.000,Car,/m/0k4k"])
    manifest = read_manifest(folder / "testing_set.csv")
    assert names(manifest) == TEST[:1]
    assert "'/m/0k4k' is none of the 17 classes' ids (did you mean '/m/0k4j'?)" in str(manifest.problems[0])


def test_lists_that_disagree_are_told(folder):
    release = folder / "groundtruth_release"
    rows = [*strong_rows("testing")[:-1], f"{TEST[1]}.wav\t1\t2\tBus", f"{EVAL[0]}.wav\t1\t2\tBus"]
    write_rows(release / "groundtruth_strong_label_testing_set.csv", rows)
    manifest = read_manifest(folder / "testing")
    assert said(manifest)[TEST[2]] == ({"Car"}, None)
    assert said(manifest)[TEST[1]][0] == {"Car"}
    told = [problem.message for problem in manifest.problems]
    assert [text.split(" (first ")[0].split(".csv")[-1] for text in told] == [
        "; left out",
        "; their events count as unknown",
        " lacks; the tags stand",
    ]


def test_training_trains_testing_validates_evaluation_does_neither(folder):
    train, valid, problems = read_parts(folder, None, Wanted(), 0)
    assert valid is not None
    assert (names(train), names(valid), problems) == (TRAIN, TEST, ())
    assert train.labels.names == valid.labels.names == (AIR, "Car", "Bus", "Train")
    assert said(valid) == TESTING


def test_without_testing_a_share_of_training_validates(folder):
    shutil.rmtree(folder / "testing")
    train, valid, _ = read_parts(folder, None, Wanted(fraction=0.34), 0)
    assert valid is not None
    assert sorted(names(train) + names(valid)) == sorted(TRAIN)


def test_validation_data_of_its_own_leaves_training_to_training(folder):
    train, valid, _ = read_parts(folder, None, Wanted(folder / "evaluation"), 0)
    assert valid is not None
    assert (names(train), names(valid)) == (TRAIN, EVAL)


@pytest.mark.parametrize(
    ("fold", "training", "validating"), [("testing", TRAIN, TEST), ("evaluation", TRAIN + TEST, EVAL)]
)
def test_a_part_can_be_named_to_validate(folder, fold, training, validating):
    train, valid, _ = read_parts(folder, None, Wanted(fold=fold), 0)
    assert valid is not None
    assert (names(train), names(valid)) == (training, validating)


def test_a_part_alone_is_divided_like_any_other_data(folder):
    train, valid, _ = read_parts(folder / "training", None, Wanted(fraction=0.34), 0)
    assert valid is not None
    assert sorted(names(train) + names(valid)) == sorted(TRAIN)
    shutil.rmtree(folder / "training")
    with pytest.raises(DataError, match="no training clips in the split column"):
        read_parts(folder, None, Wanted(), 0)


def test_presence_is_counted_by_list_and_label(folder):
    shutil.rmtree(folder / "testing")
    (folder / "training" / f"Y{TRAIN[2]}.wav").unlink()
    training, testing, evaluation = presence(folder)
    assert (training.part, training.listed, training.there) == ("training", 6, 5)
    assert training.labels == ((AIR, 2, 1), ("Car", 3, 2), ("Bus", 1, 1), ("Train", 1, 1))
    assert (testing.listed, testing.there, evaluation.there) == (3, 0, 1)
    assert testing.labels == ((AIR, 1, 0), ("Car", 2, 0), ("Train", 1, 0))
    assert presence(folder / "training")[0] == training


def test_other_data_is_none(folder, tmp_path):
    (tmp_path / "training_set.csv").write_text("filename,label\na.wav,dog\n")
    sound(tmp_path / "siren" / "a.wav")
    for other in (
        tmp_path,
        tmp_path / "training_set.csv",
        tmp_path / "siren",
        tmp_path / "gone",
        folder / "training" / "x",
    ):
        assert find_collection(other) is None
        assert presence(other) == ()
    (folder / "weak.tsv").write_text("filename\tevent_labels\n")
    assert find_collection(folder) is None  # tables of its own come first


def test_a_complete_folder_is_healthy(folder):
    for path in (*folder.glob("testing/*"), *folder.glob("evaluation/*")):
        sound(path, 10)
    diagnosis = examine(folder)
    assert diagnosis.ok, diagnosis.problems
    assert {row.label: row.clips for row in diagnosis.labels} == {AIR: 3, "Car": 5, "Bus": 2, "Train": 2}


@needs_lists
@pytest.mark.parametrize(
    ("part", "clips", "tags"), [("training", 51_172, 56_131), ("testing", 488, 606), ("evaluation", 1_103, 1_350)]
)
def test_published_weak_lists(part, clips, tags):
    found, problems = read_list(LISTS / f"groundtruth_weak_label_{part}_set.csv")
    assert problems == []
    assert (len(found), sum(len(entry.labels) for entry in found.values())) == (clips, tags)
    assert {label for entry in found.values() for label in entry.labels} == set(CLASSES.values())
    assert all(entry.events is None for entry in found.values())


@needs_lists
@pytest.mark.parametrize(
    ("part", "clips", "rows", "inaudible", "twice"),
    [("testing", 488, 688, 36, 0), ("evaluation", 1_103, 1_706, 150, 1)],
)
def test_published_strong_lists(part, clips, rows, inaudible, twice):
    found, problems = read_list(LISTS / f"groundtruth_strong_label_{part}_set.csv")
    events = [event for entry in found.values() for event in entry.events or ()]
    assert problems == []
    assert len(found) == clips
    assert len(events) == rows - inaudible - twice
    assert all(0 <= event.onset < event.offset <= 10 for event in events)
    assert sum(not entry.events for entry in found.values()) == {"testing": 11, "evaluation": 94}[part]


@needs_lists
def test_the_published_comma_list_equals_the_weak_list():
    comma, problems = read_list(SHARED / "testing_set.csv")
    weak, _ = read_list(LISTS / "groundtruth_weak_label_testing_set.csv")
    assert problems == []
    assert {key: set(entry.labels) for key, entry in comma.items()} == {k: set(e.labels) for k, e in weak.items()}


@needs_lists
def test_the_published_folder_with_few_of_its_clips(tmp_path):
    """Thousands of missing clips are told in a line, and without looking for each of them."""
    root = tmp_path / "dcase"
    root.mkdir()
    (root / "groundtruth_release").symlink_to(LISTS)
    training, _ = read_list(LISTS / "groundtruth_weak_label_training_set.csv")
    some = list(training)[::100]
    sound(tmp_path / "noise.wav")
    for folder, keys in (("training", some), ("testing", [TEST[0]])):
        (root / folder).mkdir()
        for key in keys:
            (root / folder / f"Y{key}.wav").symlink_to(tmp_path / "noise.wav")
    begun = time.process_time()
    manifest = read_manifest(root)
    there = presence(root)
    assert time.process_time() - begun < 60
    assert [(part.listed, part.there) for part in there] == [(51_172, 512), (488, 1), (1_103, 0)]
    assert dict((label, listed) for label, listed, _ in there[0].labels)["Car"] == 25_077
    assert manifest.labels.names == tuple(CLASSES.values())
    assert len(manifest) == 513
    assert [problem.message.split(";")[0] for problem in manifest.problems] == [
        "512 of 51,172 clips present",
        "1 of 488 clips present",
    ]


@needs_lists
def test_the_published_folder_without_audio_says_so():
    collection = find_collection(SHARED)
    assert collection is not None
    with pytest.raises(DataError, match="none of its 52,763 clips is there"):
        read_collection(collection)
