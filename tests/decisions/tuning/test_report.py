"""What is reported of a tuning."""

from earmark.decisions.tuning import tune_detection
from tests.decisions.tuning.made import PLAIN


def test_same_seed_same_point_and_a_summary_a_person_can_read(made):
    references, scores = made(recordings=30)
    one, two = (tune_detection(references, scores, grid=PLAIN, seed=3, data="dev") for _ in range(2))
    assert one == two
    assert "on 30 recordings of dev" in one.point.origin
    assert one.report.summary().splitlines()[0].startswith("tuned for segment-f1 (higher is better)")
    assert len(one.report.summary().splitlines()) == 7
