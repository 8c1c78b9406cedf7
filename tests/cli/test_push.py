from collections.abc import Callable
from pathlib import Path

from tests.hub.stand_in import Hub, hub

__all__ = ["hub"]


def test_a_model_is_pushed_and_what_to_call_it_is_said(hub: Hub, trained: Path, earmark: Callable) -> None:
    ran = earmark("push", trained, "hf:birds/owls", "--private")
    assert (ran.code, ran.out) == (0, "")
    size = sum(map(len, hub.repositories["birds/owls"].files().values())) / 1e6
    commit = hub.repositories["birds/owls"].refs["main"]
    assert ran.err.splitlines() == [
        f"6 files ({size:.1f} MB) are at {hub.url}/birds/owls",
        "the card states no licence; --licence names one, e.g. --licence mit",
        f"this version: hf:birds/owls@{commit}",
    ]
    assert hub.repositories["birds/owls"].private
    ran = earmark("push", trained, "hf:birds/owls", "--revision", "trial", "--licence", "mit", "--quiet")
    assert (ran.code, ran.out, ran.err) == (0, "", "")
    assert set(hub.repositories["birds/owls"].refs) == {"main", "trial"}


def test_what_cannot_be_pushed_is_one_line(hub: Hub, trained: Path, tmp_path: Path, earmark: Callable) -> None:
    hub.may_write = False
    for words, message in (
        ((trained, "birds/owls"), "no model 'birds/owls'; expected hf:ORG/NAME or hf:ORG/NAME@REVISION"),
        ((trained, "hf:birds/owls@a", "--revision", "b"), "no model 'hf:birds/owls@a@b'; expected"),
        ((tmp_path / "nowhere", "hf:birds/owls"), "no model at"),
        ((trained, "hf:birds/owls"), "the hub refuses (403)"),
    ):
        ran = earmark("push", *words)
        assert (ran.code, ran.err.count("\n"), message in ran.err) == (2, 1, True), ran.err


def test_the_model_in_the_package_goes_with_its_attribution(hub: Hub, earmark: Callable) -> None:
    ran = earmark("push", "earmark/everyday", "hf:birds/everyday")
    assert ran.code == 0
    assert "no licence" not in ran.err  # it has one
    assert "sources.tsv" in hub.repositories["birds/everyday"].files()
