"""The root folder cannot be left, in whatever way a path is written."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from earmark.errors import AudioError
from earmark.web.service import below, listed

OUT = (
    *("../secret.wav", "..", ".", "", "/", "//", "street/../../secret.wav", "street/../../root/street/a.wav"),
    *("..\\secret.wav", "street\\..\\..\\secret.wav", "C:\\secret.wav", "~/secret.wav", "~root/secret.wav"),
    *("link.wav", "folder/secret.wav", "loop", "street", "a\0.wav", "street/a.wav\0", "street/a.wav\n"),
    *("%2e%2e/secret.wav", "..%2fsecret.wav", "%252e%252e/secret.wav", "．．/secret.wav", "..%c0%afsecret.wav"),
    *("....//secret.wav", ".../secret.wav", "file:///secret.wav", "http://127.0.0.1/a.wav", "x" * 5000, "\udcff\ud800"),
    *("street/a.wav/..", "missing.wav", "/street/a.wav"),
)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, clip: Path) -> Path:
    """`street/a.wav` may be had; `secret.wav` beside the root may not, nor through the links to it."""
    home = tmp_path_factory.mktemp("home")
    root = home / "root"
    (root / "street").mkdir(parents=True)
    shutil.copy(clip, root / "street" / "a.wav")
    shutil.copy(clip, home / "secret.wav")
    (root / "link.wav").symlink_to(home / "secret.wav")
    (root / "folder").symlink_to(home)
    (root / "loop").symlink_to(root / "loop")
    (root / ".hidden.wav").touch()
    (root / "inside.wav").symlink_to(root / "street" / "a.wav")
    return root


@pytest.mark.parametrize("path", OUT)
def test_a_path_out_of_the_root_is_refused(root: Path, path: str) -> None:
    with pytest.raises(AudioError) as refused:
        below(root, path)
    assert "\n" not in str(refused.value)


def test_a_path_below_the_root_is_found_also_through_a_link_within(root: Path) -> None:
    assert below(root, "street/a.wav") == below(root, "inside.wav") == root / "street" / "a.wav"
    assert below(root, "street/./a.wav").samefile(root / "street" / "a.wav")


@given(
    st.lists(st.sampled_from(["..", ".", "street", "folder", "a.wav", "secret.wav", "root", "", "loop"]), max_size=6)
)
def test_nothing_but_the_one_file_is_ever_found(root: Path, parts: list[str]) -> None:
    try:
        found = below(root, "/".join(parts))
    except AudioError:
        return
    assert found == root / "street" / "a.wav"


def test_what_is_refused_does_not_say_whether_it_is_there(root: Path) -> None:
    def said(path: str) -> str:
        with pytest.raises(AudioError) as refused:
            below(root, path)
        return str(refused.value).replace(path, "")

    assert said("link.wav") == said("missing.wav")
    assert said("../secret.wav") == said("../missing.wav")
    assert said("folder/secret.wav") == said("folder/missing.wav")


def test_a_folder_lists_what_can_be_opened(root: Path) -> None:
    assert listed(root) == (["street"], ["inside.wav"])
    assert listed(root, "street") == ([], ["a.wav"])
    for folder in ("..", "folder", "/", "street/../..", "missing", "a\0b", "..\\x"):
        with pytest.raises(AudioError):
            listed(root, folder)


@pytest.mark.parametrize("path", [path for path in OUT if path.isprintable()])
def test_over_http_neither(serving: Callable[..., TestClient], root: Path, path: str) -> None:
    client = serving(root=root)
    answer = client.post("/api/recordings", json={"path": path})
    assert answer.status_code in (400, 422)
    assert list(answer.json()) == ["error"]
    assert client.get("/api/recordings").json() == {"recordings": []}


def test_names_in_other_encodings_can_be_opened(serving: Callable[..., TestClient], root: Path, tmp_path: Path) -> None:
    home = tmp_path / "root"
    home.mkdir()
    name = b"caf\xe9.wav"
    try:
        shutil.copy(root / "street" / "a.wav", os.fsencode(home) + b"/" + name)
    except OSError:
        pytest.skip("the file system takes only UTF-8")
    client = serving(root=home)
    listing = client.get("/api/folder").json()
    assert [os.fsencode(each) for each in listing["files"]] == [name]
    body = '{"path": "caf\\udce9.wav"}'
    answer = client.post("/api/recordings", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 201
    assert client.get("/api/recordings").status_code == 200


def test_without_a_root_no_file_can_be_opened(client: TestClient) -> None:
    answer = client.post("/api/recordings", json={"path": "street/a.wav"})
    assert answer.status_code == 422
    assert "start it with --root" in answer.json()["error"]
    assert client.get("/api/folder").json() == {"root": False, "folders": [], "files": []}
