"""What `detect` and `tag` do: one call, results on stdout line by line as they come, and how they end.

At the end they say what was found and written, where the time went, and what failed; the exit code follows.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Unpack

from earmark import api
from earmark.cli.console import NOTHING_DONE, OK, SOME_FAILED, BarReporter, Terminal, printable
from earmark.errors import OutputError, counted
from earmark.formats.outputs import encoding_of
from earmark.runtime.scorer import Scorer
from earmark.stopwatch import ASIDE, Stage, Stopwatch


def run(
    verb: Literal["detect", "tag"],
    *,
    inputs: list[str],
    quiet: bool,
    scores: Path | None = None,
    report: Path | None = None,
    shown: int = 30,
    sounds: bool = True,
    **options: Unpack[api.BulkOptions],
) -> int:
    """Everything that the command does but reading its arguments; the exit code."""
    terminal = Terminal(quiet)
    output = options.get("output")
    printed = Printed(verb, options["formats"][0]) if output is None else None
    with BarReporter(terminal) as reporter:
        options["reporter"], options["sink"] = reporter, printed
        found: api.Detected | api.Tagged
        if verb == "detect":
            found = api.detect(inputs, scores=scores, report=report, shown=shown, sounds=sounds, **options)
        else:
            found = api.tag(inputs, **options)
    if printed is not None:
        printed.end()
    say_written(terminal, found, output)
    if isinstance(found, api.Detected) and found.report is not None:
        terminal.say(f"wrote {found.report}")
    return finish(terminal, found, "event" if verb == "detect" else "tag")


class Printed:
    """Prints recording after recording in a format that is one file for all. A sink of `earmark.api.detect`."""

    def __init__(self, verb: str, form: str) -> None:
        self.verb, self.form = verb, form
        self._begun = False

    def __call__(self, name: str, items: Sequence[Any]) -> None:
        """Print the lines of a recording."""
        encoding = encoding_of(self.verb, self.form)
        text = (encoding.between if self._begun else encoding.header) + encoding.encode(name, items, None)
        self._begun = True
        _print(text)

    def end(self) -> None:
        """No more comes."""
        if self._begun:
            _print(encoding_of(self.verb, self.form).footer)


def _print(text: str) -> None:
    if sys.stdout.isatty():
        text = "\n".join(printable(line.rstrip("\r"), "\t") for line in text.split("\n"))
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(f"cannot write to stdout: {error.strerror or error}") from error


def say_written(terminal: Terminal, found: api.Found | api.Merged, folder: object) -> None:
    """Which files were written; many are counted."""
    paths = found.written
    if len(paths) + found.tracks > 5:
        terminal.say(f"wrote {counted(len(paths) + found.tracks, 'file')} into {folder}")
        return
    for path in paths:
        terminal.say(f"wrote {path}")
    if found.tracks:
        terminal.say(f"wrote {counted(found.tracks, 'label track')} into {folder}")


def finish(terminal: Terminal, found: api.Found, what: str) -> int:
    """Say how much was found, where the time went if that was asked for, and list what failed; the exit code."""
    account, scorer = found.account, found.tagger.scorer
    if account.scored:
        recordings = counted(account.scored, "recording")
        terminal.say(f"{counted(account.items, what)} in {recordings} ({scorer.arithmetic})")
    if found.watch is not None:
        for line in profile_lines(found.watch, scorer, account.scored, account.seconds):
            terminal.err.print(line, markup=False)  # asked for, so printed even when quiet
    for line in found.notices:
        terminal.say(line)
    terminal.faults(account.partial, "recordings that could be read only in part")
    terminal.faults(account.failed, "recordings that could not be used")
    if found.complete:
        return OK
    return SOME_FAILED if account.scored else NOTHING_DONE


MEANINGS: dict[Stage, str] = {
    "load": "libraries and model",
    "decode": "reading, decoding and resampling, in a separate thread",
    "wait": "for decoding",
    "features": "",
    "model": "",
    "decide": "",
    "write": "",
}


def profile_lines(watch: Stopwatch, scorer: Scorer, recordings: int, audio: float) -> list[str]:
    """Seconds and share of each stage, and the speed for this number of recordings with `audio` seconds in all.

    All shares but that of decoding, which runs beside the others, add up to 100 %.
    """
    total = watch.total()
    spent = {stage: watch.seconds.get(stage, 0.0) for stage in MEANINGS}
    rest = total - sum(seconds for stage, seconds in spent.items() if stage != ASIDE)
    torch = sys.modules.get("torch")
    threads = f", {counted(torch.get_num_threads(), 'thread')}" if torch and scorer.arithmetic.startswith("cpu") else ""
    listening = total - spent["load"]
    return [
        f"where the {total:.2f} s went ({scorer.arithmetic}{threads}):",
        *(_line(stage, seconds, total, MEANINGS[stage]) for stage, seconds in spent.items()),
        _line("rest", rest, total, "finding files and joining results"),
        f"after loading, {recordings / listening:.3g} recordings and {audio / listening:.4g} s of audio per second "
        f"({counted(recordings, 'recording')}, {audio:.1f} s)",
    ]


def _line(name: str, seconds: float, total: float, meaning: str) -> str:
    return f"  {name:<8} {seconds:9.3f} s {100 * seconds / total:5.1f} %  {meaning}".rstrip()
