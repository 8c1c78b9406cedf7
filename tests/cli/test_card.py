"""`earmark card`, and listening without a model of one's own. The latter fails where the package lacks its model."""

import io
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import soundfile

from earmark.cli import card as verb
from earmark.cli.console import Console, Terminal
from earmark.decisions import OperatingPoint
from earmark.hub import box


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "clip.wav"
    soundfile.write(path, box.check_clip(32_000), 32_000)
    return path


def test_the_card_of_a_model_is_printed_as_it_is(earmark: Callable, trained: Path) -> None:
    ran = earmark("card", trained)
    assert (ran.code, ran.out, ran.err) == (0, (trained / "README.md").read_text(encoding="utf-8"), "")


def test_without_a_model_it_is_that_of_the_box(earmark: Callable) -> None:
    plain, named = earmark("card"), earmark("card", "earmark/everyday")
    assert plain == named
    assert (plain.code, plain.err) == (0, "")
    assert plain.out == (box.directory() / "README.md").read_text(encoding="utf-8")


def test_words_between_colons_stay_words(earmark: Callable, model: Path) -> None:
    (model / "README.md").write_text("# :dog: [bold]\n\tbarks\n")
    assert earmark("card", model).out == "# :dog: [bold]\n\tbarks\n"


def test_on_a_terminal_it_is_set_in_type(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = "| a | b |\n|---|---|\n| c | d |\n"
    (model / "README.md").write_text(f"---\nlicense: mit\n---\n\n# A model\n\nIt *hears*.\n\n{table}")

    class Drawing(Terminal):
        def __init__(self) -> None:
            super().__init__()
            self.out = Console(file=screen, force_terminal=True, width=60, soft_wrap=True, color_system=None)

    screen = io.StringIO()
    monkeypatch.setattr(verb, "Terminal", Drawing)
    verb.command(model)
    shown = screen.getvalue()
    assert "A model" in shown
    assert not [mark for mark in ("license", "*hears*", "|---|", "# A") if mark in shown]
    assert max(map(len, shown.splitlines())) <= 80  # of the width, and codes of the terminal


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (lambda folder: (folder / "README.md").unlink(), "{} has no model card: README.md is missing"),
        (lambda folder: (folder / "README.md").write_bytes(b"\xff\xfe\xff"), "{}/README.md is damaged: 'utf-8' codec"),
        (shutil.rmtree, "no model at {}: expected a directory made by 'earmark train', or a name"),
    ],
)
def test_what_has_no_card_is_told_in_one_line(earmark: Callable, model: Path, harm, message: str) -> None:
    harm(model)
    ran = earmark("card", model)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(f"earmark: {message.format(model)}")
    assert ran.err.count("\n") == 1


@pytest.mark.parametrize("listen", ["tag", "detect"])
def test_without_a_model_the_box_listens_and_says_so(earmark: Callable, clip: Path, listen: str) -> None:
    ran = earmark(listen, clip, "--threshold", 0)
    labels = len(OperatingPoint.load(box.directory()).reportable)
    assert (ran.code, ran.err.splitlines()[0]) == (0, box.notice(labels))
    named = earmark(listen, clip, "--threshold", 0, "-m", "earmark/everyday")
    assert named.out == ran.out
    assert "earmark/everyday" not in named.err  # who names it knows
    quiet = earmark(listen, clip, "--threshold", 0, "--quiet")
    assert (quiet.out, quiet.err) == (ran.out, "")


def test_a_package_without_its_model_says_so_in_one_line(
    earmark: Callable, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(box, "__file__", str(tmp_path / "hub" / "box.py"))
    for words in (("card",), ("tag", clip), ("detect", clip)):
        ran = earmark(*words)
        assert (ran.code, ran.out) == (2, "")
        assert ran.err.startswith("earmark: earmark/everyday is missing from this installation")
        assert ran.err.count("\n") == 1


def test_help_says_what_happens_without_a_model(earmark: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    for words in ("tag", "detect", "card"):
        assert "Default: earmark/everyday, which is part of the package" in " ".join(
            earmark(words, "--help").out.split()
        )
