import csv
import itertools
import pickle
import time
import tracemalloc
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.data.balance import BalancedStream, tickets
from earmark.data.targets import Targets

DCASE = Path(__file__).parents[3] / "shared" / "data" / "dcase2017" / "groundtruth_release"


def one_label_each(*counts: int) -> np.ndarray:
    """Targets of clips with one label each, so many of each class, in order."""
    return np.repeat(np.eye(len(counts), dtype=bool), counts, axis=0)


LONG_TAIL = one_label_each(400, 120, 37, 5, 1)


def slow_stream(targets: np.ndarray, max_ratio: float | None, seed: int, count: int) -> list[int]:
    """The stream from its beginning, position by position: a deck, and a shuffle of each class, after another."""
    members = [np.flatnonzero(column) for column in [*targets.T, ~targets.any(axis=1)]]
    members = [clips for clips in members if len(clips)] if max_ratio else [np.arange(len(targets))]
    deck = np.repeat(np.arange(len(members)), tickets([len(clips) for clips in members], max_ratio or 1))
    drawn: list[int] = []
    turns, left = [0] * len(members), [[] for _ in members]
    for number in itertools.count():
        for which in np.random.default_rng((seed, 0, number)).permutation(deck).tolist():
            if not left[which]:
                shuffled = np.random.default_rng((seed, 1, which, turns[which])).permutation(members[which])
                left[which], turns[which] = shuffled.tolist(), turns[which] + 1
            drawn.append(left[which].pop(0))
            if len(drawn) == count:
                return drawn


@given(
    st.integers(0, 2**32).map(lambda seed: np.random.default_rng(seed).random((40, 5)) < [0.9, 0.5, 0.2, 0.03, 0.0]),
    st.sampled_from([None, 1.0, 2.5, 5.0]),
    st.integers(0, 3),
)
@settings(max_examples=40, deadline=None)
def test_the_stream_is_the_one_drawn_clip_by_clip_and_lists_give_the_same(
    targets: np.ndarray, max_ratio: float | None, seed: int
) -> None:
    expected = slow_stream(targets, max_ratio, seed, 300)
    assert BalancedStream(targets, max_ratio, seed).take(0, 300).tolist() == expected
    lists = BalancedStream(Targets.of([np.flatnonzero(row).tolist() for row in targets], 5), max_ratio, seed)
    for start, count in [(0, 300), (117, 32), (299, 1), (40, 0)]:
        assert lists.take(start, count).tolist() == expected[start : start + count]


def drawn_classes(stream: BalancedStream, targets: np.ndarray, count: int) -> np.ndarray:
    return targets[stream.take(0, count)].sum(axis=0)


@pytest.mark.parametrize("max_ratio", [1, 2, 5])
def test_the_commonest_class_is_drawn_at_most_so_often_as_the_rarest(max_ratio: float) -> None:
    stream = BalancedStream(LONG_TAIL, max_ratio, seed=0)
    decks = 200 * len(stream._deck)
    drawn = drawn_classes(stream, LONG_TAIL, decks)
    assert drawn.max() / drawn.min() == max_ratio
    assert (np.diff(drawn) <= 0).all()  # commoner classes never less often than rarer ones
    tail = drawn_classes(stream, LONG_TAIL, 517)  # and not only in the long run
    assert tail.max() <= max_ratio * (tail.min() + 1)


@given(
    st.lists(st.integers(1, 60), min_size=1, max_size=6),
    st.sampled_from([1.0, 1.5, 3.0, 5.0]),
)
@settings(max_examples=40, deadline=None)
def test_tickets_are_whole_bounded_and_in_order_of_size(counts: list[int], max_ratio: float) -> None:
    given_out = tickets(counts, max_ratio)
    assert given_out.dtype == np.int64
    assert 1 <= given_out.min() <= given_out.max() <= max_ratio
    assert (np.diff(given_out[np.argsort(counts, kind="stable")]) >= 0).all()


@pytest.mark.parametrize("max_ratio", [1, 5, None])
def test_every_clip_of_a_class_comes_before_any_comes_again(max_ratio: float | None) -> None:
    targets = one_label_each(30, 11, 1)
    drawn = BalancedStream(targets, max_ratio, seed=3).take(0, 3_000)
    classes = [range(30), range(30, 41), range(41, 42)] if max_ratio else [range(42)]
    for clips in classes:
        own = [clip for clip in drawn.tolist() if clip in clips]
        passes = [own[first : first + len(clips)] for first in range(0, len(own) - len(clips), len(clips))]
        assert len(passes) > 20
        assert all(sorted(one) == list(clips) for one in passes)
        assert len(clips) < 5 or len({tuple(one) for one in passes}) > len(passes) // 2  # shuffled anew each time


@given(st.lists(st.integers(0, 500), min_size=1, max_size=8), st.sampled_from([None, 1.0, 5.0]), st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_a_position_holds_the_same_clip_however_it_is_reached(
    cuts: list[int], max_ratio: float | None, seed: int
) -> None:
    whole = BalancedStream(LONG_TAIL, max_ratio, seed).take(0, 500)
    edges = sorted({0, 500, *cuts})
    pieces = list(itertools.pairwise(edges))
    stream = BalancedStream(LONG_TAIL, max_ratio, seed)
    found = {begin: stream.take(begin, end - begin) for begin, end in reversed(pieces)}  # last piece first
    np.testing.assert_array_equal(np.concatenate([found[begin] for begin, _ in pieces]), whole)


def test_another_process_draws_the_same() -> None:
    stream = BalancedStream(LONG_TAIL, 5, seed=1)
    expected = stream.take(0, 400)
    copy = pickle.loads(pickle.dumps(stream))
    np.testing.assert_array_equal(copy.take(200, 200), expected[200:])
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(copy)).take(0, 200), expected[:200])


def test_another_seed_draws_otherwise() -> None:
    draws = [tuple(BalancedStream(LONG_TAIL, 5, seed).take(0, 50)) for seed in range(5)]
    assert len(set(draws)) == 5


def test_without_balancing_a_pass_holds_every_clip_once() -> None:
    stream = BalancedStream(LONG_TAIL, None, seed=0)
    clips = len(LONG_TAIL)
    first, second = stream.take(0, clips), stream.take(clips, clips)
    assert sorted(first) == sorted(second) == list(range(clips))
    assert not np.array_equal(first, second)


def test_clips_without_a_label_are_drawn_as_a_class_of_their_own() -> None:
    targets = np.vstack([one_label_each(50, 10), np.zeros((20, 2), bool)])
    drawn = BalancedStream(targets, 1, seed=0).take(0, 3_000)
    assert np.mean(drawn >= 60) == pytest.approx(1 / 3, abs=0.01)
    assert set(drawn.tolist()) == set(range(80))


def test_a_class_of_one_clip_and_a_class_of_none() -> None:
    targets = np.zeros((10, 3), bool)
    targets[:, 0] = True
    targets[9] = [False, False, True]  # nothing has the label in the middle
    drawn = Counter(BalancedStream(targets, 1, seed=0).take(0, 200).tolist())
    assert drawn[9] == 100
    assert {drawn[clip] for clip in range(9)} <= {11, 12}


def test_a_clip_of_two_classes_is_drawn_for_either() -> None:
    targets = np.array([[True, True], [True, False], [False, True]])
    drawn = Counter(BalancedStream(targets, 1, seed=0).take(0, 400).tolist())
    assert drawn == {0: 200, 1: 100, 2: 100}


def test_no_clip_at_all_is_refused() -> None:
    with pytest.raises(ValueError, match="no clip to draw from"):
        BalancedStream(np.zeros((0, 3), bool), 5, seed=0)


def test_the_real_training_list_is_drawn_at_five_to_one() -> None:
    path = next(DCASE.glob("*training*.csv"), None) if DCASE.is_dir() else None
    if path is None:
        pytest.skip("needs ../shared/data/dcase2017, the published label files")
    tags: dict[str, set[str]] = {}
    with open(path, newline="") as file:
        for row in csv.reader(file, delimiter="\t"):
            tags.setdefault(row[0], set()).add(row[-1])
    labels = sorted(set().union(*tags.values()))
    assert len(labels) == 17
    targets = np.array([[label in of_clip for label in labels] for of_clip in tags.values()])
    counts = targets.sum(axis=0)
    assert counts.max() / counts.min() > 50  # as it comes
    given_out = tickets(counts, 5)
    assert (given_out.min(), given_out.max()) == (1, 5)
    stream = BalancedStream(targets, 5, seed=0)
    drawn = targets[stream.take(0, 50 * int(given_out.sum()))].sum(axis=0)
    assert drawn.max() / drawn.min() < 12  # labels that come along with others count too: 8.8 by the paper's own rule


def test_hundreds_of_classes_cost_microseconds_a_draw_and_little_memory() -> None:
    """A tenth of AudioSet: 200,000 clips, 527 classes, two labels a clip, half of the clips of the commonest one."""
    rng = np.random.default_rng(0)
    ranks = np.minimum(rng.zipf(1.6, (200_000, 2)) - 1, 526)
    targets = Targets.of(list(map(np.unique, ranks)), 527)
    tracemalloc.start()
    stream = BalancedStream(targets, 5, seed=0)
    stream.batch(0, 100_000)  # of every class a shuffle
    begin = time.process_time()
    for step in range(3_000, 3_300):
        stream.batch(step, 32)
    seconds = time.process_time() - begin
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert seconds / (300 * 32) < 1e-3  # about 2e-6 s, and several times that while memory is traced
    assert peak < 30e6
