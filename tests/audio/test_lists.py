"""Lists of recordings: lines, columns of tables, standard input."""

import sys
from pathlib import Path

import pytest

from earmark.audio.listing import Listing
from earmark.audio.lists import read_list
from earmark.errors import ConfigError, DataError
from tests.audio.folders import listed, touch


def test_a_list_is_read_as_lines_or_as_a_column(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "a.wav", "b, c.wav")
    monkeypatch.chdir(tmp_path)
    Path("list.txt").write_text("a.wav\r\nb, c.wav\n\na.wav\n")
    Path("list.csv").write_text('label,filename,sound\ndog,a.wav,x.wav\ncat,"b, c.wav",y.wav\n')
    assert listed(lists=["list.txt"]) == [("a.wav", "a.wav"), ("b, c.wav", "b, c.wav")]
    assert [name for name, _ in listed(lists=["list.csv"])] == ["a.wav", "b, c.wav"]
    assert list(read_list("list.csv:sound")) == ["x.wav", "y.wav"]
    with pytest.raises(DataError, match=r"list.csv: no column 'path' among label, filename, sound"):
        list(read_list("list.csv:path"))
    with pytest.raises(DataError, match=r"cannot read none.txt: No such file"):
        listed(lists=["none.txt"])
    Path("empty.txt").write_text("\n")
    with pytest.raises(DataError, match=r"empty.txt: lists no recordings"):
        listed(lists=["empty.txt"])
    with pytest.raises(ConfigError, match="nothing to read"):
        Listing([])


def test_standard_input_can_be_the_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    monkeypatch.setattr(sys, "stdin", io.StringIO("x/a.wav\ny/a.wav\n"))
    assert [name for name, _ in listed(lists=["-"])] == ["x/a.wav", "y/a.wav"]
