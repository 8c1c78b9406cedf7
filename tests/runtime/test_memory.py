"""Large buffers go back to the system when they are freed."""

import subprocess
import sys

import pytest

from earmark.runtime.memory import give_back_at_once

PROGRAM = """
import sys
import numpy as np
from earmark.runtime.memory import give_back_at_once

def held():
    return int(open("/proc/self/statm").read().split()[1]) * 4096

if sys.argv[1] == "tuned":
    assert give_back_at_once()
buffers = [np.ones(2**21, np.uint8) for _ in range(40)]  # a free of 33 MB teaches glibc to keep what is smaller
del buffers
np.ones(2**25, np.uint8)
buffers = [np.ones(2**21, np.uint8) for _ in range(40)]
before = held()
del buffers[:-1]
print((before - held()) // 2**20)
"""


@pytest.mark.skipif(not give_back_at_once(), reason="only glibc on Linux can be told")
def test_what_is_freed_is_given_back_even_under_what_is_kept() -> None:
    def freed(how: str) -> int:
        done = subprocess.run([sys.executable, "-c", PROGRAM, how], capture_output=True, text=True, check=True)
        return int(done.stdout)

    assert freed("tuned") >= 70 > freed("plain")  # MB, of 78
