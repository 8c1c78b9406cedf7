"""Time is measured where it passes."""

import time
from collections.abc import Generator

import pytest

from earmark.stopwatch import Stopwatch, each, stage

NAP = 0.02  # seconds


def naps(count: int) -> Generator[int, None, str]:
    for number in range(count):
        time.sleep(NAP)
        yield number
    time.sleep(NAP)
    return "the end"


def test_making_an_item_is_measured_and_using_it_is_not() -> None:
    watch = Stopwatch()

    def taken() -> Generator[int, None, str]:
        return (yield from each(watch, "decode", naps(3)))

    running = taken()
    for expected in range(3):
        assert next(running) == expected
        time.sleep(3 * NAP)
    with pytest.raises(StopIteration) as end:
        next(running)
    assert end.value.value == "the end"
    assert 4 * NAP <= watch.seconds["decode"] < watch.total() - 8 * NAP


def test_a_stage_that_fails_is_measured_too() -> None:
    watch = Stopwatch()
    began = time.perf_counter()
    with pytest.raises(StopIteration), stage(watch, "decide"):
        next(iter(()))
    assert watch.seconds.keys() == {"decide"}
    assert 0 < watch.seconds["decide"] < time.perf_counter() - began
