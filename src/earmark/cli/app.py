"""The verbs put together, and how errors reach the user."""

from __future__ import annotations

import traceback
from typing import Annotated

import typer

from earmark import __version__
from earmark.cli import demo, detect, doctor, evaluate, recipes, score, tag, train, tune
from earmark.cli.console import NOTHING_DONE
from earmark.errors import EarmarkError

app = typer.Typer(
    name="earmark",
    help="Clips that carry only clip-level tags in; a model out that tags recordings and says when each event "
    "starts and stops.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for verb in (demo, train, tune, tag, detect, evaluate, score, doctor, recipes):
    app.command(name=verb.__name__.rpartition(".")[2])(verb.command)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"earmark {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error (after any verb).")] = False,
) -> None:
    """Hold what applies to every verb."""


def run(arguments: list[str]) -> int:
    """Run one command; returns the exit code."""
    debug = "--debug" in arguments
    try:
        app([argument for argument in arguments if argument != "--debug"])
    except EarmarkError as error:
        if debug:
            traceback.print_exc()
        typer.echo(f"earmark: {error}", err=True)
        return NOTHING_DONE
    except KeyboardInterrupt:
        typer.echo("earmark: stopped", err=True)
        return 130
    except BrokenPipeError:
        return 0
    except SystemExit as leave:
        return leave.code if isinstance(leave.code, int) else int(leave.code is not None)
    return 0
