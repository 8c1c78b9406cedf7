"""A view of a file reads as a file of those bytes would."""

import io
import os

from hypothesis import given
from hypothesis import strategies as st

from earmark.audio.view import View

CONTENT = bytes(range(200))


@given(
    st.binary(max_size=20),
    st.integers(0, 150),
    st.integers(0, 50),
    st.lists(st.tuples(st.integers(-10, 90), st.integers(0, 40)), max_size=10),
)
def test_any_reads_give_what_a_file_of_these_bytes_gives(
    header: bytes, start: int, length: int, reads: list[tuple[int, int]]
) -> None:
    whole = io.BytesIO(header + CONTENT[start : start + length])
    view = View(io.BytesIO(CONTENT), start, length, header)
    for place, size in reads:
        assert view.seek(max(0, place)) == whole.seek(max(0, place)) == view.tell()
        assert view.read(size) == whole.read(size)
    assert view.seek(-3, os.SEEK_END) == max(0, len(whole.getvalue()) - 3)


def test_a_file_that_ends_early_ends_the_view() -> None:
    view = View(io.BytesIO(CONTENT[:5]), 0, 50, b"head")
    assert view.read() == b"head" + CONTENT[:5]
    assert view.read() == b""


def test_the_file_under_it_stays_open() -> None:
    file = io.BytesIO(CONTENT)
    with View(file, 0, 10) as view:
        view.read()
    assert view.closed
    assert not file.closed
