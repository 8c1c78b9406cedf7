"""What is reported of a tuning."""

from dataclasses import replace

from earmark.decisions.tuning import ThresholdGrid, tune_detection

SMALL = ThresholdGrid(
    median_seconds=(0.0, 0.5),
    min_duration_off=(0.0, 0.3),
    min_duration_on=(0.0, 0.3),
    offset_share=(1.0,),
    tag_gate=(False,),
)
PLAIN = replace(SMALL, median_seconds=(0.0,), min_duration_off=(0.0,), min_duration_on=(0.0,))


def test_same_seed_same_point_and_a_summary_a_person_can_read(made):
    references, scores = made(recordings=30)
    one, two = (tune_detection(references, scores, grid=PLAIN, seed=3, data="dev") for _ in range(2))
    assert one == two
    assert "on 30 recordings of dev" in one.point.origin
    assert one.report.summary().splitlines()[0].startswith("tuned for segment-f1 (higher is better)")
    assert len(one.report.summary().splitlines()) == 7
