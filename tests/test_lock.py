import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from earmark.errors import OutputError
from earmark.lock import Lock

HOLD = """\
import sys, time
from pathlib import Path
from earmark.lock import Lock
with Lock(Path(sys.argv[1]), Path("there")):
    print("held", flush=True)
    time.sleep(60)
"""


def held_by_another(path: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_another_process_is_kept_out_until_the_first_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "state" / "lock"
    first = held_by_another(path)
    with pytest.raises(OutputError, match=rf"there: another run is writing here \(process {first.pid} on .*since "):
        Lock(path, Path("there")).__enter__()
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert path.read_text()  # what a killed process leaves is no obstacle
    with Lock(path, Path("there"), remove=True):
        assert f"process {os.getpid()} on " in path.read_text()
    assert not path.exists()


def test_a_file_that_was_removed_in_between_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import earmark.lock

    real, tried = earmark.lock.lock, []

    def late(file: object) -> bool:
        if not tried:
            (tmp_path / "lock").unlink()  # the run before ends just now
        tried.append(file)
        return real(file)  # type: ignore[arg-type]

    monkeypatch.setattr(earmark.lock, "lock", late)
    with Lock(tmp_path / "lock", tmp_path):
        assert len(tried) == 2
        assert (tmp_path / "lock").is_file()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing is forked here")
def test_forked_children_do_not_hold_it_on(tmp_path: Path) -> None:
    code = (
        "import os, sys, time; from pathlib import Path; from earmark.lock import Lock\n"
        "with Lock(Path(sys.argv[1]), Path('there')):\n"
        "    if os.fork() == 0:\n"
        "        os.close(1); os.close(2); time.sleep(30); os._exit(0)\n"
        "    os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "lock")], capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL
    with Lock(tmp_path / "lock", tmp_path):
        pass


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match=r"cannot write .*file/lock: "):
        Lock(tmp_path / "file" / "lock", tmp_path).__enter__()
