"""Recordings handed on in their order, whatever order they are done in; and what dead workers are suspected of."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from earmark.audio.listing import Listing
from earmark.events import Event
from earmark.reporter import Counts
from earmark.runtime.bulk import Account, Decided, Suspects, Task, as_record, of_record, pass_on

DOG = Event(0.0, 1.0, "dog", 0.5)


@pytest.fixture
def listing(tmp_path: Path) -> Listing:
    for name in ("a.wav", "b.wav", "c.wav"):
        (tmp_path / name).touch()
    return Listing([str(tmp_path)], (), None, False)


def backwards(tasks: Iterable[Task]) -> Iterator[tuple[Task, Decided]]:
    """The last first; the second fails."""
    for task in reversed(list(tasks)):
        yield task, Decided(failed="b.wav: no") if task.name == "b.wav" else Decided([DOG], 2.0)


def test_results_come_in_the_order_of_the_inputs_and_failures_are_counted(listing: Listing) -> None:
    seen: list[str] = []
    told: list[Counts] = []
    account = pass_on("detect", listing, backwards, lambda name, items: seen.append(name), follow=told.append)
    assert seen == ["a.wav", "c.wav"]
    assert (account.scored, account.items, account.seconds, account.failed) == (2, 2, 4.0, ["b.wav: no"])
    assert (told[-1].done, told[-1].total, told[-1].failed) == (3, 3, 1)


@pytest.mark.parametrize(
    ("verb", "decided"),
    [
        ("detect", Decided([DOG], 2.0, ("resampled",), "cut short", None, 8_000)),
        ("tag", Decided([("dog", 0.5)], 2.0)),
        ("detect", Decided(failed="b.wav: no")),
    ],
)
def test_a_line_of_a_journal_says_what_was_decided(verb: str, decided: Decided) -> None:
    task = Task(0, "a.wav", "/there/a.wav", 10, 20)
    record = as_record(task, decided)
    assert of_record(verb, record) == decided
    by_record, at_once = Account(), Account()
    by_record.add_record(record)
    at_once.add("a.wav", decided)
    assert by_record == at_once


@pytest.mark.parametrize("count", [1, 2, 7])
def test_the_recording_that_kills_workers_is_found_and_the_others_are_not_blamed(count: int) -> None:
    tasks = [Task(number, f"{number}.wav", f"{number}.wav") for number in range(count)]
    guilty, done, failed = tasks[-1], set(), []
    suspects = Suspects("processes died of it")
    failed += suspects.add(tasks)
    while suspects.groups:
        group = suspects.groups.popleft()
        if guilty in group:
            failed += suspects.add(group)
        else:
            done |= set(group)
    assert done == set(tasks[:-1])
    assert [(task, decided.failed) for task, decided in failed] == [(guilty, f"{guilty.path}: 2 processes died of it")]
