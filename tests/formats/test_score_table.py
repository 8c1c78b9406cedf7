from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.clock import Clock
from earmark.errors import DataError
from earmark.formats import read_scores, write_scores
from earmark.labels import Labels
from earmark.scores import Scores


def scores(frames, step, start=Fraction(0), cut=0.0, labels=("dog", "Air horn, truck horn")):
    values = np.random.default_rng(0).random((frames, len(labels))).astype(np.float32)
    clock = Clock(step, start)
    duration = clock.time(frames) - cut * float(step)
    return Scores("a", Labels(labels), values.max(axis=0), values, clock, duration)


@given(
    frames=st.integers(1, 60),
    step=st.sampled_from(
        [Fraction(1, 50), Fraction(664, 16000), Fraction(1, 60), Fraction(1024, 44100), Fraction(1, 3)]
    ),
    start=st.sampled_from([Fraction(0), Fraction(1, 100)]),
    cut=st.sampled_from([0.0, 0.4]),
)
@settings(max_examples=60, deadline=None)
def test_scores_read_back(tmp_path_factory, frames, step, start, cut):
    path = tmp_path_factory.getbasetemp() / "a.tsv"
    written = scores(frames, step, start, cut)
    write_scores(path, written)
    found = read_scores(path)
    assert (found.recording, found.labels) == ("a", written.labels)
    assert found.frames.tolist() == written.frames.tolist()
    assert found.clip.tolist() == written.clip.tolist()
    np.testing.assert_allclose(found.edges, written.edges, atol=2e-9)
    if frames > 1:
        assert found.clock == written.clock


def test_a_step_is_found_that_explains_all_rounded_times(tmp_path):
    edges = [round(frame * 664 / 16000, 3) for frame in range(242)]  # milliseconds only
    rows = [f"{on}\t{off}\t0.5" for on, off in pairwise(edges)]
    (tmp_path / "a.tsv").write_text("onset\toffset\tdog\n" + "\n".join(rows) + "\n")
    found = read_scores(tmp_path / "a.tsv", "street/a.wav")
    assert found.recording == "street/a.wav"
    np.testing.assert_allclose(found.edges, edges, atol=1.1e-3)
    assert float(found.clock.step) == pytest.approx(664 / 16000, abs=5e-6)


@pytest.mark.parametrize("step", [Fraction(1, 100), Fraction(664, 16000), Fraction(1024, 44100), Fraction(8, 25)])
@pytest.mark.parametrize("frames", [1, 2, 3, 60])
@pytest.mark.parametrize("early", [Fraction(1, 2), Fraction(1, 32)])
def test_a_first_frame_that_begins_before_the_recording_is_read_back(tmp_path, step, frames, early):
    written = scores(frames, step, -step * early, cut=0.3)
    write_scores(tmp_path / "a.tsv", written)
    found = read_scores(tmp_path / "a.tsv")
    np.testing.assert_allclose(found.edges, written.edges, atol=2e-9)
    assert found.frames.tolist() == written.frames.tolist()
    if frames > 2:
        assert found.clock.step == step
        assert float(found.clock.start) == pytest.approx(float(written.clock.start), abs=2e-9)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("0\t1\t0.5\n1\t2\t1.5\n", r"line 3: score 1.5 of 'dog' is not a probability in \[0, 1\]; are these logits\?"),
        ("0\t1\t0.5\n1\t2\tnan\n", "line 3: score nan"),
        ("0\t1\t0.5\n1\t2\tx\n", "line 3: expected 3 numbers"),
        ("0\t1\t0.5\n1\t2\n", "line 3: expected 3 numbers"),
        ("0\t1\t0.5\n1\t2\t0.5\n3\t4\t0.5\n4\t5\t0.5\n", "line 4: .*frames of equal length"),
        ("0\t1\t0.5\n1.5\t2.5\t0.5\n", "frames of equal length"),
        ("0\t0\t0.5\n", "frames of equal length"),
        ("", "has a header but no frames"),
    ],
)
def test_broken_tables_are_refused(tmp_path, rows, message):
    (tmp_path / "a.tsv").write_text("onset\toffset\tdog\n" + rows)
    with pytest.raises(DataError, match=message):
        read_scores(tmp_path / "a.tsv")


def test_another_table_is_not_taken_for_scores(tmp_path):
    (tmp_path / "a.tsv").write_text("filename\tonset\toffset\tevent_label\na.wav\t0\t1\tdog\n")
    with pytest.raises(DataError, match="begins with the columns onset, offset"):
        read_scores(tmp_path / "a.tsv")
