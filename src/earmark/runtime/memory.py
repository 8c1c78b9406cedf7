"""How the C library gives memory back, for a process that is soon done.

glibc keeps what was freed for the next request, which makes long jobs faster: buffers of a layer need not be mapped
anew. A process that scores a few windows is as fast without, and ends a tenth smaller.
"""

from __future__ import annotations

import ctypes
import platform

_MMAP_THRESHOLD, _TRIM_THRESHOLD = -3, -1  # glibc's names for these settings, from malloc.h
_LARGE = 2**17  # bytes of a buffer that is mapped by itself, and unmapped when it is freed


def give_back_at_once() -> bool:
    """Return large buffers to the system as soon as they are freed. Whether it was done: Linux with glibc only."""
    if platform.system() != "Linux" or platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL("libc.so.6").mallopt
    return bool(mallopt(_MMAP_THRESHOLD, _LARGE) == 1 and mallopt(_TRIM_THRESHOLD, _LARGE) == 1)
