"""Changes by hand: what they change, what they leave, and what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.decisions import OperatingPoint
from earmark.decisions.changes import WORDS, changed, differences
from earmark.decisions.operating_point import ClassPoint
from earmark.errors import ConfigError

LABELS = ("dog", "siren", "*dust*")
probability = st.floats(0, 1, allow_subnormal=False)
words = st.fixed_dictionaries(
    {},
    optional={
        **{name: probability for name in ("tag", "onset", "gate")},
        **{name: st.floats(0, 60, allow_subnormal=False) for name in ("median", "shortest", "gap")},
    },
)
changes = st.dictionaries(st.sampled_from(("*", *LABELS)), words)


@given(changes)
def test_what_is_said_is_what_differs_and_nothing_else(wanted: dict[str, dict[str, float]]) -> None:
    before = OperatingPoint.plain(LABELS)
    after = changed(before, wanted)
    for label in LABELS:
        said = {**wanted.get("*", {}), **wanted.get(label, {})}
        for word, name in WORDS.items():
            value = getattr(after.of(label), name)
            if word in said:
                assert value == said[word]
            elif word == "offset":
                assert value == min(0.5, wanted.get("*", {}).get("onset", 1), wanted.get(label, {}).get("onset", 1))
            else:
                assert value == getattr(before.of(label), name)


@given(changes)
def test_applying_the_differences_gives_the_same_point(wanted: dict[str, dict[str, float]]) -> None:
    before = OperatingPoint.plain(LABELS)
    after = changed(before, wanted)
    again: dict[str, dict[str, float | bool]] = {}
    for label, word, _, value in differences(before, after):
        again.setdefault(label, {})[word] = value
    assert changed(before, again) == after
    assert differences(after, after) == []


def test_a_label_comes_after_all() -> None:
    point = changed(OperatingPoint.plain(LABELS), {"dog": {"onset": 0.9}, "*": {"onset": 0.1}})
    assert [point.of(label).onset for label in LABELS] == [0.9, 0.1, 0.1]


def test_a_gate_may_be_switched_or_set() -> None:
    point = OperatingPoint.plain(LABELS)
    assert changed(point, {"dog": {"gate": True}}).of("dog").gate == 0.5
    assert changed(point, {"dog": {"gate": 0.2}}).of("dog").gate == 0.2


def test_what_is_not_changed_stays_whatever_it_is() -> None:
    odd = ClassPoint(onset=0.8, offset=0.6, pad_onset=1.0, tag_weight=True)
    point = OperatingPoint(method="boxes", best_tag=True, classes={"dog": odd})
    after = changed(point, {"*": {"median": 2}})
    assert after == point.model_copy(update={"classes": {"dog": odd.model_copy(update={"median_seconds": 2.0})}})


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"dgo": {"onset": 0.5}}, r"no label 'dgo' \(did you mean 'dog'\?\)"),
        ({"dog": {"onsett": 0.5}}, r"dog: unknown 'onsett' \(did you mean 'onset'\?\)"),
        ({"dog": {"onset": 1.5}}, r"dog: onset: .* less than or equal to 1"),
        ({"dog": {"median": -1}}, r"dog: median: .* greater than or equal to 0"),
        ({"dog": {"gap": float("nan")}}, r"dog: gap: "),
        ({"dog": {"offset": 0.9}}, r"dog: offset threshold 0.9 is above onset threshold 0.5"),
        ({"*": {"tag": 2}}, r"dog: tag: "),
    ],
)
def test_what_cannot_be_is_refused_with_its_label_and_word(wanted: dict[str, dict[str, float]], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        changed(OperatingPoint.plain(LABELS), wanted)
