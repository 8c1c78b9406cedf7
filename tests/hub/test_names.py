import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

import earmark
from earmark.errors import ModelError
from earmark.hub import locate
from earmark.hub.published import CHECKPOINTS


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("EARMARK_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def place(monkeypatch: pytest.MonkeyPatch, url: str, md5: str | None) -> None:
    """The checkpoint of panns/cnn10 lies at another address, with this checksum."""
    monkeypatch.setitem(CHECKPOINTS, "panns/cnn10", replace(CHECKPOINTS["panns/cnn10"], url=url, md5=md5))


@pytest.fixture
def serving(server, checkpoint: Path, cache: Path, monkeypatch: pytest.MonkeyPatch):
    """The published checkpoint lies on the server of the tests."""
    server.files["Cnn10.pth"] = content = checkpoint.read_bytes()
    place(monkeypatch, f"{server.url}/Cnn10.pth?download=1", hashlib.md5(content).hexdigest())
    return server


def test_a_public_model_is_fetched_once_and_kept_converted(serving, cache: Path) -> None:
    first = earmark.load("panns/cnn10")
    assert len(first.labels) == 527
    assert len(serving.asked) == 1
    assert sorted(path.name for path in (cache / "panns").iterdir()) == ["cnn10"]
    assert "license: cc-by-4.0" in (cache / "panns" / "cnn10" / "README.md").read_text()
    serving.status = 503
    assert locate("panns/cnn10") == locate(Path("panns") / "cnn10") == cache / "panns" / "cnn10"
    assert earmark.load("panns/cnn10").labels == first.labels


def test_interrupted_it_goes_on(serving, cache: Path) -> None:
    serving.breaks = [5_000_192]  # bytes
    assert len(earmark.load("panns/cnn10").labels) == 527
    had = int(serving.asked[1][1].removeprefix("bytes=").removesuffix("-"))
    assert 4_900_000 < had <= 5_000_192


def test_stopped_while_converting_it_converts_again(serving, cache: Path) -> None:
    folder = locate("panns/cnn10")
    (folder / "config.json").unlink()  # what is written last
    assert len(earmark.load("panns/cnn10").labels) == 527


def test_offline_it_says_what_to_do(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place(monkeypatch, "http://127.0.0.1:9/Cnn10.pth", "0" * 32)
    with pytest.raises(ModelError) as caught:
        earmark.load("panns/cnn10")
    assert str(caught.value) == (
        f"panns/cnn10 is not in {cache}, and http://127.0.0.1:9/Cnn10.pth cannot be downloaded: there is no "
        "network, or the server does not answer; 'earmark import Cnn10.pth -o MODEL' makes a model from a file "
        "that you have already"
    )


def test_without_a_published_checksum_the_card_states_that_of_the_download(
    serving, checkpoint: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place(monkeypatch, f"{serving.url}/Cnn10.pth", None)
    card = (locate("panns/cnn10") / "README.md").read_text()
    assert f"sha256 {hashlib.sha256(checkpoint.read_bytes()).hexdigest()}" in card
    assert "its authors publish no checksum" in card


def test_a_download_without_a_checksum_that_is_damaged_is_fetched_anew(
    serving, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = serving.files["Cnn10.pth"]
    place(monkeypatch, f"{serving.url}/Cnn10.pth", None)
    serving.files["Cnn10.pth"] = whole[:1_000]
    with pytest.raises(ModelError, match=r"Cnn10.pth is not a PyTorch checkpoint, or it is damaged"):
        locate("panns/cnn10")
    serving.files["Cnn10.pth"] = whole
    assert len(earmark.load("panns/cnn10").labels) == 527


def test_a_directory_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "panns" / "cnn10").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert locate("panns/cnn10") == Path("panns/cnn10")
    assert locate("some/model") == Path("some/model")


def test_a_name_that_is_none_gets_a_guess(cache: Path) -> None:
    with pytest.raises(ModelError, match=r"no model 'panns/cn10' \(did you mean 'panns/cnn10'\?\); known: panns/cnn"):
        earmark.load("panns/cn10")


def test_a_path_is_a_model_as_a_string_is(trained: Path):
    assert earmark.load(trained).labels == earmark.load(str(trained)).labels == earmark.load([trained]).labels


@pytest.mark.parametrize("odd", ["x" * 300, "a/" * 3_000, 3, b"x", [3], [], {"a": 1}, ""])
def test_what_names_no_model_is_refused_in_one_line(odd):
    with pytest.raises(ModelError) as caught:
        earmark.load(odd)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300
