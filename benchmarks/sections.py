"""What the benchmarks share: sections of a page in docs/, each replaced by the program that prints it."""

from __future__ import annotations

import datetime
import os
import pathlib
import platform
from collections.abc import Sequence

import numpy as np
import torch

import earmark
from earmark.files import write_text

DOCS = pathlib.Path(__file__).parent.parent / "docs"


def replace_section(page: str, name: str, text: str, title: str) -> None:
    """Put `text` between the marks of section `name` of docs/`page`; append the section where there is none."""
    path = DOCS / page
    old = path.read_text(encoding="utf-8") if path.is_file() else f"{title}\n\nPrinted by programs; not typed.\n"
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    section = f"{begin}\n{text.strip()}\n{end}"
    if begin in old:
        before, _, rest = old.partition(begin)
        new = before + section + rest.partition(end)[2]
    else:
        new = f"{old.rstrip()}\n\n{section}\n"
    write_text(path, new)


def mean_and_range(values: Sequence[float]) -> str:
    """Mean over seeds, plus or minus half the range where there are several."""
    return f"{np.mean(values):.3f}" + (f" ± {np.ptp(values) / 2:.3f}" if len(values) > 1 else "")


def machine() -> str:
    """The machine, versions and date, in a sentence or two."""
    return (
        f"Machine: {os.cpu_count()} cores, {processor()}, shared with other work; Python {platform.python_version()}, "
        f"torch {torch.__version__}, earmark {earmark.__version__}; {datetime.date.today().isoformat()}."
    )


def processor() -> str:
    """Name of the processor."""
    info = pathlib.Path("/proc/cpuinfo")
    for line in info.read_text().splitlines() if info.is_file() else []:
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
