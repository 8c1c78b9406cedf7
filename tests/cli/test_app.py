import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from earmark import __version__
from earmark.cli.app import app

VERBS = (
    *("demo", "train", "fuse", "tune", "tag", "detect", "evaluate", "score"),
    *("doctor", "synth", "card", "recipes", "reproduce", "import", "import-panns"),
)


def commands() -> dict[str, Callable]:
    """The function behind each command."""
    return {command.name or "": command.callback for command in app.registered_commands if command.callback}


def python(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True)


def test_help_is_there_at_once_and_loads_nothing_heavy() -> None:
    code = (
        "import sys; from earmark.cli.app import run; code = run(['--help']);"
        "print(code, sorted({'torch', 'numpy', 'lightning', 'matplotlib', 'soundfile'} & set(sys.modules)))"
    )
    python(code)  # compiles what is not yet compiled
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = python(code)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.stdout.splitlines()[-1] == "0 []"
    # Time of the processor, not of the wall: other processes must not fail this.
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 0.5


def test_every_verb_has_help(earmark: Callable) -> None:
    listed = earmark("--help")
    for verb in VERBS:
        assert f"\n  {verb} " in listed.out
        ran = earmark(verb, "--help")
        assert ran.code == 0
        assert ran.out.startswith(f"Usage: earmark {verb} ")
        assert ran.err == ""


def test_the_list_of_commands_shows_every_summary_whole_at_80_columns() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "earmark", "--help"], capture_output=True, text=True, env={**os.environ, "COLUMNS": "80"}
    )
    assert max(len(line) for line in done.stdout.splitlines()) <= 80
    listed = dict(line.split(maxsplit=1) for line in done.stdout.partition("Commands:\n")[2].splitlines())
    assert listed.keys() == commands().keys()
    for verb in listed:
        summary = " ".join((commands()[verb].__doc__ or "").split("\n\n")[0].split())
        assert listed[verb] == summary


def test_without_a_verb_help_is_shown(earmark: Callable) -> None:
    assert earmark() == earmark("--help")


def test_the_version_is_told(earmark: Callable) -> None:
    assert earmark("--version").out == f"earmark {__version__}\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["detct"], "No such command 'detct'. Did you mean 'detect'?; see 'earmark --help'"),
        (["detect"], "nothing to read: give files or folders, or --files-from LIST"),
        (["train", "data"], "Missing option '--output' / '-o'; see 'earmark train --help'"),
        (["detect", "a.wav", "-m", "m", "--formt", "csv"], "No such option: --formt"),
        (["train", "data", "-o", "m", "--epochs", "many"], "Invalid value for '--epochs'"),
        (["train", "data", "-o", "m", "--cache", "of"], "Invalid value for '--cache'"),
    ],
)
def test_a_command_that_makes_no_sense_is_refused_in_one_line(
    earmark: Callable, words: list[str], message: str
) -> None:
    ran = earmark(*words)
    assert ran.code == 2
    assert ran.err.startswith(f"earmark: {message}")
    assert ran.err.count("\n") == 1
    assert ran.out == ""


def test_debug_shows_where_an_error_comes_from(earmark: Callable) -> None:
    plain, debug = earmark("doctor", "nowhere"), earmark("doctor", "nowhere", "--debug")
    assert plain.err == "earmark: nowhere: no such file or folder\n"
    assert debug.err.startswith("Traceback")
    assert debug.err.endswith(plain.err)
    assert plain.code == debug.code == 2


def test_an_error_of_the_system_is_one_line_too(earmark: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device", "/data/x.pack")

    monkeypatch.setattr("earmark.data.doctor.examine", full)
    ran = earmark("doctor", "data")
    assert (ran.code, ran.err) == (2, "earmark: /data/x.pack: No space left on device\n")


@pytest.mark.parametrize(("verb", "goes_on"), [("demo", True), ("doctor", False)])
def test_an_interruption_is_told_and_what_can_go_on_says_so(
    earmark: Callable, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, verb: str, goes_on: bool
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("earmark.studies.demo.run_demo", interrupt)
    monkeypatch.setattr("earmark.data.doctor.examine", interrupt)
    ran = earmark(verb, *(["-o", tmp_path] if verb == "demo" else [tmp_path]))
    assert ran.code == 130
    last = ran.err.splitlines()[-1]
    assert last == "earmark: stopped" + ("; the same command continues where it stopped" if goes_on else "")


def test_what_begins_anew_goes_on_by_another_command(
    earmark: Callable, monkeypatch: pytest.MonkeyPatch, collection: Path, recipe: Path, tmp_path: Path
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("earmark.training.run.prepare", interrupt)
    ran = earmark("train", collection / "train", "-o", tmp_path / "m", "--recipe", recipe, "--overwrite")
    assert ran.code == 130
    last = ran.err.splitlines()[-1]
    assert last == "earmark: stopped; the same command without --overwrite continues where it stopped"


def test_a_reader_that_has_had_enough_is_no_error() -> None:
    command = f"{sys.executable} -m earmark.cli recipes default | head -1; echo ${{PIPESTATUS[@]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert done.stdout.splitlines() == ["name: default", "0 0"]
    assert done.stderr == ""


def test_a_full_disk_behind_stdout_is_one_line() -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "earmark.cli", "recipes", "default"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert (done.returncode, done.stderr) == (2, "earmark: No space left on device\n")
