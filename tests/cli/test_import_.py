from collections.abc import Callable
from pathlib import Path

import pytest
import torch


def test_what_is_no_public_checkpoint_is_refused_in_one_line(earmark: Callable, tmp_path: Path) -> None:
    torch.save({"model": {"a": torch.ones(2)}}, tmp_path / "x.pt")
    for words, message in (
        ((tmp_path / "x.pt", "-o", tmp_path / "m"), "is not one of the checkpoints that can be imported; nearest is"),
        ((tmp_path / "nowhere.pt", "-o", tmp_path / "m"), "no checkpoint at"),
        ((tmp_path / "x.pt", "-o", tmp_path / "m", "--architecture", "cnn15"), "no architecture 'cnn15'"),
    ):
        ran = earmark("import", *words)
        assert (ran.code, ran.err.count("\n"), message in ran.err) == (2, 1, True), ran.err
    assert not (tmp_path / "m").exists()


def test_a_name_offline_says_what_to_do(earmark: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    from earmark.hub.published import CHECKPOINTS

    here = replace(CHECKPOINTS["panns/cnn10"], url="http://127.0.0.1:9/Cnn10.pth")
    monkeypatch.setitem(CHECKPOINTS, "panns/cnn10", here)
    monkeypatch.setenv("EARMARK_CACHE", str(tmp_path / "cache"))
    ran = earmark("import", "panns/cnn10", "-o", tmp_path / "m")
    assert ran.code == 2
    assert "there is no network, or the server does not answer" in ran.err
    assert "'earmark import Cnn10.pth -o MODEL' makes a model from a file that you have already" in ran.err
