import errno
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from earmark.errors import OutputError
from earmark.files import check_folder, sweep, write_aside, write_text, write_texts


def test_a_new_file_appears_with_its_parents(tmp_path: Path) -> None:
    write_text(tmp_path / "a" / "b" / "notes.txt", "große Töne\r\n")
    assert (tmp_path / "a" / "b" / "notes.txt").read_bytes() == "große Töne\r\n".encode()


def test_a_failure_half_way_leaves_the_old_content_and_no_litter(tmp_path: Path) -> None:
    target = tmp_path / "scores.csv"
    target.write_text("old")

    def write() -> None:
        with write_aside(target) as temporary:
            temporary.write_text("half of the n")
            assert target.read_text() == "old"
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write()
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["scores.csv"]


def test_the_old_content_stands_until_the_new_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "scores.csv"
    target.write_text("old")
    with write_aside(target) as temporary:
        temporary.write_text("new")
        assert temporary.parent == tmp_path  # the same file system, so that the rename is one step
        assert target.read_text() == "old"
    assert target.read_text() == "new"
    assert os.listdir(tmp_path) == ["scores.csv"]


def test_a_written_file_is_as_readable_as_any_other(tmp_path: Path) -> None:
    write_text(tmp_path / "ours", "x")
    (tmp_path / "plain").write_text("x")
    modes = {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("ours", "plain")}
    assert len(modes) == 1


def test_a_file_where_a_folder_is_needed_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "model").write_text("I am a file")
    with pytest.raises(OutputError, match=r"cannot write .*model/config\.json"):
        write_text(tmp_path / "model" / "config.json", "{}")


def test_a_folder_where_a_file_is_needed_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "out.csv").mkdir()
    with pytest.raises(OutputError, match=r"cannot write .*out\.csv"):
        write_text(tmp_path / "out.csv", "x")
    assert os.listdir(tmp_path) == ["out.csv"]


@pytest.mark.skipif(os.geteuid() == 0, reason="the super-user may write anywhere")
def test_a_read_only_folder_is_an_output_error(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match=r"cannot write .*: Permission denied"):
        write_text(tmp_path / "x", "x")


def test_names_as_long_as_the_system_allows(tmp_path: Path) -> None:
    for name in ("a" * 251 + ".csv", "ä" * 125 + ".json", "\udce9" * 255):
        write_text(tmp_path / name, "x")
        assert (tmp_path / name).read_text() == "x"
    assert len(os.listdir(tmp_path)) == 3


def test_files_that_belong_together_are_written_together_or_not_at_all(tmp_path: Path) -> None:
    (tmp_path / "one").write_text("old")
    (tmp_path / "not a folder").write_text("old")
    with pytest.raises(OutputError, match=r"cannot write .*not a folder/two"):
        write_texts({tmp_path / "one": "new", tmp_path / "not a folder" / "two": "new"})
    assert (tmp_path / "one").read_text() == "old"
    write_texts({tmp_path / "one": "new", tmp_path / "two": "new"})
    assert (tmp_path / "one").read_text() == (tmp_path / "two").read_text() == "new"
    assert sorted(os.listdir(tmp_path)) == ["not a folder", "one", "two"]


def test_what_killed_processes_leave_is_swept_and_nothing_else(tmp_path: Path) -> None:
    code = (
        "import os, sys; from earmark.files import write_aside\n"
        "with write_aside(sys.argv[1]) as path:\n    path.write_text('half')\n    os.kill(os.getpid(), 9)"
    )
    target = tmp_path / "inner" / "scores.csv"
    subprocess.run([sys.executable, "-c", code, str(target)], check=False)
    (tmp_path / "notes.tmp").write_text("the user's")
    (tmp_path / ".hidden.tmp").write_text("the user's")
    assert len(os.listdir(target.parent)) == 1
    with write_aside(tmp_path / "living") as temporary:
        assert sweep(tmp_path) == 1
        assert temporary.exists()
    assert os.listdir(target.parent) == []
    assert sorted(os.listdir(tmp_path)) == [".hidden.tmp", "inner", "living", "notes.tmp"]


def test_a_trial_that_was_killed_leaves_nothing_for_long(tmp_path: Path) -> None:
    (tmp_path / ".earmark-abcdefgh").mkdir()
    (tmp_path / ".earmark-mykeeps_").mkdir()
    (tmp_path / ".earmark-mykeeps_" / "notes").write_text("the user's")
    check_folder(tmp_path / "out")
    assert os.listdir(tmp_path) == [".earmark-mykeeps_"]


def test_a_full_disk_is_called_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match=r"cannot write .*a\.csv: disk full \(No space left on device\)$"):
        write_text(tmp_path / "a.csv", "x")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(total=1, free=0))
    with pytest.raises(OutputError, match=r"disk full \(8000 requested and 576 written\)"), write_aside(tmp_path / "b"):
        raise OSError("8000 requested and 576 written")  # as numpy puts it, without a number
    assert os.listdir(tmp_path) == []
