import os
import subprocess
import sys

import pytest

from earmark.processors import ONE_THREAD, has_bf16, processors

ASK = "from earmark.processors import processors; print(processors())"


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system binds no process to processors")
def test_only_processors_that_the_process_may_use_count() -> None:
    own = os.sched_getaffinity(0)
    assert processors() == len(own)
    bound = f"import os; os.sched_setaffinity(0, {{{min(own)}}}); {ASK}"
    assert subprocess.run([sys.executable, "-c", bound], capture_output=True, text=True, check=True).stdout == "1\n"


def test_a_process_begun_with_one_thread_multiplies_in_one() -> None:
    ask = "import os; import numpy as np; a = np.ones((600, 600)); a @ a; print(len(os.listdir('/proc/self/task')))"
    if not os.path.isdir("/proc/self/task"):
        pytest.skip("this system does not list the threads of a process")
    environment = {**os.environ, **ONE_THREAD}
    ran = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True, env=environment)
    assert ran.stdout == "1\n"


def test_pytorch_says_the_same_of_bf16() -> None:
    devices = pytest.importorskip("earmark.devices")
    theirs = devices._has_bf16()
    if theirs is None or has_bf16() is None:
        pytest.skip("not everybody says so of this processor")
    assert has_bf16() == theirs
