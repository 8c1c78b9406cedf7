from itertools import permutations

import pytest

from earmark.decisions import OperatingPoint, named_point
from earmark.decisions.operating_point import ClassPoint
from earmark.labels import Labels
from earmark.runtime.ensemble import DEFAULT, MEAN, fused_point

LABELS = Labels(["dog", "cat"])


def point(dog: ClassPoint, cat: ClassPoint | None = None, **general: object) -> OperatingPoint:
    return OperatingPoint(classes={"dog": dog, "cat": cat or ClassPoint()}, **general)


def test_numbers_in_which_members_differ_are_averaged_label_by_label() -> None:
    one = point(ClassPoint(tag_threshold=0.2, onset=0.6, offset=0.3, median_seconds=0.4))
    two = point(ClassPoint(tag_threshold=0.3, onset=0.2, offset=0.2, median_seconds=0.2), ClassPoint(onset=0.7))
    fused = fused_point([one, two], LABELS)
    dog, cat = fused.of("dog"), fused.of("cat")
    assert (dog.tag_threshold, dog.onset, dog.offset) == pytest.approx((0.25, 0.4, 0.25))
    assert dog.median_seconds == pytest.approx(0.3)
    assert cat.onset == pytest.approx(0.6)
    assert fused.origin == MEAN


def test_the_order_of_members_changes_no_bit() -> None:
    points = [point(ClassPoint(tag_threshold=value)) for value in (0.1, 0.2, 0.7, 1e-9)]
    assert len({fused_point(order, LABELS).model_dump_json() for order in permutations(points)}) == 1


def test_the_order_of_labels_is_that_of_the_fusion() -> None:
    assert fused_point([point(ClassPoint())], Labels(["cat", "dog"])).labels == ("cat", "dog")


def test_gates_are_averaged_as_the_score_they_ask_for() -> None:
    one = point(ClassPoint(tag_threshold=0.6, tag_gate=True))
    two = point(ClassPoint(tag_threshold=0.6, tag_gate=0.2))
    assert fused_point([one, two], LABELS).of("dog").gate == pytest.approx(0.4)
    assert fused_point([one, one], LABELS).of("dog").tag_gate is True


@pytest.mark.parametrize(
    "other",
    [
        point(ClassPoint(), method="boxes"),
        point(ClassPoint(tag_weight=True)),
        point(ClassPoint(clip_calibration={"kind": "platt", "slope": 2.0, "intercept": 0.1})),
    ],
)
def test_members_that_decide_in_different_ways_decide_by_the_default(other: OperatingPoint) -> None:
    fused = fused_point([point(ClassPoint(tag_threshold=0.1)), other], LABELS)
    assert fused.origin == DEFAULT
    assert fused.of("dog") == named_point("default", LABELS).of("dog")
