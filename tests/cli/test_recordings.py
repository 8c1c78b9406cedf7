"""What `detect` and `tag` have in common: results as they come, and how they end."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from earmark.cli.console import NOTHING_DONE, OK, SOME_FAILED, Terminal
from earmark.cli.recordings import Printed, finish, say_written
from earmark.events import Event
from earmark.runtime.bulk import Account


def found(account: Account, written: int = 0, tracks: int = 0) -> SimpleNamespace:
    return SimpleNamespace(
        account=account,
        tagger=SimpleNamespace(scorer=SimpleNamespace(arithmetic="cpu, float32")),
        written=[Path(f"{number}.csv") for number in range(written)],
        tracks=tracks,
        watch=None,
        notices=[],
        complete=not account.failed and not account.partial,
    )


@pytest.mark.parametrize(
    ("account", "code"),
    [
        (Account(scored=3, items=7), OK),
        (Account(scored=3, failed=["a.wav: no"]), SOME_FAILED),
        (Account(scored=3, partial=["a.wav: cut short"]), SOME_FAILED),
        (Account(failed=["a.wav: no"]), NOTHING_DONE),
    ],
)
def test_the_exit_code_says_whether_all_some_or_no_recordings_were_scored(
    account: Account, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert finish(Terminal(quiet=True), found(account), "event") == code
    err = capsys.readouterr().err
    assert all(line in err for line in (*account.failed, *account.partial))  # even when quiet


@pytest.mark.parametrize(
    ("written", "tracks", "said"),
    [
        (2, 0, ["wrote 0.csv", "wrote 1.csv"]),
        (1, 2, ["wrote 0.csv", "wrote 2 label tracks into out"]),
        (1, 9, ["wrote 10 files into out"]),
    ],
)
def test_few_files_are_named_and_many_are_counted(
    written: int, tracks: int, said: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    say_written(Terminal(), found(Account(), written, tracks), "out")
    assert capsys.readouterr().err.splitlines() == said


def test_a_header_is_printed_once_and_every_recording_as_it_comes(capsys: pytest.CaptureFixture[str]) -> None:
    printed = Printed("detect", "csv")
    printed("a.wav", [Event(0.0, 1.0, "dog", 0.5)])
    first = capsys.readouterr().out.splitlines()
    assert len(first) == 2
    printed("b.wav", [Event(1.0, 2.0, "cat", 0.5)])
    printed.end()
    assert [line.split(",")[0] for line in [*first, *capsys.readouterr().out.splitlines()]] == [
        "filename",
        "a.wav",
        "b.wav",
    ]


def test_without_a_recording_nothing_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    Printed("tag", "json").end()
    assert capsys.readouterr().out == ""
