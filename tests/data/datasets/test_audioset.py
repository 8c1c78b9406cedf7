import re
import shutil
from collections import Counter
from pathlib import Path

import pytest

from earmark.data.doctor import examine
from earmark.data.manifest import read_manifest
from earmark.data.reading import Wanted, read_parts
from earmark.errors import DataError
from earmark.events import Event
from earmark.formats.audioset import is_segment_list, is_strong_list, read_segments, read_strong
from earmark.formats.audioset_names import find_classes, read_classes, read_ontology, read_strong_names
from earmark.labels import Labels
from tests.data.datasets.segments import CLASSES, HEADER, NAMES, ROWS, TAGS, messages, tags

SHARED = Path(__file__).parents[4] / "shared" / "data" / "audioset"
needs_real_lists = pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../shared/data/audioset, the published lists")


def test_a_folder_gives_clips_with_names_in_the_order_of_the_classes(folder):
    manifest = read_manifest(folder)
    assert tags(manifest) == TAGS
    assert {clip.name for clip in manifest.clips} == set(NAMES)
    assert list(manifest.labels) == ["Speech", "Owl, eagle", "Hammer"]
    assert manifest.problems == ()
    assert {clip.split for clip in manifest.clips} == {"eval"}
    assert [clip.duration for clip in manifest.clips] == [10, 10, 7, 10]
    assert all(clip.events is None for clip in manifest.clips)


def test_a_list_by_its_own_path_with_audio_elsewhere(folder, table, recordings, tmp_path):
    other = table("lists/my_list.csv", *ROWS[:2])
    table("lists/class_labels_indices.csv", *CLASSES)
    manifest = read_manifest(other, audio=folder)
    assert set(tags(manifest)) == {"--4gqARaEJE", "-0BIyqJj9ZU"}
    assert {clip.split for clip in manifest.clips} == {None}


def test_clips_that_are_gone_are_left_out_and_told_in_one_line(folder):
    (folder / NAMES[1]).unlink()
    (folder / NAMES[3]).unlink()
    manifest = read_manifest(folder)
    assert tags(manifest) == {video: TAGS[video] for video in ("--4gqARaEJE", "YBfvyPmVMo_")}
    assert messages(manifest) == [
        f"{folder}/eval_segments.csv: 2 of its 4 clips are there; -0BIyqJj9ZU_30.500, a_b-c_d-e_f_140.000 are not, and "
        "are left out"
    ]


def test_without_a_class_list_the_classes_are_those_published(folder):
    (folder / "class_labels_indices.csv").unlink()
    manifest = read_manifest(folder)
    assert len(manifest.labels) == 527
    assert manifest.labels.names[:2] == ("Speech", "Male speech, man speaking")
    assert tags(manifest)["--4gqARaEJE"] == ("Speech", "Gush")


def test_lists_of_both_sides_split_and_lists_of_one_are_drawn_from(folder, table):
    (folder / "class_labels_indices.csv").unlink()
    rows = [row.replace("t/dd00088", "m/05zppz") for row in ROWS]
    table("eval_segments.csv", *rows[:1])
    for name, train in (("balanced_train", "balanced_train"), ("unbalanced_train", "unbalanced_train")):
        path = table(f"{name}_segments.csv", *rows[1:])
        whole = read_manifest(folder)
        assert Counter(clip.split for clip in whole.clips) == {"eval": 1, train: 3}
        learned, held, _ = read_parts(folder, None, Wanted(), 0)
        assert [len(learned), len(held)] == [3, 1]
        assert set(learned.labels) == {"Speech", "Hammer", "Male speech, man speaking"}
        path.unlink()
    table("eval_segments.csv", *rows)
    learned, held, _ = read_parts(folder, None, Wanted(fraction=0.5), 0)
    assert len(learned) + len(held) == 4


def test_the_labels_of_a_model_decide_where_they_are_given(folder):
    manifest = read_manifest(folder, labels=Labels(["Hammer", "Speech", "Siren"]))
    assert manifest.labels.names == ("Hammer", "Speech", "Siren")
    assert "Owl, eagle: not one of the 3 labels" in messages(manifest)[0]


def test_labels_that_are_no_classes(folder, table):
    """In the ontology: left out and counted. Nowhere: the row cannot be trusted. Alone: no clip without sounds."""
    table("ontology.json", '[{"id": "/m/0dgw9r", "name": "Human sounds"}, {"id": "/m/09l8g", "name": "Human voice"}]')
    rows = [ROWS[0].replace("/t/dd00088", "/m/0dgw9r"), ROWS[1].replace("/m/09x0r", "/m/09l8g")]
    table("eval_segments.csv", *rows, ROWS[2].replace("/m/03l9g", "/m/03l9g,/m/03l"), ROWS[3])
    manifest = read_manifest(folder)
    assert tags(manifest) == {"--4gqARaEJE": ("Speech",), "a_b-c_d-e_f": ("Owl, eagle",)}
    assert messages(manifest) == [
        f"{folder}/eval_segments.csv, line 2: none of the labels of -0BIyqJj9ZU_30.500 is a class; it is left out",
        f"{folder}/eval_segments.csv, line 3: YBfvyPmVMo__20.000 has the label /m/03l, which is none of AudioSet's; "
        "it is left out",
        "Human sounds: is not in the class list; left out of 1 clip",
    ]


def test_doctor_tells_few_lines_of_hundreds_of_labels(folder):
    (folder / "class_labels_indices.csv").unlink()
    diagnosis = examine(folder)
    assert diagnosis.clips == 4
    assert [note.message for note in diagnosis.notes if "of 527 labels have no clips" in note.message]
    assert len(diagnosis.notes) < 12


def spreadsheet(row):
    """A row whose blank after the comma was taken for part of the field: ` "/m/a` and `/m/b"` are cells, saved so."""
    cells = row.split(",")
    cells = [cell if '"' not in cell else '"' + cell.replace('"', '""') + '"' for cell in cells]
    return ",".join(cells)


MANGLED = {
    "as published": lambda row: row,
    "doubled quotes": spreadsheet,
    "a line a cell": lambda row: '"' + row.replace('"', '""') + '"',
    "whole times": lambda row: re.sub(r"\.(000|500)", "", row),
    "unquoted single labels": lambda row: row.replace('"', "") if row.count("/") == 2 else row,
    "no quotes at all": lambda row: row.replace('"', ""),
    "semicolons": lambda row: row.replace(", ", ";"),
    "tabs": lambda row: row.replace(", ", "\t"),
    "no blanks": lambda row: row.replace(", ", ","),
    "every cell quoted": lambda row: ",".join(f'"{cell}"' for cell in row.replace('"', "").split(", ")),
    "windows lines": lambda row: row + "\r",
}


@pytest.mark.parametrize("how", MANGLED)
@pytest.mark.parametrize("kept", [0, 1, 3])
def test_a_mangled_list_is_understood(table, how, kept):
    listed = read_segments(table("eval_segments.csv", *HEADER[3 - kept :], *map(MANGLED[how], ROWS)))
    assert [(s.video, s.labels) for s in listed.found.values()] == [
        ("--4gqARaEJE", ("/m/09x0r", "/t/dd00088")),
        ("-0BIyqJj9ZU", ("/m/09x0r",)),
        ("YBfvyPmVMo_", ("/m/03l9g",)),
        ("a_b-c_d-e_f", ("/t/dd00088",)),
    ]
    assert [s.end - s.start for s in listed.found.values()] == [10, 10, 7, 10]
    assert listed.problems == []
    assert is_segment_list(listed.path)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ('#NAME?, 0.000, 10.000, "/m/09x0r"', r"'#NAME\?' is not a video id of 11 letters; did a spreadsheet"),
        ('1.23E+10, 0.000, 10.000, "/m/09x0r"', r"'1\.23E\+10' is not a video id of 11 letters; did a spreadsheet"),
        ('short, 0.000, 10.000, "/m/09x0r"', "'short' is not a video id of 11 letters; the clip"),
        ('abcdefghijk, 0:30, 0:40, "/m/09x0r"', "'0:30' is not a time in seconds"),
        ("abcdefghijk;30,000;40,000;/m/09x0r", "from 30 to 000 is not a range of times"),
        ('abcdefghijk, 40.000, 30.000, "/m/09x0r"', "from 40.000 to 30.000 is not a range of times"),
        ('abcdefghijk, 30.000, 40.000, "Speech"', "its labels are not identifiers"),
        ('abcdefghijk, 30.000, 40.000, "/m/09x0r,Speech"', "its labels are not identifiers"),
        ('abcdefghijk, 30.000, 40.000, "/m/09X0R"', "its labels are not identifiers"),
        ('abcdefghijk, 30.000, 40.000, ""', "its labels are not identifiers"),
        ("abcdefghijk, 30.000", "expected YTID, start, end, labels"),
        ("[1, 2]", "expected YTID, start, end, labels"),
    ],
)
def test_a_row_that_cannot_be_understood_is_refused_by_its_line(table, row, message):
    listed = read_segments(table("s.csv", *HEADER, ROWS[0], row, ROWS[1]))
    assert [segment.video for segment in listed.found.values()] == ["--4gqARaEJE", "-0BIyqJj9ZU"]
    assert re.search(rf"s\.csv, line 5: .*{message}", str(listed.problems[0]))
    assert "\n" not in str(listed.problems[0])


def test_a_clip_that_is_listed_twice(table):
    again, otherwise = ROWS[0], ROWS[1].replace("/m/09x0r", "/m/03l9g")
    listed = read_segments(table("s.csv", *ROWS, again, otherwise))
    assert [segment.video for segment in listed.found.values()] == ["--4gqARaEJE", "YBfvyPmVMo_", "a_b-c_d-e_f"]
    assert [problem.kind for problem in listed.problems] == ["duplicate", "conflict"]
    assert "listed otherwise in line 2" in listed.problems[1].message


def test_bad_rows_by_the_thousand_are_counted(folder, table):
    table("eval_segments.csv", *ROWS, *(f"row {number}, x, y, z" for number in range(2_000)))
    manifest = read_manifest(folder)
    assert len(manifest) == 4
    assert len(manifest.problems) == 6
    assert messages(manifest)[-1].endswith("and 1995 more of this kind ('row')")


@pytest.mark.parametrize("lines", [("a,b,c,d", "e,f,g,h"), HEADER, ("",)])
def test_a_file_without_any_segment_is_refused(table, lines):
    with pytest.raises(DataError, match="holds no segment"):
        read_segments(table("x_segments.csv", *lines))


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (CLASSES[:2] + CLASSES[3:], "class 1 is missing"),
        ((*CLASSES, '1,/m/0abc,"Dog"'), r"line 5: class 1 \(/m/0abc\) is there twice"),
        ((*CLASSES, "3,/m/03l9g,Dog"), r"line 5: class 3 \(/m/03l9g\) is there twice"),
        ((*CLASSES, "3,Dog,/m/0abc"), "line 5: expected index,mid"),
        ((*CLASSES, "3,/m/0abc"), "line 5: expected index,mid"),
        (("a,b",), "class 0 is missing"),
    ],
)
def test_a_damaged_class_list_is_refused(table, lines, message):
    with pytest.raises(DataError, match=message):
        read_classes(table("class_labels_indices.csv", *lines))


def test_a_class_list_without_its_header_is_understood(table):
    assert read_classes(table("c.csv", *CLASSES[1:])) == read_classes(table("d.csv", *CLASSES))


STRONG = (
    "segment_id|start_time_seconds|end_time_seconds|label",
    "--4gqARaEJE_0|0.5|1.25|/m/09x0r",
    "--4gqARaEJE_0|1.0|2.0|/m/07qv_d5",
    "--4gqARaEJE_0|0.5|1.25|/m/09x0r",
    "-0BIyqJj9ZU_30500|0|10|/m/09x0r",
)


def test_a_strong_list_alone(folder, table):
    (folder / "eval_segments.csv").unlink()
    table("audioset_eval_strong.tsv", *STRONG)
    table("mid_to_display_name.tsv", "/m/07qv_d5|Clickety-clack", "/m/09x0r|Speech", "/m/0none|Never heard")
    manifest = read_manifest(folder)
    assert {clip.name: (clip.labels, clip.events) for clip in manifest.clips} == {
        NAMES[0]: (("Speech", "Clickety-clack"), (Event(0.5, 1.25, "Speech"), Event(1.0, 2.0, "Clickety-clack"))),
        NAMES[1]: (("Speech",), (Event(0.0, 10.0, "Speech"),)),
    }
    assert manifest.labels.names == ("Clickety-clack", "Speech", "Never heard")
    assert (manifest.problems, {clip.split for clip in manifest.clips}) == ((), {"eval"})
    (folder / "mid_to_display_name.tsv").unlink()  # then by whatever name is known
    assert read_manifest(folder).labels.names == ("Speech", "/m/07qv_d5")


def test_events_beside_the_tags_of_a_segment_list(folder, table):
    table("audioset_eval_strong.tsv", *STRONG, "strange_vid_0|0|1|/m/09x0r")
    manifest = read_manifest(folder)
    assert {clip.name: clip.events for clip in manifest.clips} == {
        NAMES[0]: (Event(0.5, 1.25, "Speech"),),
        NAMES[1]: (Event(0.0, 10.0, "Speech"),),
        NAMES[2]: None,
        NAMES[3]: None,
    }
    assert tags(manifest) == TAGS
    assert messages(manifest) == [
        f"{folder}/audioset_eval_strong.tsv: 1 of its 3 segments in no segment list, left out",
        f"{folder}/audioset_eval_strong.tsv: 1 label of it not among the classes; 1 event left out",
    ]
    assert manifest.labels.names == ("Speech", "Owl, eagle", "Hammer")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("--4gqARaEJE_0|2|1|/m/09x0r", "line 6: offset 1 is before onset 2"),
        ("--4gqARaEJE_0|x|1|/m/09x0r", "line 6: onset is 'x'"),
        ("--4gqARaEJE_0|0|1|Speech", "line 6: 'Speech' is not a label's identifier"),
    ],
)
def test_a_doubtful_event_leaves_its_clip_out(table, row, message):
    listed = read_strong(table("s.tsv", *STRONG, row))
    assert [segment.video for segment in listed.found.values()] == ["-0BIyqJj9ZU"]
    assert re.search(message, str(listed.problems[0]))
    assert is_strong_list(listed.path)


def test_a_strong_row_without_a_segment_is_told(table):
    listed = read_strong(table("s.tsv", *STRONG, "--4gqARaEJE|0|1|/m/09x0r"))
    assert len(listed.found) == 2
    assert "'--4gqARaEJE' is not <video>_<milliseconds>" in str(listed.problems[0])


@needs_real_lists
@pytest.mark.parametrize(("name", "rows", "instances"), [("balanced_train", 22160, 52882), ("eval", 20371, 51804)])
def test_the_published_lists_hold_what_they_say(name, rows, instances):
    listed = read_segments(SHARED / f"{name}_segments.csv")
    counts = Counter(mid for segment in listed.found.values() for mid in segment.labels)
    assert (len(listed.found), counts.total(), listed.problems) == (rows, instances, [])
    assert set(counts) == set(read_classes(SHARED / "class_labels_indices.csv"))
    assert min(counts.values()) == 59


@needs_real_lists
@pytest.mark.parametrize("how", MANGLED)
def test_mangled_copies_of_the_published_list_say_the_same(tmp_path, how):
    lines = (SHARED / "eval_segments.csv").read_text().splitlines()[3::3]
    path = tmp_path / "official_eval_segments.csv"
    path.write_text("\n".join(map(MANGLED[how], lines)), newline="")
    listed = read_segments(path)
    assert listed.problems == []
    assert [(s.video, s.labels) for s in listed.found.values()] == [
        (line.split(",")[0], tuple(line.split('"')[1].split(","))) for line in lines
    ]


@needs_real_lists
def test_the_published_names():
    classes, strong = find_classes(SHARED), read_strong_names(SHARED)
    assert (len(classes), len(strong), len(set(classes) & set(strong))) == (527, 456, 382)
    assert classes == read_classes(None)
    assert list(classes.items())[:2] == [("/m/09x0r", "Speech"), ("/m/05zppz", "Male speech, man speaking")]
    ontology = read_ontology(SHARED / "ontology.json")
    assert len(ontology) == 632
    assert set(classes) <= set(ontology)
    assert len(set(classes.values())) == 527


@needs_real_lists
def test_a_handful_of_clips_beside_the_whole_published_list(tmp_path, recordings):
    for name in ("eval_segments.csv", "class_labels_indices.csv"):
        shutil.copy(SHARED / name, tmp_path)
    recordings("Y--4gqARaEJE.wav", "audio/--BfvyPmVMo_20.000_30.000.wav")
    manifest = read_manifest(tmp_path)
    assert len(manifest.labels) == 527
    assert {clip.name: clip.labels for clip in manifest.clips} == {
        "Y--4gqARaEJE.wav": ("Domestic animals, pets", "Squeak", "Dog", "Animal"),
        "audio/--BfvyPmVMo_20.000_30.000.wav": ("Hammer",),
    }
    (message,) = messages(manifest)
    assert re.search(r": 2 of its 20,371 clips are there; .* and 20,366 more are not", message)


def test_a_list_is_known_by_its_rows(table):
    assert is_segment_list(table("a.csv", *HEADER, "#NAME?, 0.000, 10.000, /m/09x0r", ROWS[0]))
    assert not is_segment_list(table("b.csv", "filename,label", "a.wav,dog"))
    assert not is_segment_list(table("testing_set.csv", "-0BIyqJj9ZU\t30\t40\tTrain horn,Car\t/m/0284vy3,/m/0k4j"))
    assert not is_segment_list(table("c.csv", *CLASSES))


@pytest.mark.parametrize(
    "name",
    ["{}.wav", "Y{}.wav", "{}_30_40.wav", "{}_30.500_40.500.mp3", "Y{}_31.wav", "{}_30500_40500.wav", "{}_30500.flac"],
)
@pytest.mark.parametrize("place", ["", "audio/", "eval_segments/deep/"])
def test_audio_may_be_named_in_many_ways_and_lie_anywhere(recordings, table, tmp_path, name, place):
    table("eval_segments.csv", *HEADER, *ROWS)
    recordings("a.wav")
    path = tmp_path / (place + name.format("-0BIyqJj9ZU"))
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(tmp_path / "a.wav", path)
    manifest = read_manifest(tmp_path)
    assert [clip.path for clip in manifest.clips] == [path]


@pytest.mark.parametrize(
    "name", ["-0BIyqJj9ZU_90_100.wav", "0BIyqJj9ZU.wav", "-0BIyqJj9ZU-part.wav", "Y-0BIyqJj9ZUx.wav"]
)
def test_another_piece_or_another_video_is_not_taken_for_it(recordings, table, name):
    table("eval_segments.csv", *HEADER, *ROWS)
    with pytest.raises(DataError, match=r"none of its 4 clips is there \(looked in .* for Y--4gqARaEJE\.wav .*--audio"):
        read_manifest(recordings(name))


def test_two_files_for_a_clip_are_a_doubt_unless_a_folder_says_which(recordings, folder):
    recordings("other/-0BIyqJj9ZU.wav")
    manifest = read_manifest(folder)
    assert "-0BIyqJj9ZU" not in tags(manifest)
    assert "line 5: -0BIyqJj9ZU_30.500 fits several files" in messages(manifest)[0]
    recordings("eval/-0BIyqJj9ZU_30.5.wav")
    assert read_manifest(folder).clips[1].path == folder / "eval" / "-0BIyqJj9ZU_30.5.wav"


def test_one_file_for_two_pieces_of_a_video_is_used_once(folder, table):
    table("eval_segments.csv", *ROWS, '--4gqARaEJE, 60.000, 70.000, "/m/03l9g"')
    manifest = read_manifest(folder)
    assert len(manifest) == 4
    assert "--4gqARaEJE_60.000 is the file Y--4gqARaEJE.wav, as is" in messages(manifest)[0]
