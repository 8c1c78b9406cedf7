from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from earmark.data.records import Clip, Manifest
from earmark.data.splits import _stratify, split, split_by_column
from earmark.errors import DataError
from earmark.labels import Labels


def collection(tags, splits=None):
    clips = [
        Clip(Path(f"{i:04}.wav"), f"{i:04}.wav", tuple(row), split=splits[i] if splits else None)
        for i, row in enumerate(tags)
    ]
    return Manifest(Path("data"), tuple(clips), Labels(sorted({label for row in tags for label in row})))


def long_tailed(seed=0, clips=600):
    rng = np.random.default_rng(seed)
    chances = {"engine": 0.4, "dog": 0.2, "siren": 0.1, "crow": 0.03, "owl": 0.01}
    return collection([[name for name, p in chances.items() if rng.random() < p] for _ in range(clips)])


@pytest.mark.parametrize("seed", range(3))
def test_every_label_keeps_its_share(seed):
    manifest = long_tailed()
    train, valid = split(manifest, 0.2, seed)
    assert {c.name for c in train.clips} | {c.name for c in valid.clips} == {c.name for c in manifest.clips}
    assert len(train) + len(valid) == len(manifest)
    assert len(valid) == pytest.approx(120, abs=6)
    for label, count in manifest.counts().items():
        assert valid.counts()[label] == pytest.approx(0.2 * count, abs=2), label
    bare = sum(not clip.labels for clip in manifest.clips)
    assert sum(not clip.labels for clip in valid.clips) == pytest.approx(0.2 * bare, abs=2)


def test_the_outcome_follows_from_the_seed_not_from_the_order_of_rows():
    manifest = long_tailed()
    shuffled = manifest.with_clips(reversed(manifest.clips))
    chosen = [{clip.name for clip in split(m, 0.3, 5)[1].clips} for m in (manifest, shuffled)]
    assert chosen[0] == chosen[1]
    assert chosen[0] != {clip.name for clip in split(manifest, 0.3, 6)[1].clips}


@settings(max_examples=60, deadline=None)
@given(
    tags=st.lists(st.lists(st.sampled_from("abcdefgh"), max_size=3, unique=True), min_size=6, max_size=40),
    fraction=st.floats(0.05, 0.95),
    seed=st.integers(0, 5),
)
def test_training_never_lacks_a_label(tags, fraction, seed):
    manifest = collection([*tags, ["a"], ["a"], ["a"]])
    try:
        train, valid = split(manifest, fraction, seed)
    except DataError:  # so few clips, or so small a share, that nothing is set aside
        assume(False)
    assert min(train.counts().values()) >= 1
    assert not {c.name for c in train.clips} & {c.name for c in valid.clips}


def test_of_a_rare_label_four_clips_train_as_long_as_other_clips_can_validate():
    manifest = collection([["owl"]] * 5 + [["crow"]] * 4 + [["dog"]] * 40)
    for seed in range(3):
        train, valid = split(manifest, 0.4, seed)
        assert train.counts()["owl"] == 4
        assert train.counts()["crow"] == 4
        assert valid.counts()["dog"] == 16
    train, valid = split(collection([["owl"]] * 4 + [["crow"]] * 4), 0.25)  # of these, something must validate
    assert (train.counts(), valid.counts()) == ({"owl": 3, "crow": 3}, {"owl": 1, "crow": 1})


@pytest.mark.parametrize("seed", range(3))
def test_labels_of_many_clips_are_split_as_by_shares_alone(seed):
    manifest = long_tailed()
    names = {clip.name for clip in split(manifest, 0.2, seed)[1].clips}
    ordered = sorted(manifest.clips, key=lambda clip: clip.name)
    order = np.random.default_rng(seed).permutation(len(ordered))
    rare = {clip.name for clip in ordered if "owl" in clip.labels}
    assert names - rare == _stratify([ordered[i] for i in order], 0.2) - rare


def test_too_few_clips_and_wrong_fractions_are_refused():
    with pytest.raises(DataError, match="1 clips are too few"):
        split(collection([["dog"]]))
    with pytest.raises(ValueError, match="between 0 and 1"):
        split(long_tailed(), 1.0)


@pytest.mark.parametrize(
    ("splits", "train", "valid"),
    [
        (["train", "Training", "valid", "test"], 2, 1),
        (["train", "train", "test", "test"], 2, 2),
        (["dev", "dev", "eval", "eval"], 2, 2),
        (["train", "train", "dev", "test"], 2, 1),
    ],
)
def test_words_of_a_split_column(splits, train, valid):
    parts = split_by_column(collection([["a"]] * 4, splits))
    assert (len(parts[0]), len(parts[1])) == (train, valid)


def test_folds():
    manifest = collection([["a"]] * 4, ["1", "2", "3", "1"])
    train, valid = split_by_column(manifest, "1")
    assert [clip.split for clip in valid.clips] == ["1", "1"]
    assert [clip.split for clip in train.clips] == ["2", "3"]
    with pytest.raises(DataError, match="folds 1, 2, 3; name the validation fold"):
        split_by_column(manifest)
    with pytest.raises(DataError, match="no fold '4' among 1, 2, 3"):
        split_by_column(manifest, "4")


@pytest.mark.parametrize(
    ("splits", "message"),
    [
        (["train", None], "0001.wav has no split"),
        (["train", "vaild"], "split 'vaild' is neither.*did you mean 'valid'"),
        (["train", "train"], "no validation clips"),
        (["test", "valid"], "no training clips"),
    ],
)
def test_split_columns_that_say_too_little_are_refused(splits, message):
    with pytest.raises(DataError, match=message):
        split_by_column(collection([["a"]] * len(splits), splits))
