"""Text is read whatever its encoding and line ends, and what is not text is refused with a way out."""

import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.errors import DataError
from earmark.formats.text import Head, open_text, path_of, read_text

TEXT = "filename\tlabel\r\ncafé.wav\tdog\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_every_encoding_that_spreadsheets_write_is_read(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "a.tsv").write_bytes(TEXT.encode(encoding))
    assert read_text(tmp_path / "a.tsv") == TEXT
    assert read_text(io.BytesIO(TEXT.encode(encoding))) == TEXT


@given(st.text(st.characters(codec="utf-8"), max_size=200))
def test_any_text_reads_back(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.mktemp("text") / "a.txt"
    with open_text(path) as file:
        file.write("id," + text)  # the first letters say that it is not UTF-16
    assert read_text(path) == "id," + text


def test_bytes_that_are_not_text_are_refused_by_their_line_and_allowed_in_names(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"filename\ncaf\xe9.wav\n")
    with pytest.raises(DataError, match=r"a\.csv, line 2: not UTF-8 text; save the file as UTF-8"):
        read_text(tmp_path / "a.csv")
    assert read_text(tmp_path / "a.csv", names=True) == "filename\ncaf\udce9.wav\n"


def test_a_spreadsheet_is_recognised(tmp_path: Path) -> None:
    (tmp_path / "a.xlsx").write_bytes(b"PK\x03\x04rest")
    with pytest.raises(DataError, match="a spreadsheet or zip file, not text; save it as CSV"):
        read_text(tmp_path / "a.xlsx")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot read .*gone\.csv"):
        read_text(tmp_path / "gone.csv")


def test_the_head_of_a_stream_can_be_read_again_under_its_name() -> None:
    stream = io.StringIO("\n\nfilename\r\na.wav\n")
    stream.name = "list.csv"
    head = Head.of(stream)
    assert head.path == path_of(stream) == Path("list.csv")
    assert head.lines == ["filename", "a.wav"]
    with head.open() as again:
        assert (again.read(), path_of(again)) == (head.text, head.path)
