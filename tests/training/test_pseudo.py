from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from earmark.clock import Clock
from earmark.data.manifest import read_manifest
from earmark.data.store import open_store
from earmark.data.targets import Targets
from earmark.decisions import OperatingPoint
from earmark.labels import Labels
from earmark.models.network import Network
from earmark.models.torch_engine import engine_of
from earmark.runtime.scorer import Scorer
from earmark.scores import Scores
from earmark.training.options import SelfTrainingOptions
from earmark.training.pseudo import active_frames, pseudo_labels, tags

CLOCK = Clock(Fraction(1, 25))


def scores(**curves: list[float]) -> Scores:
    frames = np.array(list(curves.values()), np.float32).T
    return Scores("x", Labels(curves), frames.max(axis=0), frames, CLOCK, len(frames) / 25)


def test_a_label_is_heard_where_its_smoothed_scores_pass_the_threshold() -> None:
    given = scores(dog=[0, 0.9, 0, 0.3, 0.2, 0.3, 0], cat=[0.9] * 7, owl=[0.2, 0.1, 0.2, 0.2, 0.05, 0.05, 0.05])
    # The median takes three frames; no cat is tagged.
    columns, active = active_frames(
        given, [0, 2], SelfTrainingOptions(median_seconds=0.12)
    )  # three frames; no cat is tagged
    assert columns == [0, 2]
    assert active.astype(int).tolist() == [[0, 0, 1, 1, 1, 1, 0], [1, 1, 1, 1, 0, 0, 0]]
    assert active_frames(given, [], SelfTrainingOptions())[1].shape == (0, 7)


def test_a_stretch_counts_where_it_somewhere_is_sure_and_short_gaps_belong_to_it() -> None:
    given = scores(dog=[0.2, 0.6, 0.2, 0, 0.2, 0, 0, 0, 0.5, 0], cat=[0.2] * 10)
    options = SelfTrainingOptions(median_seconds=0.0, threshold=0.1, onset=0.4)
    assert active_frames(given, [0, 1], options)[1].astype(int).tolist() == [[1, 1, 1, 0, 0, 0, 0, 0, 1, 0], [0] * 10]
    near = options.model_copy(update={"onset": 0.0, "gap_seconds": 0.08})  # gaps of one frame, not of two
    assert active_frames(given, [0], near)[1].astype(int).tolist() == [[1, 1, 1, 1, 1, 0, 0, 0, 1, 0]]


def test_clips_without_labels_are_tagged_by_the_operating_point() -> None:
    given = scores(dog=[0.5, 0.1], cat=[0.49, 0.4], owl=[0.9, 0.1])
    assert tags(given, OperatingPoint.plain(given.labels)) == [0, 2]
    assert tags(given, OperatingPoint.plain(given.labels).with_threshold(0.95)) == []


def test_planted_sounds_are_labelled_where_they_are(trained: Path, collection: Path) -> None:
    tagger = Network.from_pretrained(trained)
    dev = read_manifest(collection / "dev", labels=tagger.labels)
    store = open_store(dev.clips, tagger.rate)
    weak, scorer = Targets.of_clips(store.clips, tagger.labels), Scorer(engine_of(tagger))
    options, done = SelfTrainingOptions(median_seconds=0.1, threshold=0.3), []  # a model of 48 updates is unsure
    found = pseudo_labels(scorer, store, weak, options, progress=lambda *told: done.append(told))
    assert done[-1] == (16, 16)
    true, both, claimed = 0, 0, 0
    for number, clip in enumerate(store.clips):
        active = found.active(number)
        assert set(np.flatnonzero(active.any(axis=0))) <= set(weak.columns[weak.first[number] : weak.first[number + 1]])
        wanted = np.zeros_like(active)
        for event in clip.events or ():
            wanted[round(event.onset / 0.02) : round(event.offset / 0.02), tagger.labels.index(event.label)] = True
        true, both, claimed = true + wanted.sum(), both + (wanted & active).sum(), claimed + active.sum()
    assert found.step == 320  # samples: 20 ms
    assert 2 * both / (true + claimed) > 0.7
    point = OperatingPoint.load(trained)
    guessed = pseudo_labels(scorer, store, weak, options, unlabelled=store, point=point)
    assert len(guessed) == 32
    rows = guessed.labels[range(32)]
    assert (rows[:16] == rows[16:]).mean() > 0.9  # what it guesses is nearly what is known
    with pytest.raises(ValueError, match="an operating point is needed"):
        pseudo_labels(scorer, store, weak, options, unlabelled=store)
