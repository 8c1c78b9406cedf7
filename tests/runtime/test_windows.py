from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.engine import WindowPlan
from earmark.models.network import Network
from earmark.models.torch_engine import TorchEngine
from earmark.runtime.windows import Assembly, Window, cross_fade
from earmark.runtime.windows import cut as cut_blocks

PLAN = WindowPlan(size=100, stride=80, stride_steps=8, overlap_steps=2)  # a step is 10 samples
SOUND = np.arange(1_000, dtype=np.float32)


def cut(samples: int) -> list[Window]:
    return list(cut_blocks(PLAN, [SOUND[:samples]]))


@pytest.mark.parametrize(
    ("samples", "spans"),
    [
        (1, [(0, 1)]),
        (100, [(0, 100)]),  # exactly one window
        (101, [(0, 100), (80, 101)]),  # one sample more
        (180, [(0, 100), (80, 180)]),
        (181, [(0, 100), (80, 180), (160, 181)]),
        (500, [(80 * k, 80 * k + 100) for k in range(6)]),
    ],
)
def test_windows_begin_a_stride_apart_and_end_with_the_recording(samples: int, spans: list[tuple[int, int]]) -> None:
    windows = cut(samples)
    assert [(int(w.samples[0]), int(w.samples[-1]) + 1) for w in windows] == spans
    assert [w.number for w in windows] == list(range(len(spans)))
    assert [w.last for w in windows] == [False] * (len(spans) - 1) + [True]


@given(st.integers(1, 1_000), st.lists(st.integers(0, 1_000), max_size=6))
def test_it_makes_no_difference_in_which_blocks_a_recording_comes(samples: int, edges: list[int]) -> None:
    edges = sorted(min(edge, samples) for edge in edges)
    blocks = np.split(SOUND[:samples], edges)
    for ours, whole in zip(cut_blocks(PLAN, blocks), cut(samples), strict=True):
        assert (ours.number, ours.last) == (whole.number, whole.last)
        np.testing.assert_array_equal(ours.samples, whole.samples)


def assemble(samples: int, score: Callable[[Window, int], np.ndarray]) -> Assembly:
    """Put together what `score` says of each window (steps, 1)."""
    assembly = Assembly(PLAN, 1)
    for window in cut(samples):
        frames = score(window, -(-len(window.samples) // 10)).astype(np.float32)
        assembly.add(window, frames.max(axis=0), frames)
    return assembly


@given(st.integers(1, 1_000))
def test_weights_sum_to_one_and_no_frame_is_lost(samples: int) -> None:
    assembly = assemble(samples, lambda window, steps: np.ones((steps, 1)))
    np.testing.assert_allclose(assembly.frames(), np.ones((-(-samples // 10), 1)), atol=1e-7)
    assert assembly.samples == samples


@given(st.integers(1, 1_000))
def test_a_frame_keeps_its_place(samples: int) -> None:
    assembly = assemble(samples, lambda window, steps: (window.number * 8 + np.arange(steps))[:, None])
    np.testing.assert_allclose(assembly.frames()[:, 0], np.arange(-(-samples // 10)), atol=1e-4)


def test_one_window_fades_into_the_next() -> None:
    frames = assemble(180, lambda window, steps: np.full((steps, 1), float(window.number))).frames()[:, 0]
    np.testing.assert_allclose(frames, [0] * 8 + [1 / 3, 2 / 3] + [1] * 8, atol=1e-6)


def test_the_clip_score_is_the_largest_of_its_windows() -> None:
    assembly = assemble(500, lambda window, steps: np.full((steps, 1), 0.9 if window.number == 3 else 0.1))
    assert assembly.clip.tolist() == [np.float32(0.9)]


def test_a_short_end_takes_what_there_is_of_a_fade() -> None:
    before, after = np.ones((4, 1), np.float32), np.zeros((2, 1), np.float32)
    np.testing.assert_allclose(cross_fade(before, after)[:, 0], [2 / 3, 1 / 3], atol=1e-6)
    assert not after.any()  # the caller's array is left alone


def test_the_plan_lies_on_the_grid_of_the_frames(network: Callable[..., Network]) -> None:
    plan = TorchEngine(network(window_seconds=1.01, overlap_seconds=0.19)).plan
    assert plan == WindowPlan(size=25 * 320, stride=20 * 320, stride_steps=20, overlap_steps=5, longest=8080)
    assert TorchEngine(network(window_seconds=0.001, overlap_seconds=0)).plan.size == 320  # at least one frame


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 60_000))
def test_frames_are_as_many_as_in_one_piece_whatever_the_length(samples: int) -> None:
    """For a front-end that centres its frames and for one that does not (where the windows reach a little further)."""
    for size, late in ((8_000, 0), (8_000 + 192, 192)):
        plan = WindowPlan(size, 6_400, 20, 5)

        def count(length: int, late: int = late) -> int:
            return max(1, -(-length // 320) if not late else (length - 512) // 320 + 1)

        assembly = Assembly(plan, 1)
        for window in cut_blocks(plan, [np.zeros(samples, np.float32)]):
            assembly.add(window, np.zeros(1, np.float32), np.zeros((count(len(window.samples)), 1), np.float32))
        assert len(assembly.frames()) == count(samples)


def test_a_front_end_that_does_not_pad_has_longer_windows(network: Callable[..., Network]) -> None:
    tagger = network(features={"rate": 8_000, "window": 512, "hop": 320, "bands": 24, "centre": False})
    plan = TorchEngine(tagger).plan
    assert plan.size == 8_000 + 192
    assert tagger.steps_in(torch.tensor(plan.size)).item() == 25
    assert tagger.clock.start == Fraction(96, 8_000)


def test_a_recording_of_the_windows_length_is_scored_in_one_piece(network: Callable[..., Network]) -> None:
    """Though a whole number of steps is shorter; a longer one is cut on the grid."""
    plan = TorchEngine(network(window_seconds=1.01, overlap_seconds=0.19)).plan
    spans = [
        [(w.number * plan.stride, len(w.samples), w.last) for w in cut_blocks(plan, [np.zeros(samples, np.float32)])]
        for samples in (8_080, 8_081, 6_400 + 8_080)
    ]
    assert spans == [
        [(0, 8_080, True)],
        [(0, 8_000, False), (6_400, 1_681, True)],
        [(0, 8_000, False), (6_400, 8_080, True)],
    ]


CENTRED_ON_START = {"rate": 8_000, "window": 512, "hop": 320, "bands": 24, "centred_on": "start", "edge": "reflect"}


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("samples", [24_000, 23_999, 24_001, 20_007])
def test_frames_centred_on_their_start_keep_their_place_in_a_long_recording(
    network: Callable[..., Network], noise: Callable[..., np.ndarray], drop_last: bool, samples: int
) -> None:
    """Windows give the features of one whole transform, but for those that see a window's edge."""
    tagger = network(features={**CENTRED_ON_START, "drop_last": drop_last})
    plan = TorchEngine(tagger).plan
    assert (plan.size, tagger.clock.start) == (8_000, Fraction(-160, 8_000))
    sound = noise(3.1, loud=(0.5, 2.5))[:samples]
    assembly = Assembly(plan, 24)
    for window in cut_blocks(plan, [sound]):
        features = tagger.front_end(torch.from_numpy(window.samples)[None])[0].numpy()
        assembly.add(window, np.zeros(24, np.float32), features)
    whole = tagger.front_end(torch.from_numpy(sound)[None])[0].numpy()
    found = assembly.frames()
    assert len(found) == len(whole) == samples // 320 + (not drop_last)
    near_edge = {edge + k for edge in (20, 25, 40, 45, 60, 65) for k in (-1, 0, 1)}
    far = [frame for frame in range(len(whole)) if frame not in near_edge]
    np.testing.assert_allclose(found[far], whole[far], atol=1e-4)


def test_events_in_a_long_recording_lie_where_they_sound(
    network: Callable[..., Network], noise: Callable[..., np.ndarray]
) -> None:
    tagger = network(features=CENTRED_ON_START)
    sound = noise(5.0, loud=(2.0, 3.0))
    plan = TorchEngine(tagger).plan
    assembly = Assembly(plan, 1)
    for window in cut_blocks(plan, [sound]):
        level = tagger.front_end(torch.from_numpy(window.samples)[None])[0].mean(dim=1, keepdim=True).numpy()
        assembly.add(window, np.zeros(1, np.float32), level)
    level = assembly.frames()[:, 0]
    loud = np.flatnonzero(level > (level.max() + level.min()) / 2)
    times = tagger.clock.edges(len(level))
    assert times[loud[0]] == pytest.approx(2.0, abs=0.041)  # a window reaches 32 ms to either side
    assert times[loud[-1] + 1] == pytest.approx(3.0, abs=0.041)


@pytest.mark.parametrize("promised", [0, 1, 20_000, 80_000, 10**9])
def test_what_a_recording_promises_of_its_length_changes_nothing_but_memory(promised: int) -> None:
    rng = np.random.default_rng(0)
    sound = rng.random(77_777, dtype=np.float32)
    windows = list(cut_blocks(PLAN, [sound]))
    scores = [rng.random((PLAN.steps(len(window.samples)), 3), dtype=np.float32) for window in windows]
    found = []
    for samples in (len(sound), promised):
        assembly = Assembly(PLAN, 3, samples)
        for window, frames in zip(windows, scores, strict=True):
            assembly.add(window, frames[0], frames)
        found.append(assembly.frames())
    np.testing.assert_array_equal(*found)
    assert len(found[0]) > 3 * PLAN.stride_steps
