"""A review: kept at once, gone on with, taken back step by step; and the tables that come of it."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from earmark.errors import ConfigError, DataError, OutputError
from earmark.events import Event
from earmark.runtime.review import Review
from tests.runtime.reviewed import EVENTS, ids


def state(review):
    return {item.id: item for item in review.items.values()}, review.undoable


def test_a_review_goes_on_where_it_was_left(results):
    with Review.open(results) as review:
        cat, dog, low = ids(review)
        review.judge(dog, "confirmed")
        review.judge(cat, "rejected")
        review.correct(low, 1.1, 1.9)
        review.add("c.wav", 0.25, 0.75, "bird")
        before = state(review)
    with Review.open(results) as review:
        assert state(review) == before
        rows = review.progress()
        assert [(row.label, row.total, row.confirmed, row.rejected, row.added, row.left) for row in rows] == [
            ("bird", 0, 0, 0, 1, 0), ("cat", 1, 0, 1, 0, 0), ("dog", 2, 2, 0, 0, 0),
        ]  # fmt: skip
        assert review.results() == {
            "a.wav": [EVENTS["a.wav"][0]], "sub/b.wav": [Event(1.1, 1.9, "dog", 0.3)],
            "c.wav": [Event(0.25, 0.75, "bird", None)],
        }  # fmt: skip


def test_every_verdict_is_on_disk_before_the_next(results):
    with Review.open(results) as review:
        [cat] = ids(review, "cat")
        for count, verdict in enumerate(["confirmed", "rejected", "unsure"], 2):
            review.judge(cat, verdict)
            lines = (results / "review.jsonl").read_text().splitlines()
            assert len(lines) == count
            assert json.loads(lines[-1]) == {"do": "judge", "id": cat, "verdict": verdict}


def test_a_log_that_was_cut_in_a_line_costs_only_that_line(results):
    with Review.open(results) as review:
        cat, dog, _ = ids(review)
        review.judge(dog, "confirmed")
        review.judge(cat, "rejected")
    log = results / "review.jsonl"
    log.write_bytes(log.read_bytes()[:-5])
    with Review.open(results) as review:
        assert review.items[dog].verdict == "confirmed"
        assert review.items[cat].verdict is None
        review.judge(cat, "unsure")
    with Review.open(results) as review:
        assert review.items[cat].verdict == "unsure"


def test_two_reviews_of_one_folder_are_refused(results):
    with Review.open(results), pytest.raises(OutputError, match="another run is writing here"), Review.open(results):
        pass


ACTION = st.one_of(
    st.tuples(st.just("judge"), st.integers(0, 3), st.sampled_from(["confirmed", "rejected", "unsure", None])),
    st.tuples(st.just("correct"), st.integers(0, 3), st.sampled_from(["dog", "cat", "bird"])),
    st.tuples(st.just("add"), st.just(0), st.sampled_from(["dog", "bird"])),
    st.tuples(st.just("undo"), st.just(0), st.just("")),
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(st.lists(ACTION, max_size=14))
def test_undo_is_exact_and_what_is_read_again_is_what_was(results, actions):
    (results / "review.jsonl").unlink(missing_ok=True)
    with Review.open(results) as review:
        states = [state(review)]
        for kind, place, what in actions:
            items = list(review.items)
            if kind == "undo":
                review.undo()
                if len(states) > 1:
                    states.pop()
                assert state(review) == states[-1]
                continue
            if kind == "judge":
                review.judge(items[place % len(items)], what)
            elif kind == "correct":
                review.correct(items[place % len(items)], 1.0, 1.0 + 0.5 * (place + 1), what)
            else:
                review.add("a.wav", 1.0, 2.0, what)
            states.append(state(review))
        last = state(review)
    with Review.open(results) as review:
        assert state(review) == last
        while review.undo() is not None or review.undoable:
            pass
        assert state(review) == states[0]


def test_another_label_is_a_wrong_answer_of_the_model(results):
    with Review.open(results) as review:
        [cat] = ids(review, "cat")
        review.correct(cat, 2.0, 3.0, "dog")
        assert review.verdicts("cat") == ([0.6], [False])
        assert review.verdicts("dog") == ([0.9, 0.3], [None, None])
        assert review.results()["a.wav"] == [Event(2.0, 3.0, "dog", 0.6)]


def test_the_orders(results):
    with Review.open(results) as review:
        assert [item.score for item in review.queue("score")] == [0.9, 0.6, 0.3]
        assert [item.label for item in review.queue("label")] == ["cat", "dog", "dog"]
        assert [item.label for item in review.queue("balanced")] == ["cat", "dog", "dog"]
        assert [item.score for item in review.queue("score", "dog")] == [0.9, 0.3]
        review.judge(ids(review, "cat")[0], "unsure")
        assert [item.label for item in review.queue("balanced")] == ["dog", "dog"]
        assert len(review.queue("balanced", open_only=False)) == 3
        with pytest.raises(ConfigError, match="did you mean 'score'"):
            review.queue("scores")


@pytest.mark.parametrize(
    ("onset", "offset", "label"), [(1, 1, "dog"), (2, 1, "dog"), (-1, 1, "dog"), (math.nan, 1, "dog")]
)
def test_impossible_events_are_refused(results, onset, offset, label):
    with Review.open(results) as review:
        with pytest.raises(ConfigError, match="impossible"):
            review.add("a.wav", onset, offset, label)
        with pytest.raises(ConfigError, match="no recording 'x'"):
            review.add("x", 0, 1, "dog")
        assert review.undoable == 0


def test_what_is_no_result_is_said_so(tmp_path):
    with pytest.raises(DataError, match="no such file or folder; expected what 'earmark detect -o' wrote"):
        Review.open(tmp_path / "nothing")


def test_results_of_detect_are_found_with_their_recordings(tmp_path):
    import importlib.util

    from earmark import api
    from earmark.decisions import OperatingPoint
    from earmark.runtime.tagger import Tagger

    spec = importlib.util.spec_from_file_location("tone_engine", Path(__file__).parents[1] / "tone_engine.py")
    tones = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tones)
    (tmp_path / "in").mkdir()
    soundfile.write(tmp_path / "in" / "one.wav", tones.tones(3.0, [(1.0, 2.0, "beep")]), tones.RATE)
    soundfile.write(tmp_path / "in" / "quiet.wav", tones.tones(3.0, []), tones.RATE)
    tagger = Tagger(tones.ToneEngine(), OperatingPoint.plain(tones.HERTZ))
    api.detect([tmp_path / "in"], output=tmp_path / "out", tagger=tagger, formats=["raven"])
    with Review.open(tmp_path / "out") as review:
        assert review.recordings == ["one.wav", "quiet.wav"]
        assert review.audio["one.wav"] == tmp_path / "in" / "one.wav"
        [item] = review.queue()
        assert (item.label, item.score) == ("beep", pytest.approx(1.0, abs=0.2))
