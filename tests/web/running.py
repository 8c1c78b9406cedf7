"""`earmark serve` as a process of its own, for the tests and benchmarks/speed/serve.py."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator

COMMAND = "import sys; from earmark.cli.app import run; sys.exit(run(sys.argv[1:]))"


@contextlib.contextmanager
def running(*words: object, program: str = COMMAND) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process and its address, once it listens; it is ended at the end."""
    command = [sys.executable, "-c", program, "serve", "--port", "0", *map(str, words)]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as process:
        try:
            assert process.stderr is not None
            said = []
            for line in process.stderr:
                said.append(line)
                if found := re.search(r"listening on (http://\S+?)(/\?token=\S+)?$", line.strip()):
                    yield process, found[1]
                    break
            else:
                raise AssertionError("".join(said))
        finally:
            process.terminate()
            try:
                process.wait(120)
            except subprocess.TimeoutExpired:
                process.kill()
