"""The model card follows the operating point."""

from earmark.decisions import OperatingPoint
from earmark.decisions.tuning import Tuned, TuningReport
from earmark.evaluation.card import retuned

CARD = """\
# m

- **recipe**: tiny
- **operating point**: tuned long ago

## How well it does

Measured on the validation clips.

| metric | value |
|---|---:|
| mAP | 0.5 |

## Operating point

Applied by default.

| class | tag threshold |
|---|---:|
| dog | 0.100 |
| cat | 0.200 |

## Limits

- It knows the labels above.
"""


def test_a_card_is_brought_up_to_a_new_operating_point() -> None:
    point = OperatingPoint.plain(["dog"]).with_threshold(0.25)
    tuned = Tuned(point, report_of("tagging-f1"))
    card = retuned(CARD, tuned)
    assert "- **operating point**: plain: 0.5 everywhere; threshold 0.25\n" in card
    assert "| dog | 0.250 | 0.250 |" in card
    assert "cat" not in card
    assert "| mAP | 0.5 |" in card
    assert "Measured on the validation clips. The operating point was changed afterwards" in card
    assert card.endswith("\n\n## Limits\n\n- It knows the labels above.\n")
    assert "tuned for tagging-f1" in card
    assert retuned(card, tuned) == card


def test_a_card_of_another_make_is_left_alone() -> None:
    tuned = Tuned(OperatingPoint.plain(["dog"]), report_of("segment-f1"))
    assert retuned("# Our model\n\nAsk Ann.\n", tuned) == "# Our model\n\nAsk Ann.\n"


def report_of(objective: str) -> TuningReport:
    return TuningReport(objective, False, 16, 5, 0, 8.0, {}, {"dog": 4})
