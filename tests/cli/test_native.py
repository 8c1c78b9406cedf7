import subprocess
import sys

CODE = """
import ctypes, os, sys
from earmark.cli.native import without_native_messages
def told(where):
    os.write(2, f"native {where}\\n".encode())
    print("python", where, file=sys.stderr)
with without_native_messages(%s):
    told("within")
    if len(sys.argv) > 1:
        ctypes.string_at(0)
told("after")
"""


def stderr_of(code: str, *arguments: str) -> str:
    return subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True).stderr


def test_only_python_is_heard_within() -> None:
    assert stderr_of(CODE % True) == "python within\nnative after\npython after\n"


def test_nothing_is_kept_back_unless_asked_for() -> None:
    assert stderr_of(CODE % False) == "native within\npython within\nnative after\npython after\n"


def test_a_crash_is_told_all_the_same() -> None:
    told = stderr_of(CODE % True, "crash")
    assert "Segmentation fault" in told
    assert "string_at" in told
