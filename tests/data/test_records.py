"""Clips and manifests: labels may be chosen, and nothing is lost by it."""

from pathlib import Path

import pytest

from earmark.data.records import Clip, Manifest, Problem
from earmark.errors import EarmarkError
from earmark.events import Event
from earmark.labels import Labels

BOTH = Clip(Path("a.wav"), "a.wav", ("dog", "cat"), (Event(0, 1, "dog"), Event(1, 2, "cat")))
NONE = Clip(Path("b.wav"), "b.wav", ())
MANIFEST = Manifest(Path("weak.tsv"), (BOTH, NONE), Labels(["dog", "cat"]), (Problem("row", "line 9", "no labels"),))


def test_targets_and_counts_follow_the_order_of_the_labels() -> None:
    assert MANIFEST.targets().tolist() == [[True, True], [False, False]]
    assert MANIFEST.counts() == {"dog": 1, "cat": 1}
    assert MANIFEST.reference() == {"a.wav": list(BOTH.events or ())}  # of the other nothing is known


def test_with_fewer_labels_every_clip_stays() -> None:
    fewer = MANIFEST.with_labels(Labels(["cat"]))
    assert [clip.labels for clip in fewer.clips] == [("cat",), ()]
    assert fewer.reference() == {"a.wav": [Event(1, 2, "cat")]}
    assert fewer.problems == MANIFEST.problems


def test_with_fewer_clips_the_labels_stay_and_the_problems_do_not() -> None:
    fewer = MANIFEST.with_clips([NONE])
    assert len(fewer) == 1
    assert fewer.labels == MANIFEST.labels
    assert fewer.problems == ()


def test_a_label_that_is_not_among_the_labels_is_no_target() -> None:
    with pytest.raises(EarmarkError, match="cat"):
        Manifest(Path("weak.tsv"), (BOTH,), Labels(["dog"])).targets()
