"""How the bundled model's thresholds are chosen: one for all classes, and more where a class was wrong."""

import sys
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from earmark.clock import Clock
from earmark.decisions import OperatingPoint, decide
from earmark.labels import Labels
from earmark.scores import Scores

ROOT = Path(__file__).parent.parent
LABELS = Labels(["animal", "dog", "music", "rain", "speech"])


@pytest.fixture(scope="module")
def bundled() -> Iterator[Any]:
    """The modules of tools/bundled."""
    sys.path.insert(0, str(ROOT))
    from tools.bundled import choosing, pool, real, table

    yield SimpleNamespace(choosing=choosing, pool=pool, real=real, table=table)
    sys.path.remove(str(ROOT))


def heard(bundled: Any, label: str, name: str = "", seconds: float = 5.0, **scores: float) -> Any:
    """A recording whose clip scores and frame scores are alike, 0 of labels that are not named."""
    clip = np.float32([scores.get(known, 0.0) for known in LABELS])
    frames = np.repeat(clip[None], 10, axis=0)
    recording = bundled.table.Recording(name or f"field/{label}.ogg", label, "held", label, "CC0-1.0", "")
    clock = Clock(Fraction(seconds) / 10)
    return bundled.real.Heard(recording, Scores(recording.filename, LABELS, clip, frames, clock, seconds))


def least(bundled: Any, right: Sequence[float], wrong: Sequence[float], threshold: float) -> float:
    scores = np.float32([*right, *wrong])
    truth = np.array([True] * len(right) + [False] * len(wrong), dtype=bool)
    return float(bundled.choosing.least_score(scores, truth, np.ones(len(scores)), threshold))


def test_a_class_of_which_little_is_known_keeps_the_common_threshold(bundled: Any) -> None:
    assert least(bundled, [], [], 0.5) == 0.5
    assert least(bundled, [0.9], [0.2], 0.5) == 0.5
    assert least(bundled, [], [0.6], 0.5) == 0.5  # once wrong says little


def test_a_class_that_is_often_wrong_needs_more_than_it_had_then(bundled: Any) -> None:
    found = least(bundled, [0.9, 0.95], [0.6] * 8, 0.5)
    assert 0.6 < found < 0.9
    assert least(bundled, [0.9] * 20, [0.6] * 3, 0.5) == 0.5  # far oftener right


def test_a_class_that_is_right_below_the_common_threshold_is_given_there(bundled: Any) -> None:
    assert least(bundled, [0.4] * 4, [0.3], 0.5) == pytest.approx(0.4)
    assert least(bundled, [0.4] * 3, [], 0.5) == 0.5  # too few to say
    assert least(bundled, [0.4] * 6, [0.45] * 6, 0.5) == 0.5  # as often wrong there
    assert least(bundled, [0.1] * 30, [], 0.5) == 0.5  # never at scores that say nothing


def test_a_class_that_many_recordings_hold_and_nothing_tells_apart_is_never_given(bundled: Any) -> None:
    assert least(bundled, [0.1] * 10, [0.2] * 40, 0.5) == 1.0
    assert least(bundled, [0.1] * 9, [0.2] * 40, 0.5) == 0.5
    assert least(bundled, [0.2] * 10, [0.1] * 40, 0.5) == 0.5  # it ranks them well


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.floats(0, 1, width=32), max_size=30),
    st.lists(st.floats(0, 1, width=32), max_size=30),
    st.floats(0.3, 0.9),
)
def test_thresholds_are_probabilities_and_wrong_scores_never_lower_them(
    bundled: Any, right: list[float], wrong: list[float], threshold: float
) -> None:
    found = least(bundled, right, wrong, threshold)
    assert min(bundled.choosing.LOWEST, threshold) <= found <= 1
    more = least(bundled, right, [*wrong, threshold, threshold, threshold], threshold)
    assert found <= bundled.choosing._ABOVE * more  # thresholds lie that much above a score that was wrong


def test_gates_rise_until_music_has_few_wrong_events_and_tags_stay(bundled: Any) -> None:
    plain = [heard(bundled, "music", dog=0.6, music=0.9) for _ in range(4)]
    plain += [heard(bundled, "dog", dog=0.9, animal=0.9) for _ in range(6)]
    base = OperatingPoint.plain(list(LABELS))
    tagged = bundled.choosing.choose_tags(plain, [], base, 0.5, 0.5)
    before = bundled.real.listed(plain[:4], tagged)
    gated = bundled.choosing.gate_events(plain, tagged, 0.5)
    after = bundled.real.listed(plain[:4], gated)
    assert before.wrong_events == pytest.approx(12)
    assert after.wrong_events == 0
    assert before.tags == after.tags
    assert [event.label for event in decide(plain[-1].scores, gated).events] == ["dog"]
    assert gated.of("rain") == tagged.of("rain")


def test_groups_are_tags_without_events(bundled: Any) -> None:
    dog = heard(bundled, "dog", dog=0.4, animal=0.95)
    point = bundled.choosing.choose_tags([dog], [], OperatingPoint.plain(list(LABELS)), 0.5, 0.9)
    decision = decide(dog.scores, point)
    assert [tag for tag, _ in decision.tags] == ["animal"]
    assert decision.events == []
    assert "animal" in dog.right


def test_the_common_threshold_is_the_least_at_which_tags_are_right_often_enough(bundled: Any) -> None:
    clips = [heard(bundled, "dog", f"esc50/{n}.ogg", dog=0.4 + 0.05 * n, animal=0.9) for n in range(10)]
    clips += [heard(bundled, "rain", f"esc50/r{n}.ogg", dog=0.3 + 0.02 * n, rain=0.9) for n in range(10)]
    point, trial = bundled.pool.choose(clips, [], OperatingPoint.plain(list(LABELS)))
    assert trial.clips.precision >= bundled.pool.PROMISED
    below = bundled.choosing.choose_tags(clips, [], OperatingPoint.plain(list(LABELS)), trial.threshold - 0.01, 0.9)
    assert bundled.real.listed(clips, below, groups=False).precision < bundled.pool.PROMISED
    assert bundled.choosing.spoken(point) == list(LABELS)


def test_events_have_one_setting_which_is_the_best_of_all_that_are_compared(bundled: Any) -> None:
    from earmark.data.records import Clip
    from earmark.evaluation.labelled import ScoredClips
    from earmark.events import Event
    from tools.bundled import events

    clips, scores = [], []
    for number in range(4):
        frames = np.zeros((100, len(LABELS)), np.float32)
        frames[20 + number : 60, 1] = 0.35  # a dog from 1 s to 3 s
        frames[40, 1] = 0.0  # with a gap
        frames[80, 1] = 0.35  # and a click that is none
        name = f"{number}.wav"
        clip = np.float32([0, 0.9, 0, 0, 0])
        scores.append(Scores(name, LABELS, clip, frames, Clock(Fraction(1, 20)), 5.0))
        found = [Event(1.0 + number / 20, 3.0, "dog")]
        clips.append(Clip(Path(name), name, ("dog",), tuple(found)))
    scored = ScoredClips(LABELS, tuple(clips), tuple(scores), ())
    point, segments, timed = events.choose_events(scored)
    assert timed == 1.0
    assert segments + timed == max(sum(events.worth(scored, setting)) for setting in events.settings())
    assert len({part.model_dump_json() for label, part in point.classes.items() if label != "animal"}) == 1
    assert point.of("dog").onset <= 0.3
    assert point.of("animal").gate == 1.0


def test_takes_are_ranked_by_their_class_whatever_groups_were_added(bundled: Any) -> None:
    from tools.bundled.candidates import _of_class

    take = heard(bundled, "dog,animal", name="takes/audio/one.wav", dog=0.6, animal=0.9, rain=0.3)
    assert _of_class(take).recording.label == "dog"
    assert bundled.real.ranking([_of_class(take)], ["dog", "music", "rain"])[0] == 1.0
