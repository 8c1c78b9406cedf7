"""`earmark` with its peak memory: runs a command line in this process and says what it held at most.

python benchmarks/ours/command.py detect ...
"""

from __future__ import annotations

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))

from worker import peak

if __name__ == "__main__":
    from earmark.cli.app import run

    code = run(sys.argv[1:])
    print(f"\n{peak()}")
    sys.exit(code)
