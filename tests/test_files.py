import os
import stat
from pathlib import Path

import pytest

from earmark.errors import OutputError
from earmark.files import write_aside, write_text


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
