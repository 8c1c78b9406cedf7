"""Recordings that are not on this machine."""

import functools
import http.server
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from earmark import api
from earmark.errors import ConfigError, DataError, MissingExtraError

fsspec = pytest.importorskip("fsspec")
sys.path.insert(0, str(Path(__file__).parents[1] / "runtime"))
from bulk_script import open_tagger  # noqa: E402
from test_archive import content, make  # noqa: E402


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    make(tmp_path / "in", 4)
    handler = functools.partial(Quiet, directory=str(tmp_path / "in"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def detect(source: object, output: Path, **options: object) -> api.Detected:
    return api.detect([str(source)], output=output, tagger=open_tagger(), **options)  # type: ignore[arg-type]


def test_a_folder_in_a_store_gives_what_the_same_folder_on_disk_does(tmp_path: Path) -> None:
    source = make(tmp_path / "in", 6)
    store = fsspec.filesystem("memory")
    for path in source.rglob("*.wav"):
        store.pipe(f"/archive/{path.relative_to(source).as_posix()}", path.read_bytes())
    store.pipe("/archive/notes.txt", b"no sound")
    detect(source, tmp_path / "disk", formats=["csv", "raven"])
    detect("memory://archive", tmp_path / "store", formats=["csv", "raven"], allow_remote=True)
    assert content(tmp_path / "store") == content(tmp_path / "disk")
    again = detect("memory://archive", tmp_path / "store", formats=["csv", "raven"], allow_remote=True)
    assert again.account.before == 6
    store.pipe("/archive/day/0001.wav", b"")
    failed = detect("memory://archive", tmp_path / "store", formats=["csv", "raven"], allow_remote=True)
    assert (failed.account.before, len(failed.account.failed)) == (5, 1)
    assert "is empty (0 bytes)" in failed.account.failed[0]
    store.rm("/archive", recursive=True)


def test_files_of_a_web_server_are_read_and_one_that_is_missing_costs_no_other(tmp_path: Path, served: str) -> None:
    pytest.importorskip("aiohttp")
    urls = [f"{served}/day/0001.wav", f"{served}/day/none.wav", f"{served}/night/0002.wav"]
    (tmp_path / "list.txt").write_text("\n".join(urls))
    found = api.detect(
        files_from=[str(tmp_path / "list.txt")], output=tmp_path / "web", tagger=open_tagger(), allow_remote=True
    )
    assert found.account.scored == 2
    assert [line.split(": ")[0] for line in found.account.failed] == [urls[1]]
    one = detect(f"{served}/day/0001.wav", tmp_path / "one", allow_remote=True)
    disk = detect(tmp_path / "in" / "day" / "0001.wav", tmp_path / "disk")
    assert dict(one.events) == dict(disk.events)


def test_nothing_remote_is_read_unless_asked_for(
    earmark: Callable, tmp_path: Path, served: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = earmark("detect", f"{served}/day/0001.wav")
    assert ran.code == 2
    assert ran.err.endswith("is not on this machine; add --allow-remote to read it from there\n")
    (tmp_path / "list.txt").write_text("memory://archive/a.wav\n")
    with pytest.raises(ConfigError, match="add --allow-remote"):
        api.detect(files_from=[str(tmp_path / "list.txt")], tagger=open_tagger())
    with pytest.raises(DataError, match="no recordings there"):
        api.detect(["memory://nothing"], tagger=open_tagger(), allow_remote=True)
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(MissingExtraError, match=r"earmark\[remote\]"):
        detect("memory://archive", tmp_path / "store", allow_remote=True)
