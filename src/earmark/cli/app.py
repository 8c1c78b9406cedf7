"""The verbs put together, and how errors reach the user."""

from __future__ import annotations

import copy
import importlib.util
import io
import logging
import os
import sys
import traceback
from pathlib import Path
from typing import Annotated

import typer

from earmark import __version__
from earmark.cli import (
    card,
    clips,
    demo,
    detect,
    doctor,
    embed,
    evaluate,
    export,
    fuse,
    import_,
    import_panns,
    listen,
    merge,
    push,
    recipes,
    reproduce,
    review,
    score,
    serve,
    similar,
    synth,
    tag,
    train,
    tune,
)
from earmark.cli.console import NOTHING_DONE, printable
from earmark.cli.native import without_native_messages
from earmark.errors import EarmarkError, MissingExtraError

INTERRUPTED, TERMINATED = 130, 143  # 128 and the number of the signal
_EXTRAS = {  # package and extra of a module
    **{"torch": ("PyTorch", "torch"), "yaml": ("PyYAML", "torch"), "lightning": ("lightning", "train")},
    **{name: (name, "torch") for name in ("safetensors", "pooch", "requests")},
    **{name: (name, "web") for name in ("fastapi", "starlette", "uvicorn", "python_multipart", "prometheus_client")},
}
_FURTHER = {**dict.fromkeys(("train", "demo", "reproduce"), "train"), "export": "export"}  # verbs: more than PyTorch
RESUMING = ("train", "demo", "reproduce", "synth", "detect", "tag", "embed")  # verbs that go on where they were stopped
UsageError = typer.BadParameter.__base__  # whichever library typer takes it from

app = typer.Typer(
    name="earmark",
    help="Learn from clips that carry only tags; tag recordings and find when each event starts and stops.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for verb in (
    *(demo, train, fuse, tune, tag, detect, listen, merge, clips, evaluate, score),
    *(embed, similar, serve, review, doctor, synth, card, export, push, recipes, reproduce, import_, import_panns),
):
    app.command(name=verb.__name__.rpartition(".")[2].rstrip("_").replace("_", "-"))(verb.command)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"earmark {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an error (may follow any command).")
    ] = False,
    plugin: Annotated[
        list[Path], typer.Option("--plugin", help="Python file that registers plugins (may follow any command).")
    ] = [],  # noqa: B006 - the command line's default, never changed
) -> None:
    """Hold what applies to every verb."""


def run(arguments: list[str]) -> int:
    """Run one command; returns the exit code."""
    debug = "--debug" in arguments
    rest, plugin_files = _without_plugins([argument for argument in arguments if argument != "--debug"])
    if not rest:
        rest = ["--help"]
    verb = next((argument for argument in rest if not argument.startswith("-")), "")
    if debug:
        logging.basicConfig(format="%(message)s")
        logging.getLogger("earmark").setLevel(logging.DEBUG)  # faults met with single recordings, with their tracebacks
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # names are written with the bytes that they have on disk
            stream.reconfigure(errors="backslashreplace" if stream is sys.stderr else "surrogateescape")
    try:
        # Further processes inherit the stderr of this one: theirs would be lost with it.
        alone = not any(argument.startswith("--processes") for argument in rest)
        with without_native_messages(alone and not debug):
            if plugin_files:
                from earmark import plugins

                for file in plugin_files:
                    plugins.load_file(Path(file))
            code = _run(rest, verb)
            sys.stdout.flush()
    except (EarmarkError, OSError) as error:
        return _fail(error, debug)
    except ModuleNotFoundError as error:
        if error.name not in _EXTRAS:
            raise
        return _fail(MissingExtraError(*_extra(error.name, verb), f"'earmark {verb}'"), debug)
    if code in (INTERRUPTED, TERMINATED):
        same = "the same command" + (" without --overwrite" if "--overwrite" in rest else "")
        again = f"; {same} continues where it stopped" if _resumes(verb, rest) else ""
        typer.echo(f"earmark: stopped{again}", err=True)
    return code


def _without_plugins(arguments: list[str]) -> tuple[list[str], list[str]]:
    """The arguments without `--plugin FILE`, which may stand after any verb, and those files.

    >>> _without_plugins(["train", "data", "--plugin", "my.py", "--plugin=other.py", "-o", "m"])
    (['train', 'data', '-o', 'm'], ['my.py', 'other.py'])
    """
    rest: list[str] = []
    files: list[str] = []
    waiting = iter(arguments)
    for argument in waiting:
        if argument == "--plugin":
            files.append(next(waiting, ""))
        elif argument.startswith("--plugin="):
            files.append(argument.removeprefix("--plugin="))
        else:
            rest.append(argument)
    return rest, files


def _resumes(verb: str, rest: list[str]) -> bool:
    """Whether the same command goes on: `tag` and `detect` do where they write into files."""
    written = any(word.startswith(("-o", "--output")) for word in rest)
    return verb in RESUMING and (written or verb not in ("detect", "tag"))


def _run(arguments: list[str], verb: str) -> int:
    try:
        code = _with(verb)(arguments, prog_name="earmark", standalone_mode=False)
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except SystemExit as leave:
        if isinstance(leave.__context__, BrokenPipeError):  # the reader of our output has had enough
            return 0
        return leave.code if isinstance(leave.code, int) else int(leave.code is not None)
    except UsageError as error:  # type: ignore[misc]  # typer names only its children
        typer.echo(f"earmark: {printable(_usage(error))}", err=True)
        return NOTHING_DONE
    return code if isinstance(code, int) else 0


def _with(verb: str) -> typer.Typer:
    """The program with one of its verbs, as building the options of all takes a megabyte; whole for any other word."""
    wanted = [command for command in app.registered_commands if command.name == verb]
    if not wanted:
        return app
    one = copy.copy(app)
    one.registered_commands = wanted
    return one


def _extra(module: str, verb: str) -> tuple[str, str]:
    package, extra = _EXTRAS[module]
    if extra in ("torch", "train") and importlib.util.find_spec("torch") is None:
        package = "PyTorch"  # whatever was asked for first
    return package, _FURTHER.get(verb, extra)


def _usage(error: Exception) -> str:
    """One line on a command that cannot be understood, and where to read on."""
    context = getattr(error, "ctx", None)
    message = str(getattr(error, "format_message", error.__str__)()).rstrip(".").removeprefix("Error: ")
    where = getattr(context, "command_path", "earmark")
    return f"{' '.join(message.split())}; see '{where} --help'"


def _fail(error: EarmarkError | OSError, debug: bool) -> int:
    if debug:
        traceback.print_exc()
    if isinstance(error, BrokenPipeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    message = str(error)
    if isinstance(error, OSError):
        message = f"{error.filename}: {error.strerror}" if error.filename else error.strerror or message
    typer.echo(f"earmark: {printable(message)}", err=True)
    return NOTHING_DONE
