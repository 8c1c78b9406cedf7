"""Label names and their order: a `Labels` maps names to columns and tags to multi-hot rows.

Names are kept exactly as written (case, spaces within, commas); what looks like two spellings of one name is
for `earmark doctor` to point out, not for this module to repair.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

from earmark.errors import DataError, did_you_mean


class Labels:
    """An ordered set of label names.

    >>> labels = Labels(["siren", "dog"])
    >>> labels.index("dog"), labels.encode(["dog"]).tolist(), list(labels)
    (1, [False, True], ['siren', 'dog'])
    """

    def __init__(self, names: Iterable[str]) -> None:
        self.names = tuple(names)
        self._columns = {name: column for column, name in enumerate(self.names)}
        if len(self._columns) != len(self.names):
            repeated = sorted({name for name in self.names if self.names.count(name) > 1})
            raise DataError(f"labels named more than once: {repeated}")

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __contains__(self, name: object) -> bool:
        return name in self._columns

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Labels) and other.names == self.names

    def __hash__(self) -> int:
        return hash(self.names)

    def __repr__(self) -> str:
        return f"Labels({list(self.names)!r})"

    def index(self, name: str) -> int:
        """Column of a label; `DataError` with a guess when it is unknown."""
        if name not in self._columns:
            raise DataError(f"unknown label {name!r}{did_you_mean(name, self.names)}")
        return self._columns[name]

    def encode(self, names: Iterable[str]) -> npt.NDArray[np.bool_]:
        """Multi-hot row (classes,) of a clip's tags; `DataError` when one is unknown."""
        row = np.zeros(len(self), dtype=np.bool_)
        for name in names:
            row[self.index(name)] = True
        return row
