"""Counts of a run say how long the rest takes."""

import pytest

from earmark.reporter import QUIET, Counts


def test_the_time_left_follows_the_pace_of_this_run_alone() -> None:
    counts = Counts(done=30, before=60, failed=1, total=100, seconds=300.0, elapsed=15.0)
    assert counts.left == pytest.approx(5.0)  # ten recordings at two a second


@pytest.mark.parametrize(("done", "total"), [(0, 100), (30, None)])
def test_without_a_pace_or_a_total_the_time_left_is_not_known(done: int, total: int | None) -> None:
    assert Counts(done=done, before=0, failed=0, total=total, seconds=0.0, elapsed=1.0).left is None


def test_no_time_is_left_where_more_was_done_than_there_is() -> None:
    assert Counts(done=60, before=60, failed=0, total=100, seconds=0.0, elapsed=1.0).left == 0


def test_the_quiet_reporter_asks_for_no_progress(capsys: pytest.CaptureFixture[str]) -> None:
    QUIET.say("a word")
    assert QUIET.stage("scoring") is None
    assert QUIET.counts("scoring") is None
    assert QUIET.callbacks() == []
    assert capsys.readouterr() == ("", "")
