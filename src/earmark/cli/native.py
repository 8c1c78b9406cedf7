"""Messages that libraries in C write past Python: kept from the user.

libsndfile's mp3 decoder, say, writes a line to the C stderr for each frame it does not like, without the name of the
file; earmark itself reports what is wrong with a file, once. A crash within such a library is still reported:
faulthandler writes to the stderr that the user sees.
"""

from __future__ import annotations

import faulthandler
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_STDERR = 2


@contextmanager
def without_native_messages(wanted: bool = True) -> Iterator[None]:
    """Let only Python write to stderr; nothing is done where `sys.stderr` is not the process's own."""
    try:
        own = sys.stderr.fileno() == _STDERR
    except (io.UnsupportedOperation, AttributeError, ValueError):
        own = False
    if not wanted or not own:
        yield
        return
    sys.stderr.flush()
    before, kept = sys.stderr, os.dup(_STDERR)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    with open(kept, "w", buffering=1, encoding=before.encoding, errors=before.errors) as visible:
        try:
            os.dup2(nowhere, _STDERR)
            sys.stderr = visible
            ours = not faulthandler.is_enabled()
            if ours:
                faulthandler.enable(file=visible)
            yield
        finally:
            if ours:
                faulthandler.disable()
            sys.stderr = before
            visible.flush()
            os.dup2(kept, _STDERR)
            os.close(nowhere)
