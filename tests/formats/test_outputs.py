import os
from pathlib import Path

import pytest

from earmark.errors import ConfigError, OutputError
from earmark.files import check_file, check_folder
from earmark.formats.outputs import check_output


def test_what_can_be_written_is_let_through_and_nothing_is_left_behind(tmp_path: Path) -> None:
    check_file(tmp_path / "a" / "b.json")
    check_folder(tmp_path / "c" / "d")
    check_output(tmp_path / "e", ["csv", "audacity"])
    check_output(tmp_path / "e.csv", ["csv"])
    check_output(None, ["json"])
    check_file(None)
    check_folder(None)
    assert list(tmp_path.iterdir()) == []


def test_a_relative_name_is_looked_for_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    check_file(Path("x.json"))
    check_output(Path("out"), ["csv"])


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="needs /proc")
def test_a_place_that_takes_nothing_is_refused() -> None:
    with pytest.raises(OutputError, match=r"cannot write /proc/x/y: nothing can be made in /proc"):
        check_folder(Path("/proc/x/y"))
    with pytest.raises(OutputError, match=r"cannot write /proc/x/y\.json: nothing can be made in /proc"):
        check_file(Path("/proc/x/y.json"))


def test_a_place_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"cannot write .*file/x/events\.csv: .*file is a file, not a folder"):
        check_output(tmp_path / "file" / "x", ["csv"])
    with pytest.raises(OutputError, match=r"file is a file, not a folder"):
        check_output(tmp_path / "file", ["audacity"])


def test_a_folder_and_a_device_are_no_files(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"it is a folder, expected the name of a file"):
        check_file(tmp_path)
    with pytest.raises(OutputError, match=r"cannot write /dev/stdout: it is not a regular file"):
        check_file(Path("/dev/stdout"))


def test_formats_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"unknown format 'cvs' \(did you mean 'csv'\?\); known: csv, tsv, json"):
        check_output(None, ["cvs"])
    with pytest.raises(ConfigError, match=r"unknown format 'raven'; known: csv, tsv, json, dcase2017, parquet$"):
        check_output(tmp_path, ["raven"], tags=True)
    with pytest.raises(ConfigError, match=r"several formats need a folder"):
        check_output(None, ["csv", "json"])
    with pytest.raises(ConfigError, match=r"format audacity is one file a recording: add -o FOLDER"):
        check_output(None, ["audacity"])
    with pytest.raises(OutputError, match=r"x\.csv cannot hold json: give a folder instead"):
        check_output(tmp_path / "x.csv", ["json"])
