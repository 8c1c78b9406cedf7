"""The one family of errors.

Every error earmark raises on purpose is an `EarmarkError`. Its message is one line: what is wrong, where (file, row or
field), and what was expected or, if it can be guessed, what was meant. The command line prints that
line and nothing else; a traceback means a fault of ours.

`EarmarkError`
    `AudioError`   a recording that cannot be read, or holds nothing usable
        `LevelError`      one whose samples are far beyond full scale
        `FaultError`      a fault of ours, met with one recording: the others are not touched by it
    `DataError`    a table, folder or label file that does not say what it should
    `ConfigError`  a recipe or an option with an unknown key or an impossible value
    `ModelError`   a model directory that is missing, damaged or from another version
    `OutputError`  a place that cannot be written
    `MissingExtraError`  an optional dependency that is not installed
"""

from __future__ import annotations

import difflib
import errno
import logging
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from earmark.processors import may_have_gpu

_LOG = logging.getLogger(__name__)
_CPU_BUILDS = "https://download.pytorch.org/whl/cpu"


_BREAKING = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def one_line(text: str) -> str:
    r"""A message in one line, whatever a name or cell in it contains.

    >>> one_line("two\nlines.wav: is empty")
    'two\\nlines.wav: is empty'
    """
    return _BREAKING.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


class EarmarkError(Exception):
    """Base of all errors raised on purpose; the message is one line for the user."""

    def __str__(self) -> str:
        return one_line(super().__str__())


class AudioError(EarmarkError):
    """A recording that cannot be read or holds nothing usable."""


class LevelError(AudioError):
    """A recording with samples far beyond full scale: damaged, or integers saved as floats."""


class FaultError(AudioError):
    """A fault of earmark, or of a library under it, met with one recording; its cause is what was raised."""


class DataError(EarmarkError):
    """A data set, table or label file that does not say what it should."""


class DivergedError(EarmarkError):
    """A training whose loss or weights are no finite numbers any more."""


class ConfigError(EarmarkError):
    """An option or recipe key that is unknown or has an impossible value."""


class ModelError(EarmarkError):
    """A model directory that is missing, damaged or of another version."""


class OutputError(EarmarkError):
    """A file or folder that cannot be written."""


class MissingExtraError(EarmarkError):
    """An optional dependency that is needed and not installed."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        commands = [f'pip install "earmark[{extra}]"']
        if package == "PyTorch" and not may_have_gpu():  # else pip takes the build that brings gigabytes of CUDA
            commands.insert(0, f"pip install torch --index-url {_CPU_BUILDS}")
        super().__init__(f"{purpose} needs {package}: {' && '.join(commands)}")


@contextmanager
def contained(recording: str) -> Iterator[None]:
    """Whatever is raised within is an error of this recording: `AudioError`, or `FaultError` for a fault of ours.

    >>> with contained("a.wav"):
    ...     [][0]
    Traceback (most recent call last):
        ...
    earmark.errors.FaultError: a.wav: a fault of earmark (IndexError: list index out of range); please report it
    """
    try:
        yield
    except (EarmarkError, StopIteration):
        raise
    except Exception as error:  # noqa: BLE001 - it would cost all other recordings
        fault = recording_error(recording, error)
    else:
        return
    raise fault from fault.__cause__


def recording_error(recording: str, error: Exception) -> EarmarkError:
    """Anything raised while one recording was worked on, as its error; a fault of ours is logged as well."""
    if isinstance(error, EarmarkError):
        return error
    if isinstance(error, OSError):
        made: AudioError = AudioError(f"{recording}: cannot be read ({error.strerror or error})")
    else:
        what = " ".join(f"{type(error).__name__}: {error}".split())
        made = FaultError(f"{recording}: a fault of earmark ({what}); please report it")
        _LOG.debug("%s", made, exc_info=error)
    made.__cause__ = error
    return made


GOES_ON = "what was done so far is kept: free some space, and the same command goes on"
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_LITTLE = 65_536  # bytes left of a disk that libraries without error numbers could not write to


def unwritable(path: str | os.PathLike[str], error: OSError, kept: str = "") -> OutputError:
    """One line on a file that cannot be written; of a full disk, also what is `kept`.

    >>> unwritable("/dev/full", OSError(errno.ENOSPC, "No space left on device")).args[0]
    'cannot write /dev/full: disk full (No space left on device)'
    """
    why = error.strerror or str(error)
    if error.errno in _FULL or (error.errno is None and is_full(path)):
        return OutputError(f"cannot write {path}: disk full ({why})" + (f"; {kept}" if kept else ""))
    return OutputError(f"cannot write {path}: {why}")


def is_full(path: str | os.PathLike[str]) -> bool:
    """Whether nearly nothing more can be written to the disk of a file or folder."""
    try:
        disk = shutil.disk_usage(os.path.dirname(os.path.abspath(path)))
    except OSError:
        return False
    return disk.total > 0 and disk.free < _LITTLE


def counted(number: int, thing: str) -> str:
    """A number of things in words.

    >>> counted(1, "event"), counted(0, "recording")
    ('1 event', '0 recordings')
    """
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A guess at a misspelt word, ready to be appended to a message; empty when nothing is near.

    >>> did_you_mean("filenmae", ["filename", "event_labels"])
    " (did you mean 'filename'?)"
    >>> did_you_mean("zebra", ["filename"])
    ''
    """
    names = list(known)
    folded = {name.casefold(): name for name in names}
    near = difflib.get_close_matches(word.casefold(), folded, n=1, cutoff=0.6)
    return f" (did you mean {folded[near[0]]!r}?)" if near else ""
