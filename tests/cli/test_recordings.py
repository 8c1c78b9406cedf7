"""What `detect` and `tag` have in common: results as they come, and how they end."""

import re
from collections.abc import Callable
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


STAGES = ["load", "decode", "wait", "features", "model", "decide", "write", "rest"]
LINE = re.compile(r"  (\w+) +([\d.]+) s +([\d.]+) %(?:  \S.*)?")


def profile(err: str) -> tuple[float, dict[str, tuple[float, float]], str]:
    """Seconds in all, (seconds, share) of each stage, and the line about speed."""
    lines = err.splitlines()
    first = next(n for n, line in enumerate(lines) if line.startswith("where the "))
    total = re.fullmatch(r"where the ([\d.]+) s went \(cpu, (float32|bf16), \d+ threads?\):", lines[first])
    found = [LINE.fullmatch(line) for line in lines[first + 1 : first + 1 + len(STAGES)]]
    assert total
    assert all(found)
    return (
        float(total[1]),
        {line[1]: (float(line[2]), float(line[3])) for line in found},
        lines[first + 1 + len(STAGES)],
    )


@pytest.mark.parametrize("verb", ["tag", "detect"])
def test_a_profile_adds_up(earmark: Callable, collection: Path, trained: Path, tmp_path: Path, verb: str) -> None:
    more = ("--scores", tmp_path / "scores") if verb == "detect" else ()
    words = (verb, collection / "dev", "-m", trained, "--device", "cpu", *more)
    plain, ran = earmark(*words), earmark(*words, "--profile")
    assert (ran.code, ran.out) == (0, plain.out)
    assert "where the" not in plain.err
    total, stages, speed = profile(ran.err)
    assert list(stages) == STAGES
    for seconds, share in stages.values():
        rounding = 0.005 / total  # of the seconds in all, which are told to a hundredth
        assert share == pytest.approx(100 * seconds / total, abs=1 + 100 * rounding)
        assert 0 <= share <= 100
    assert sum(share for name, (_, share) in stages.items() if name != "decode") == pytest.approx(100, abs=0.5)
    assert all(stages[name][0] > 0 for name in ("load", "decode", "features", "model"))
    known = re.fullmatch(
        r"after loading, ([\d.e+]+) recordings and ([\d.e+]+) s of audio per second \(16 recordings, 32.0 s\)", speed
    )
    assert known
    assert float(known[2]) == pytest.approx(2 * float(known[1]), rel=0.01)  # two seconds each


def test_a_profile_is_told_to_the_quiet_and_of_nothing_heard(earmark: Callable, trained: Path, tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("this is no sound\n" * 10)
    ran = earmark("tag", tmp_path, "-m", trained, "--profile", "--quiet")
    assert (ran.code, ran.out) == (2, "")
    _, stages, speed = profile(ran.err)
    assert stages["model"] == (0, 0)
    assert speed.endswith("(0 recordings, 0.0 s)")
    assert "it is a text file, not audio" in ran.err


def test_a_training_writes_where_its_time_went(
    train: Callable, collection: Path, tmp_path: Path, earmark: Callable
) -> None:
    ran = train(collection / "train", tmp_path / "m", "--profile", "--steps", 2)
    written = tmp_path / "m" / "training" / "fit-profile.txt"
    assert ran.code == 0
    assert f"where the time went is in {written}" in ran.err.splitlines()
    table = written.read_text()
    for action in ("train_dataloader_next", "training_step", "backward", "optimizer_step"):
        assert action in table
    assert earmark("tag", collection / "dev" / "audio" / "dev00.wav", "-m", tmp_path / "m").code == 0
