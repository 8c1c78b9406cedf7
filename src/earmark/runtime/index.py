"""What a journal knows, in little memory."""

from __future__ import annotations

from array import array
from typing import Any

import numpy as np


class Index:
    """Which recordings a journal knows, and where their last lines are: 24 bytes each.

    Names and states are kept as 64-bit hashes.
    """

    def __init__(self) -> None:
        self._names, self._states, self._places = array("q"), array("q"), array("Q")
        self._sorted: tuple[Any, Any, Any] | None = None
        self._used: Any = None

    def add(self, name: str, state: int, place: int) -> None:
        """Note a line; the last of a name holds."""
        self._names.append(hash(name))
        self._states.append(state)
        self._places.append(place)

    def settle(self) -> None:
        """No more lines."""
        names, states = np.frombuffer(self._names, np.int64), np.frombuffer(self._states, np.int64)
        places = np.frombuffer(self._places, np.uint64)
        order = np.argsort(names, kind="stable")
        last = np.append(names[order][1:] != names[order][:-1], True) if len(names) else np.zeros(0, bool)
        order = order[last]
        self._sorted = names[order], states[order], places[order]
        self._used = np.zeros(len(order), bool)

    def find(self, name: str) -> tuple[int, int] | None:
        """State and place of the last line of a name, which then counts as still there."""
        assert self._sorted is not None
        names, states, places = self._sorted
        key = hash(name)
        at = int(names.searchsorted(key))
        if at == len(names) or int(names[at]) != key:
            return None
        self._used[at] = True
        return int(states[at]), int(places[at])

    def rest(self) -> list[int]:
        """Places of the lines that were not asked for."""
        assert self._sorted is not None
        return [int(place) for place in np.sort(self._sorted[2][~self._used])]

    def __len__(self) -> int:
        return 0 if self._sorted is None else len(self._sorted[0])
