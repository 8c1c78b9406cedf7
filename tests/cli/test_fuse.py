"""`earmark fuse`: models put together, and what is refused."""

import json
from collections.abc import Callable
from pathlib import Path


def test_a_fusion_is_written_and_says_how_it_decides(earmark: Callable, trained: Path, tmp_path: Path) -> None:
    ran = earmark("fuse", trained, trained, "-o", tmp_path / "m")
    assert ran.code == 0, ran.err
    assert ran.err.splitlines()[0].startswith(f"2 models fused in {tmp_path / 'm'}; operating point: ")
    assert f"earmark tune {tmp_path / 'm'} DATA" in ran.err
    assert len(json.loads((tmp_path / "m" / "config.json").read_text())["members"]) == 2


def test_quiet_says_nothing_and_a_directory_that_exists_is_refused(
    earmark: Callable, trained: Path, tmp_path: Path
) -> None:
    made = earmark("fuse", trained, "-o", tmp_path / "m", "--quiet")
    assert (made.code, made.out, made.err) == (0, "", "")
    ran = earmark("fuse", trained, "-o", tmp_path / "m")
    assert (ran.code, ran.err) == (2, f"earmark: {tmp_path / 'm'} already exists; choose a new directory\n")
