import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.errors import DataError
from earmark.formats import read_table, write_table

cells = st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from(',"; '), max_size=12)


def table(tmp_path, content, name="t.csv"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_table(path)


@pytest.mark.parametrize(
    "content",
    [
        "filename,label\na.wav,dog\nb.wav,cat\n",
        "\ufefffilename,label\r\na.wav,dog\r\nb.wav,cat\r\n",
        "filename, label\ra.wav, dog\rb.wav, cat",
        "filename;label\na.wav;dog\nb.wav;cat\n",
        "filename\tlabel\na.wav\tdog\nb.wav\tcat\n",
        '"filename","label"\n"a.wav","dog"\n"b.wav","cat"\n',
        "filename,label,\na.wav,dog,\n\n  \nb.wav,cat\n",
        "filename\tlabel\na.wav\tdog\nb.wav\tcat\n".encode("utf-16"),
    ],
    ids=["plain", "bom and crlf", "cr and spaces", "semicolons", "tabs", "quotes", "ragged", "utf-16"],
)
@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.txt"])
def test_however_a_table_was_saved_it_reads_the_same(tmp_path, content, name):
    found = table(tmp_path, content, name)
    assert found.columns == ("filename", "label")
    assert [row for _, row in found.rows] == [
        {"filename": "a.wav", "label": "dog"},
        {"filename": "b.wav", "label": "cat"},
    ]


@given(rows=st.lists(st.tuples(cells, cells, cells).filter(lambda row: any(c.strip() for c in row)), max_size=5))
@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
def test_what_is_written_reads_back(tmp_path_factory, suffix, rows):
    path = tmp_path_factory.getbasetemp() / f"round{suffix}"
    write_table(path, ("one", "two", "three"), rows)
    assert [tuple(row.values()) for _, row in read_table(path).rows] == rows


def test_rows_carry_the_line_they_begin_on(tmp_path):
    found = table(tmp_path, 'filename,label\n\na.wav,"two\nlines"\nb.wav,cat\n')
    assert [line for line, _ in found.rows] == [3, 5]
    assert found.where(5).endswith("t.csv, line 5")


def test_columns_are_found_whatever_their_case_and_spaces(tmp_path):
    found = table(tmp_path, "File Name,Event-Label\na.wav,dog\n")
    assert found.column("filename", "file_name") == "File Name"
    assert found.find("event_label") == "Event-Label"
    assert found.find("score") is None
    with pytest.raises(DataError, match=r"no column 'event_labels' among .*Event-Label; should 'Event-Label' be"):
        found.column("event_labels")


def test_a_lone_quotation_mark_in_a_tab_table_is_a_letter(tmp_path):
    found = table(tmp_path, 'filename\tlabel\na.wav\t5" gun\nb.wav\t"quoted"\nc.wav\t"open\n', "t.tsv")
    assert [row["label"] for _, row in found.rows] == ['5" gun', "quoted", '"open']


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "the file is empty"),
        ("filename,label\na.wav,dog,cat\n", r"line 2: 3 fields, but 2 columns \(filename, label\)"),
        ("filename,filename\na,b\n", "line 1: column 'filename' appears twice"),
        ("filename,,label\na,b,c\n", "line 1: a column has no name"),
        ('filename,label\na.wav,"dog\n', "line 2: broken quotes"),
        (b"filename,label\na.wav,dog\nb.wav,caf\xe9\n", "line 3: not UTF-8 text"),
        (b"PK\x03\x04\x14", "a spreadsheet or zip file"),
    ],
)
def test_broken_tables_are_refused_with_file_and_line(tmp_path, content, message):
    with pytest.raises(DataError, match=message) as caught:
        table(tmp_path, content)
    assert "t.csv" in str(caught.value)


def test_a_missing_file_is_a_data_error(tmp_path):
    with pytest.raises(DataError, match=r"cannot read .*nowhere.csv: No such file"):
        read_table(tmp_path / "nowhere.csv")


@pytest.mark.parametrize(
    "content",
    [
        "sep=;\nfilename;label\na.wav;dog\nb.wav;cat\n",
        '"sep=,"\r\nfilename,label\r\na.wav,dog\r\nb.wav,cat\r\n',
        "# made by me\n# 2024\nfilename,label\na.wav,dog\nb.wav,cat\n",
        "filename,label\na.wav,dog\nb.wav,cat\n".encode("utf-16-le"),
        "filename,label\na.wav,dog\nb.wav,cat\n".encode("utf-16-be"),
    ],
    ids=["sep line", "quoted sep line", "comments", "utf-16-le without a mark", "utf-16-be without a mark"],
)
def test_what_stands_above_a_table_or_is_missing_before_it_does_no_harm(tmp_path, content):
    found = table(tmp_path, content)
    assert found.columns == ("filename", "label")
    assert [tuple(row.values()) for _, row in found.rows] == [("a.wav", "dog"), ("b.wav", "cat")]


def test_lines_are_counted_from_the_beginning_of_the_file(tmp_path):
    found = table(tmp_path, "# made by me\nsep=;\nfilename;label\na.wav;dog\n")
    assert [line for line, _ in found.rows] == [4]


def test_the_nameless_index_column_of_a_data_frame_is_passed_over(tmp_path):
    found = table(tmp_path, ",filename,label\n0,a.wav,dog\n1,b.wav,cat\n")
    assert [row["filename"] for _, row in found.rows] == ["a.wav", "b.wav"]
    assert found.columns == ("Unnamed: 0", "filename", "label")


def test_an_open_file_is_read_as_its_path_is(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes(b"filename,label\na.wav,dog\n")
    with path.open("rb") as binary, path.open(encoding="utf-8") as text:
        assert read_table(binary) == read_table(text) == read_table(path)


any_text = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from('\t\n\r",; '), min_size=1, max_size=12)


@given(names=st.lists(any_text.filter(str.strip), min_size=1, max_size=4), label=cells)
@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
def test_names_with_tabs_and_line_breaks_read_back(tmp_path_factory, suffix, names, label):
    path = tmp_path_factory.getbasetemp() / f"names{suffix}"
    write_table(path, ("one", "two", "three"), [(name, "0.5", label) for name in names])
    assert [row["one"] for _, row in read_table(path).rows] == names


@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
@pytest.mark.parametrize("name", ["caf\udce9.wav", "\\udce9.wav", "\\udc5c.wav"])
def test_names_that_are_not_utf8_read_back(tmp_path, suffix, name):
    write_table(tmp_path / f"t{suffix}", ("filename", "label"), [(name, "dog")])
    assert read_table(tmp_path / f"t{suffix}").rows[0][1]["filename"] == name
    assert os.fsencode(name) in (tmp_path / f"t{suffix}").read_bytes()  # as it is on disk
