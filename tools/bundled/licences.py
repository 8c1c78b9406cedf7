"""Which licences let a model made of a recording be passed on under any terms.

The public domain (the Unlicense among it), CC0 and CC BY of any version (with attribution), Apache 2.0, MIT and BSD.
Not those that forbid commercial use (NC), bind what is made of the recording to their own terms (SA), or allow sampling
only (Sampling+). What stands in brackets says who granted it: `CC-BY-3.0 (archive.org item ...)` is CC BY,
`CC-BY-NC-3.0 (dataset)` is not.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

_ALLOWED = re.compile(
    r"(CC0(-1\.0)?|CC-BY(-\d\.\d)?|Public-Domain|Unlicense|Apache-2\.0|MIT|BSD-3-Clause)( \([^()]*\))?"
)


def allowed(licence: str) -> bool:
    """Whether a recording of this licence may be learnt from.

    >>> allowed("CC-BY-3.0 (archive.org item)"), allowed("CC-BY-NC-3.0"), allowed("CC-BY-SA-4.0"), allowed("")
    (True, False, False, False)
    """
    return _ALLOWED.fullmatch(licence.strip()) is not None


def told(licences: Iterable[str]) -> list[str]:
    """A line for each licence: how many recordings, kept or dropped; kept ones first, the commonest first.

    >>> told(["CC0-1.0", "CC0-1.0", "CC-Sampling+"])
    ['    2 kept     CC0-1.0', '    1 dropped  CC-Sampling+']
    """
    counts = Counter(licences)
    order = sorted(counts, key=lambda name: (not allowed(name), -counts[name], name))
    return [f"{counts[name]:5d} {'kept' if allowed(name) else 'dropped':8s} {name}" for name in order]
