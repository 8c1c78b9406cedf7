import pytest

from earmark.errors import ConfigError, OutputError
from earmark.formats import file_names, match_recordings
from earmark.formats.naming import target_files

SUFFIXES = {"csv": ".csv", "json": ".json"}


def test_folders_are_mirrored_and_stems_kept():
    assert file_names(["x/a.wav", "y/a.wav"], ".txt") == {"x/a.wav": "x/a.txt", "y/a.wav": "y/a.txt"}
    assert file_names(["x_30.000_40.000"], ".txt") == {"x_30.000_40.000": "x_30.000_40.000.txt"}
    assert file_names(["/data/a.wav", r"C:\data\b.wav"], ".txt") == {
        "/data/a.wav": "data/a.txt",
        r"C:\data\b.wav": "C/data/b.txt",
    }


@pytest.mark.parametrize("names", [["a.wav", "a.mp3"], ["a.wav", "A.flac"], ["a.wav", "a.mp3", "a.wav.ogg", "a"]])
def test_no_two_recordings_share_a_file(names):
    files = [path.casefold() for path in file_names(names, ".txt").values()]
    assert len(set(files)) == len(names)


def test_what_cannot_be_told_apart_or_leads_out_is_refused():
    with pytest.raises(OutputError, match=r"'a.wav' and 'A.wav' would be written to the same file"):
        file_names(["a.wav", "A.wav"], ".txt")
    with pytest.raises(OutputError, match="outside the output folder"):
        file_names(["../a.wav"], ".txt")


def test_recordings_are_matched_by_name_stem_and_base_name():
    known = ["street/a.wav", "street/b.wav", "park/a.wav", "c.flac"]
    found = match_recordings(["street/a.wav", "park/a", "/data/street/b.wav", "c", "d"], known)
    assert found == {
        "street/a.wav": "street/a.wav",
        "park/a": "park/a.wav",
        "/data/street/b.wav": "street/b.wav",
        "c": "c.flac",
    }
    assert match_recordings(["a"], known) == {}  # street/a or park/a? not guessed
    assert match_recordings(["b.wav", "b.mp3"], known) == {"b.wav": "street/b.wav"}  # no recording twice


def test_targets_are_files_in_a_folder_or_the_one_file_named(tmp_path):
    both = target_files(tmp_path, ["csv", "json"], SUFFIXES, "events")
    assert both == {"csv": tmp_path / "events.csv", "json": tmp_path / "events.json"}
    assert target_files(tmp_path / "x.csv", ["csv"], SUFFIXES, "events") == {"csv": tmp_path / "x.csv"}
    with pytest.raises(OutputError, match=r"x.csv cannot hold csv and json: give a folder"):
        target_files(tmp_path / "x.csv", ["csv", "json"], SUFFIXES, "events")
    with pytest.raises(OutputError, match=r"x.json cannot hold csv: .*, a name ending in .csv, or --format json$"):
        target_files(tmp_path / "x.json", ["csv"], SUFFIXES, "events")
    with pytest.raises(ConfigError, match=r"unknown format 'cvs', choose from csv, json \(did you mean 'csv'\?\)"):
        target_files(tmp_path, ["cvs"], SUFFIXES, "events")


@pytest.mark.parametrize(
    "name", ["SITE1/a.wav", "SITE1/a", "/data/SITE1/a.wav", r"SITE1\a.wav", r"C:\data\SITE1\a.wav", "SITE1/a.flac"]
)
def test_a_folder_in_a_name_counts(name):
    assert match_recordings([name], ["SITE2/a.wav"]) == {}
    assert match_recordings([name], ["SITE2/a.wav", "SITE1/a.wav"]) == {name: "SITE1/a.wav"}
    assert match_recordings([name], ["a.wav"]) == {name: "a.wav"}


def test_absolute_names_of_two_machines_are_matched_below_what_each_begins_with():
    ours, theirs = ["/data/me/calls/x/a.wav", "/data/me/calls/b.wav"], [r"D:\calls\x\a.wav", r"D:\calls\b.wav"]
    assert match_recordings(ours, theirs) == dict(zip(ours, theirs, strict=True))
    assert match_recordings([*ours, "/data/me/calls/y/a.wav"], theirs) == dict(zip(ours, theirs, strict=True))


def test_names_composed_otherwise_or_with_a_space_at_the_end_are_the_same():
    assert match_recordings(["cafe\u0301.wav", "a.wav "], ["caf\u00e9.wav", "a.wav"]) == {
        "cafe\u0301.wav": "caf\u00e9.wav",
        "a.wav ": "a.wav",
    }


def test_ten_thousand_recordings_of_one_name_in_as_many_folders_are_matched_at_once():
    known = [f"site{number}/audio.wav" for number in range(10_000)]
    assert len(match_recordings([f"/mnt/{name}" for name in known], known)) == 10_000


@pytest.mark.parametrize("stem", ["x" * 251, "ä" * 125, "夜" * 83, "a.b" * 83])
def test_a_name_without_room_for_the_ending_is_cut_and_found_again(stem):
    known = [f"street/{stem}.wav", f"street/{stem[:-1]}y.wav", "street/b.wav"]
    files = file_names(known, ".selections.txt")
    assert len(set(files.values())) == 3
    assert files["street/b.wav"] == "street/b.selections.txt"
    assert all(len(path.rpartition("/")[2].encode()) <= 255 for path in files.values())
    read = {path.removesuffix(".selections.txt"): name for name, path in files.items()}
    assert match_recordings(read, known) == read
