"""Models on the Hugging Face Hub: its real client against a stand-in on this machine."""

import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import earmark
from earmark import api
from earmark.errors import MissingExtraError, ModelError, OutputError
from earmark.hub import check_changeable, huggingface, locate, notes_of
from earmark.hub.huggingface import Repository
from tests.hub.stand_in import Hub, hub

__all__ = ["hub"]
NOWHERE = "http://127.0.0.1:9"
SAID = "README.md", "config.json", "log.csv", "model.safetensors", "operating_point.json", "recipe.yaml"


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def offer(hub: Hub, folder: Path, name: str = "birds/owls", **more: bytes) -> None:
    """A repository with the files of a directory, and others."""
    hub.repository(name, {".gitattributes": b""} | contents(folder) | more)


def test_a_model_is_fetched_by_name_once_and_only_its_known_files(hub: Hub, twin: Path) -> None:
    class Harm:
        def __reduce__(self) -> tuple[object, ...]:
            return (pytest.fail, ("code of a repository was run",))

    harm = pickle.dumps(Harm())
    strange = {"pytorch_model.bin": harm, "modeling.py": b"raise SystemExit", "training/last.ckpt": harm}
    offer(hub, twin, **strange, **{"a/config.json": b"{}", "sitecustomize.py": b"raise SystemExit"})
    tagger = earmark.load("hf:birds/owls")
    assert tagger.labels == earmark.load(twin).labels
    known = {path for path in contents(twin) if path in (*SAID, "model.onnx")}
    assert sorted(hub.fetched()) == sorted(known)
    folder = locate("hf:birds/owls")
    assert {name: data for name, data in contents(folder).items()} == {
        name: data for name, data in contents(twin).items() if name in known
    }
    hub.asked.clear()
    assert earmark.load("hf:birds/owls").labels == tagger.labels
    assert [path for _, path, _ in hub.asked] == ["/api/models/birds/owls/revision/main"]


def test_each_revision_is_kept_by_itself(hub: Hub, trained: Path, model: Path) -> None:
    offer(hub, trained)
    repository = hub.repositories["birds/owls"]
    first = repository.refs["v1"] = repository.refs["main"]
    point = json.loads((model / "operating_point.json").read_text())
    point["origin"] = "another"
    (model / "operating_point.json").write_text(json.dumps(point))
    second = repository.commit(contents(model))
    assert [locate(f"hf:birds/owls{at}").name for at in ("", "@main", "@v1", f"@{first}")] == [
        *(second, second, first, first)
    ]
    assert earmark.load("hf:birds/owls").operating_point.origin == "another"
    assert earmark.load("hf:birds/owls@v1").operating_point.origin != "another"
    hub.asked.clear()
    assert locate(f"hf:birds/owls@{second}").name == second
    assert hub.asked == []  # a commit never changes


def test_without_the_hub_what_is_in_the_cache_is_taken(
    hub: Hub, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer(hub, trained)
    folder = locate("hf:birds/owls")
    monkeypatch.setenv("HF_ENDPOINT", NOWHERE)
    assert locate("hf:birds/owls") == locate("hf:birds/owls@main") == folder
    assert earmark.load(Path("hf:birds/owls")).labels
    for name in ("hf:birds/owls@v9", "hf:birds/crows", f"hf:birds/owls@{'0' * 40}"):
        with pytest.raises(ModelError) as caught:
            locate(name)
        assert str(caught.value) == (
            f"{name} is not in the cache, or not all of it, and {NOWHERE} cannot be reached "
            "(there is no network, or no answer)"
        )


def test_where_only_a_part_arrived_it_is_no_model_offline_and_goes_on_later(
    hub: Hub, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer(hub, trained)
    folder = locate("hf:birds/owls")
    (folder / "model.safetensors").unlink()
    monkeypatch.setenv("HF_ENDPOINT", NOWHERE)
    with pytest.raises(ModelError, match=r"not in the cache, or not all of it"):
        locate("hf:birds/owls")
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    hub.asked.clear()
    assert locate("hf:birds/owls") == folder
    assert (folder / "model.safetensors").is_file()
    assert set(hub.fetched()) <= {"model.safetensors"}


def test_a_download_that_breaks_off_goes_on_where_it_was(
    hub: Hub, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 1000)  # of a piece that breaks off all is lost
    offer(hub, trained)
    hub.breaks = [5_000, 3_000]
    folder = locate("hf:birds/owls")
    assert (folder / "model.safetensors").read_bytes() == (trained / "model.safetensors").read_bytes()
    ranges = [wanted for method, path, wanted in hub.asked if method == "GET" and path.endswith("safetensors")]
    assert ranges == [None, "bytes=5000-", "bytes=8000-"]


def test_other_models_on_the_hub_cost_one_small_file_and_one_line(hub: Hub) -> None:
    hub.repository("big/bert", {"config.json": b'{"architectures": ["Bert"]}', "model.safetensors": b"x" * 1_000_000})
    hub.repository("old/net", {"pytorch_model.bin": b"\x80\x04.", "README.md": b""})
    hub.repository("no/config", {"model.safetensors": b"x"})
    config = json.dumps({"format_version": 1, "labels": ["owl"]}).encode()
    hub.repository("half/model", {"config.json": config, "weights.pt": b"\x80\x04."})
    for name, why in {
        "big/bert": "it has no config.json of earmark",
        "old/net": "it has no config.json of earmark; pytorch_model.bin can hold pickled code and is never read",
        "no/config": "it has no config.json of earmark",
        "half/model": "model.safetensors is missing; weights.pt can hold pickled code and is never read",
    }.items():
        with pytest.raises(ModelError) as caught:
            locate(f"hf:{name}")
        assert str(caught.value) == f"hf:{name} is not a model of earmark: {why}"
    assert set(hub.fetched()) == {"config.json"}


def test_what_the_hub_refuses_is_one_line(hub: Hub, trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def said(name: str) -> str:
        with pytest.raises(ModelError) as caught:
            locate(name)
        return str(caught.value)

    offer(hub, trained)
    assert said("hf:birds/owl") == (
        f"hf:birds/owl: no such repository at {hub.url}, or it is private; check the name, or log in with "
        "'hf auth login'"
    )
    assert said("hf:birds/owls@v3") == "hf:birds/owls@v3: the repository has no revision 'v3'"
    hub.repositories["birds/owls"].gated = True
    assert said("hf:birds/owls") == (
        f"hf:birds/owls: access must be asked for at {hub.url}/birds/owls; then log in with 'hf auth login'"
    )
    hub.repositories["birds/owls"].gated = False
    hub.repositories["birds/owls"].private = True
    assert locate("hf:birds/owls").is_dir()
    monkeypatch.setenv("HF_TOKEN", "hf_of_somebody_else")
    offer(hub, trained, "birds/hidden")
    hub.repositories["birds/hidden"].private = True
    assert "hf:birds/hidden: no such repository" in said("hf:birds/hidden")
    hub.status = 500
    assert said("hf:birds/new") == "hf:birds/new: the hub answered 500: out of order; try again later"


@pytest.mark.parametrize(
    "name",
    ["hf:owls", "hf:", "hf:/birds/owls", "hf:birds/owls/x", "hf:../owls", "hf:birds/..", "hf:a/b@", "hf:a/b@c d"],
)
def test_a_name_of_another_form_is_refused(name: str) -> None:
    with pytest.raises(ModelError, match=r"expected hf:ORG/NAME or hf:ORG/NAME@REVISION"):
        locate(name)


def test_a_directory_of_such_a_name_comes_first(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(trained, tmp_path / "hf:birds" / "owls")
    assert locate("hf:birds/owls") == Path("hf:birds/owls")


def test_without_the_client_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, trained: Path) -> None:
    monkeypatch.setattr("earmark.hub.huggingface.importlib.util.find_spec", lambda _: None)
    for call in (lambda: earmark.load("hf:birds/owls"), lambda: api.push(trained, "hf:birds/owls")):
        with pytest.raises(MissingExtraError, match=r'huggingface_hub: pip install "earmark\[hub\]"'):
            call()


def test_what_is_pushed_comes_back_byte_for_byte_but_for_the_card(hub: Hub, twin: Path, tmp_path: Path) -> None:
    model = Path(shutil.copytree(twin, tmp_path / "owls"))
    for stray in ("training/last.ckpt", "scores/a.npz", "cache/x.bin", "notes.txt", ".hidden"):
        (model / stray).parent.mkdir(exist_ok=True)
        (model / stray).write_bytes(b"mine")
    before = contents(model)
    pushed = api.push(model, "hf:birds/owls", licence="cc-by-4.0")
    assert contents(model) == before
    sent = hub.repositories["birds/owls"].files()
    assert sent.keys() == {".gitattributes", *SAID, "model.onnx"}
    assert pushed.url == f"{hub.url}/birds/owls"
    assert (pushed.files, pushed.size) == (7, sum(map(len, sent.values())))
    assert str(pushed.repository) == f"hf:birds/owls@{hub.repositories['birds/owls'].refs['main']}"
    folder = locate(str(pushed.repository))
    for name in {*SAID, "model.onnx"} - {"README.md"}:
        assert (folder / name).read_bytes() == before[name]
    card = (folder / "README.md").read_text()
    head = card.split("---\n")[1]
    assert head.startswith("library_name: earmark\npipeline_tag: audio-classification\ntags:\n- audio\n")
    assert "license: cc-by-4.0" in head
    assert pushed.licence == "cc-by-4.0"
    for line in ("earmark detect street.wav -m hf:birds/owls ", 'earmark.load("hf:birds/owls")', '"earmark[hub]"'):
        assert line in card
    assert "-m .\n" not in card
    assert "-m . " not in card


def test_a_model_pushed_anew_leaves_nothing_of_the_old_one_and_all_that_is_not_its_own(
    hub: Hub, twin: Path, trained: Path
) -> None:
    api.push(twin, "hf:birds/owls")
    repository = hub.repositories["birds/owls"]
    repository.commit({**repository.files(), "figure.png": b"png", "members/a/model.onnx": b"old"})
    api.push(trained, "hf:birds/owls")
    assert repository.files().keys() == {".gitattributes", "figure.png", *SAID}  # a twin of other weights is gone
    assert earmark.load("hf:birds/owls").labels
    before = repository.refs["main"]
    again = api.push(trained, "hf:birds/owls")
    assert repository.files().keys() == {".gitattributes", "figure.png", *SAID}
    assert repository.commits[before] == repository.commits[again.repository.revision or ""]


def test_a_fusion_goes_with_its_members(hub: Hub, trained: Path, tmp_path: Path) -> None:
    api.fuse([trained, trained], tmp_path / "both")
    api.push(tmp_path / "both", "hf:birds/both")
    sent = set(hub.repositories["birds/both"].files())
    assert {"config.json", "members/model/model.safetensors", "members/model-2/config.json"} <= sent
    assert "model.safetensors" not in sent
    assert earmark.load("hf:birds/both", engine="torch").labels == earmark.load(trained).labels


def test_a_branch_of_its_own_and_a_private_repository(hub: Hub, trained: Path) -> None:
    api.push(trained, "hf:birds/owls", private=True)
    repository = hub.repositories["birds/owls"]
    assert repository.private
    main = repository.refs["main"]
    api.push(trained, "hf:birds/owls", revision="trial", licence="mit", private=True)
    assert repository.refs["main"] == main
    assert b"license: mit" in repository.files("trial")["README.md"]
    assert earmark.load("hf:birds/owls@trial").labels
    hub.repository("birds/open", {})
    with pytest.raises(ModelError, match=r"hf:birds/open exists and is public: --private is for new repositories"):
        api.push(trained, "hf:birds/open", private=True)
    assert hub.repositories["birds/open"].files() == {}


def test_where_it_may_not_be_pushed_one_line_says_why(
    hub: Hub, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def said(model: Path = trained, target: str = "hf:birds/owls") -> str:
        with pytest.raises(ModelError) as caught:
            api.push(model, target)
        return str(caught.value)

    hub.repository("big/bert", {"config.json": b'{"architectures": ["Bert"]}'})
    assert said(target="hf:big/bert") == (
        "hf:big/bert already holds another kind of model: its config.json is not of earmark; choose another repository"
    )
    assert hub.repositories["big/bert"].files().keys() == {"config.json"}
    hub.may_write = False
    assert said() == (
        "hf:birds/owls: the hub refuses (403); log in with 'hf auth login' as somebody who may write to it, with "
        "a token that allows it"
    )
    monkeypatch.setenv("HF_TOKEN", "hf_of_somebody_else")
    assert "hf:birds/owls: the hub refuses (401); log in" in said()
    monkeypatch.setenv("HF_ENDPOINT", NOWHERE)
    assert said() == (
        f"hf:birds/owls: {NOWHERE} cannot be reached (there is no network, or no answer); nothing was pushed"
    )
    assert "no model at" in said(tmp_path / "nowhere")
    assert "config.json is missing or not of earmark" in said(tmp_path)
    assert "expected hf:ORG/NAME" in said(target="birds/owls")
    assert not hub.repositories.keys() - {"big/bert"}


def test_in_the_cache_of_the_hub_nothing_is_changed(
    hub: Hub, trained: Path, collection: Path, tmp_path: Path, earmark: Callable
) -> None:
    offer(hub, trained)
    folder = locate("hf:birds/owls")
    before = contents(folder)
    name = f"hf:birds/owls@{folder.name}"
    ran = earmark("tune", "hf:birds/owls", collection / "dev", "--quiet")
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert ran.err.startswith(f"earmark: {name} cannot be changed; 'earmark import {name} -o MODEL' makes a copy")
    ran = earmark("export", "hf:birds/owls")
    assert (ran.code, f"{name} cannot be changed" in ran.err) == (2, True)
    ran = earmark("evaluate", "hf:birds/owls", collection / "dev", "--resamples", 0, "--quiet")
    assert ran.code == 0, ran.err
    assert list(notes_of(folder).rglob("*.npz"))
    assert contents(folder) == before
    ran = earmark("import", "hf:birds/owls", "-o", tmp_path / "mine")
    assert (ran.code, ran.err) == (0, f"{name} is copied to {tmp_path / 'mine'}\n")
    assert contents(tmp_path / "mine") == before
    check_changeable(tmp_path / "mine")
    assert earmark("tune", tmp_path / "mine", collection / "dev", "--quiet").code == 0


def test_wherever_a_model_is_named_it_may_lie_on_the_hub(
    hub: Hub, trained: Path, collection: Path, recipe: Path, tmp_path: Path, earmark: Callable
) -> None:
    offer(hub, trained)
    sound = collection / "dev" / "audio" / "dev00.wav"
    assert earmark("detect", sound, "-m", "hf:birds/owls").out == earmark("detect", sound, "-m", trained).out
    assert earmark("card", "hf:birds/owls@main").out == earmark("card", trained).out
    words = ("--from", "hf:birds/owls", "--freeze", "1", "--recipe", recipe, "--epochs", 1, "--valid-fraction", 0)
    ran = earmark("train", collection / "train", "-o", tmp_path / "m", *words)
    assert ran.code == 0, ran.err
    assert "**fine-tuned from**: hf:birds/owls (4 labels" in (tmp_path / "m" / "README.md").read_text()


def test_a_disk_that_cannot_be_written_is_named(hub: Hub, trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    offer(hub, trained)
    place = Path(huggingface._cache() or "")
    place.parent.mkdir(parents=True)
    place.write_text("a file where a folder is to be")
    with pytest.raises(OutputError, match=r"hf:birds/owls cannot be stored: "):
        locate("hf:birds/owls")


def test_a_revision_is_part_of_a_name() -> None:
    assert str(Repository.parse("hf:birds/owls@refs/pr/1")) == "hf:birds/owls@refs/pr/1"
    assert Repository.parse("hf:birds/owls").revision is None
