"""Places and threads: how many run, how many wait, who is refused, and what becomes of those that leave."""

import asyncio
import threading
import time
from collections.abc import Callable

import pytest

from earmark.web.work import BusyError, SlowError, Work


def sleeper(seconds: float, running: list[int] | None = None) -> Callable[[threading.Event], float]:
    def job(stop: threading.Event) -> float:
        if running is not None:
            running.append(running[-1] + 1)
        stop.wait(seconds)
        if running is not None:
            running.append(running[-1] - 1)
        return seconds

    return job


def test_no_more_run_than_may_and_all_are_answered() -> None:
    running = [0]

    async def go() -> list[float]:
        work = Work(2, 100)
        found = await asyncio.gather(*(work.run(sleeper(0.01 + number / 1e6, running)) for number in range(20)))
        work.close()
        return found

    assert asyncio.run(go()) == [0.01 + number / 1e6 for number in range(20)]
    assert max(running) == 2


def test_what_is_beyond_the_queue_is_refused_with_a_time_to_come_back() -> None:
    work = Work(1, 2)
    with work.place(), work.place(), work.place():
        with pytest.raises(BusyError) as refused, work.place():
            pass
        assert 1 <= refused.value.seconds <= 60
    with work.place():
        assert work.taken == 1


def test_one_that_leaves_while_it_waits_never_runs_and_frees_its_place() -> None:
    ran = []

    async def go() -> None:
        work = Work(1, 5)
        first = asyncio.create_task(work.run(sleeper(0.2)))
        await asyncio.sleep(0.05)
        second = asyncio.create_task(work.run(ran.append))
        await asyncio.sleep(0.05)
        second.cancel()
        await first
        await asyncio.sleep(0.05)
        assert work.running == 0
        work.close()

    asyncio.run(go())
    assert ran == []


def test_one_that_leaves_while_it_runs_is_told_to_stop() -> None:
    async def go() -> float:
        work = Work(1, 5)
        task = asyncio.create_task(work.run(sleeper(30)))
        await asyncio.sleep(0.05)
        began = time.perf_counter()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await work.run(sleeper(0.001)) == 0.001
        work.close()
        return time.perf_counter() - began

    assert asyncio.run(go()) < 25  # the one that left would have taken 30 s


def test_one_that_takes_too_long_is_stopped() -> None:
    async def go() -> None:
        work = Work(1, 5)
        with pytest.raises(SlowError, match="longer than 0 s"):
            await work.run(sleeper(30), 0.05)
        assert work.running == 0
        work.close()

    asyncio.run(go())


def test_jobs_without_a_place_leave_a_thread_to_the_others() -> None:
    async def go() -> float:
        work = Work(2, 5)
        aside = [asyncio.create_task(work.run_aside(sleeper(30))) for _ in range(3)]
        await asyncio.sleep(0.1)
        assert (work.running, work.queue) == (1, 2)
        began = time.perf_counter()
        with work.place():
            await work.run(sleeper(0.01))
        took = time.perf_counter() - began
        for task in aside:
            task.cancel()
        await asyncio.gather(*aside, return_exceptions=True)
        assert (work.running, work.queue) == (0, 0)
        work.close()
        return took

    assert asyncio.run(go()) < 25  # those without a place take 30 s


def test_an_error_of_a_job_reaches_its_caller() -> None:
    def fail(stop: threading.Event) -> None:
        raise TimeoutError("of the job itself")

    async def go() -> None:
        work = Work(1, 0)
        with pytest.raises(TimeoutError, match="of the job itself"):
            await work.run(fail, 10)
        work.close()

    asyncio.run(go())
