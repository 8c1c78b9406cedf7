"""Problems of one kind are listed up to a few, then counted."""

import pytest

from earmark.problems import Problem, folded


@pytest.mark.parametrize("count", [0, 1, 5, 6])
def test_few_problems_are_all_listed(count: int) -> None:
    """One more than the limit is listed too: the line that counts it would be as long."""
    problems = [Problem("row", f"line {number}", "no labels") for number in range(count)]
    assert folded(problems, "a.csv", most=5) == problems


def test_many_problems_of_a_kind_are_counted_and_other_kinds_are_not_touched() -> None:
    many = [Problem("row", f"line {number}", "no labels") for number in range(9)]
    one = Problem("missing", "line 9", "dog.wav does not exist")
    listed = folded([*many[:4], one, *many[4:]], "a.csv", most=3)
    assert listed[:4] == [*many[:3], one]
    assert [str(problem) for problem in listed[4:]] == ["a.csv: and 6 more of this kind ('row')"]
