"""The far end of `timing.Worker`: a process that makes one side of a comparison and does its jobs when told.

    python -m benchmarks.speed.worker MODULE:FUNCTION '{"option": 1}'

FUNCTION returns the side's jobs by name. Each line of JSON that comes in names a job and what it is given; one line
goes out: seconds, processor seconds, what the job returned. Nothing but the standard library is needed here, so that
the interpreter may be that of any environment.
"""

from __future__ import annotations

import importlib
import json
import os
import pathlib
import resource
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any, TextIO

Jobs = dict[str, Callable[..., Any]]


def main() -> None:
    target, options = sys.argv[1], json.loads(sys.argv[2])
    channel = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print must not come between the answers
    module, _, function = target.partition(":")
    try:
        jobs: Jobs = getattr(importlib.import_module(module), function)(**options)
    except ModuleNotFoundError as error:
        _tell(channel, {"missing": error.name})
        return
    _tell(channel, {"ready": sorted(jobs), "memory": held()})
    for line in sys.stdin:
        asked = json.loads(line)
        _tell(channel, _do(jobs, asked["job"], asked["given"]))


def _do(jobs: Jobs, name: str, given: list[Any]) -> dict[str, Any]:
    begin, spent = time.perf_counter(), time.process_time()
    try:
        result = jobs[name](*given)
    except Exception:  # noqa: BLE001 - told to whoever asked, who stops
        return {"failed": traceback.format_exc()}
    return {
        "seconds": time.perf_counter() - begin,
        "processor": time.process_time() - spent,
        "result": result,
        "peak": peak(),
    }


def _tell(channel: TextIO, answer: dict[str, Any]) -> None:
    channel.write(json.dumps(answer) + "\n")
    channel.flush()


def peak() -> float:
    """MB that this process held at most. `ru_maxrss` may count what its parent held: second choice."""
    return _status("VmHWM") or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def held() -> float:
    """MB that this process holds now."""
    return _status("VmRSS") or peak()


def _status(name: str) -> float | None:
    path = pathlib.Path("/proc/self/status")
    for line in path.read_text().splitlines() if path.is_file() else []:
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) / 1024
    return None


if __name__ == "__main__":
    main()
