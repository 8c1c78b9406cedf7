import hashlib
from pathlib import Path

import pytest

from earmark.errors import ModelError, OutputError
from earmark.hub.download import download

CONTENT = bytes(range(256)) * 4_000  # a megabyte
MD5 = f"md5:{hashlib.md5(CONTENT).hexdigest()}"


@pytest.fixture
def address(server) -> str:
    server.files["a.pth"] = CONTENT
    return f"{server.url}/a.pth?download=1"


def test_it_is_fetched_once(server, address: str, tmp_path: Path) -> None:
    told: list[tuple[int, int | None]] = []
    for _ in range(2):
        path = download(address, MD5, tmp_path / "cache" / "a.pth", lambda *report: told.append(report))
    assert path.read_bytes() == CONTENT
    assert server.asked == [("a.pth", None)]
    assert told[-1] == (len(CONTENT), len(CONTENT))
    assert [have for have, _ in told] == sorted(have for have, _ in told)
    assert [file.name for file in path.parent.iterdir()] == ["a.pth"]


def test_broken_connections_are_taken_up_where_they_broke(server, address: str, tmp_path: Path) -> None:
    server.breaks = [327_680, 196_608, 0, 0, 98_304]
    assert download(address, MD5, tmp_path / "a.pth").read_bytes() == CONTENT
    assert [wanted for _, wanted in server.asked] == [
        None,
        *("bytes=327680-", "bytes=524288-", "bytes=524288-", "bytes=524288-", "bytes=622592-"),
    ]


def test_given_up_it_is_taken_up_by_the_next_run(server, address: str, tmp_path: Path) -> None:
    server.breaks = [327_680, 0, 0, 0]
    with pytest.raises(ModelError, match=r"does not answer; 0 MB are kept, and the next attempt continues"):
        download(address, MD5, tmp_path / "a.pth")
    assert not (tmp_path / "a.pth").exists()
    server.asked.clear()
    assert download(address, MD5, tmp_path / "a.pth").read_bytes() == CONTENT
    assert server.asked == [("a.pth", "bytes=327680-")]


def test_a_server_without_ranges_sends_all_again(server, address: str, tmp_path: Path) -> None:
    server.ranges, server.breaks = False, [300_000]
    assert download(address, MD5, tmp_path / "a.pth").read_bytes() == CONTENT


def test_killed_between_the_last_byte_and_the_check_nothing_is_fetched_again(
    server, address: str, tmp_path: Path
) -> None:
    (tmp_path / "a.pth.part").write_bytes(CONTENT)
    assert download(address, MD5, tmp_path / "a.pth").read_bytes() == CONTENT
    assert server.asked == [("a.pth", f"bytes={len(CONTENT)}-")]


def test_leftovers_of_another_file_do_not_stay_in_the_way(server, address: str, tmp_path: Path) -> None:
    (tmp_path / "a.pth.part").write_bytes(CONTENT + b"more")
    assert download(address, MD5, tmp_path / "a.pth").read_bytes() == CONTENT
    (tmp_path / "a.pth").unlink()
    (tmp_path / "a.pth.part").write_bytes(b"x" * 1_000)
    with pytest.raises(ModelError, match="is not the published one"):
        download(address, MD5, tmp_path / "a.pth")
    assert download(address, MD5, tmp_path / "a.pth").read_bytes() == CONTENT


def test_another_file_than_promised_is_refused_and_not_kept(server, address: str, tmp_path: Path) -> None:
    server.files["a.pth"] = CONTENT[:-1] + b"!"
    with pytest.raises(ModelError, match=rf"file is not the published one \(its checksum is not {MD5}\)"):
        download(address, MD5, tmp_path / "a.pth")
    assert not list(tmp_path.iterdir())


def test_a_server_that_refuses_is_quoted(server, address: str, tmp_path: Path) -> None:
    server.status = 503
    with pytest.raises(ModelError, match=r"cannot be downloaded: the server answered 503 Service Unavailable"):
        download(address, MD5, tmp_path / "a.pth")


def test_offline_it_says_so_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"there is no network, or the server does not answer$"):
        download("http://127.0.0.1:9/a.pth", MD5, tmp_path / "a.pth")


def test_a_place_that_cannot_be_written_is_named(address: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"cannot write .*file/a.pth"):
        download(address, MD5, tmp_path / "file" / "a.pth")
