"""`earmark` with its peak memory: runs a command line in this process and says what it held at most.

python -m benchmarks.speed.ours.command detect ...
"""

from __future__ import annotations

import sys

from benchmarks.speed.worker import peak

if __name__ == "__main__":
    from earmark.cli.app import run

    code = run(sys.argv[1:])
    print(f"\n{peak()}")
    sys.exit(code)
