"""A pooling alone, trained on kept embeddings."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.encoders import CRNNOptions
from earmark.features import LogMelOptions
from earmark.models.network import ModelOptions, Network
from earmark.pooling import AttentionOptions, EmbeddingPoolingOptions, build_pooling
from earmark.training.head import (
    Embeddings,
    _left_out,
    at_levels,
    begin_at_shares,
    beginnings,
    clip_weights,
    embed,
    embed_features,
    fit_head,
    is_linear,
    separable,
)
from earmark.training.options import HeadOptions


class Memory:
    """Clips that lie in memory."""

    def __init__(self, clips: list[np.ndarray]) -> None:
        self.clips = clips

    def __len__(self) -> int:
        return len(self.clips)

    def length(self, index: int) -> int:
        return len(self.clips[index])

    def read(self, index: int, start: int = 0, length: int | None = None) -> np.ndarray:
        return self.clips[index][start : None if length is None else start + length]


def tiny() -> Network:
    torch.manual_seed(0)
    features = LogMelOptions(rate=8000, window=256, hop=160, bands=16)
    return Network(
        ModelOptions(
            labels=("a", "b"), features=features, encoder=CRNNOptions(channels=(4,), pools=(4,), last=8, units=4)
        )
    )


def clips(seconds: list[float], seed: int = 0) -> Memory:
    rng = np.random.default_rng(seed)
    return Memory([rng.standard_normal(round(8000 * each)).astype(np.float32) / 10 for each in seconds])


def separated(count: int = 40, classes: int = 3, gap: float = 3.0, seed: int = 0) -> tuple[Embeddings, np.ndarray]:
    """Clips of different lengths, of which some steps tell the class."""
    rng = np.random.default_rng(seed)
    targets = np.eye(classes, dtype=bool)[np.arange(count) % classes]
    rows = []
    for row in targets:
        steps = rng.standard_normal((int(rng.integers(5, 20)), 8))
        steps[2:4, :classes] += gap * row
        rows.append(steps.astype(np.float16))
    return Embeddings.joined(rows), targets


def test_kept_embeddings_are_those_of_the_clip_alone() -> None:
    tagger, memory = tiny(), clips([1.0, 0.4, 2.0])
    kept, given_ = embed(tagger, memory.clips)
    assert tagger.training
    tagger.eval()
    for number in range(len(memory)):
        with torch.no_grad():
            features, _ = tagger.features(torch.from_numpy(memory.read(number))[None])
            encoded = tagger.encoder(features).embeddings[0].numpy()
        np.testing.assert_allclose(kept.of(number), encoded, atol=1e-3)
        np.testing.assert_allclose(given_.of(number), features[0], rtol=1e-3, atol=1e-3)


def test_of_a_very_long_clip_only_the_beginning_is_kept() -> None:
    kept, _ = embed(tiny(), beginnings(clips([31.0, 30.0]), 8000))
    assert len(kept.of(0)) == len(kept.of(1)) == 30 * 50


def test_a_batch_scores_its_clips_as_each_is_scored_alone() -> None:
    embeddings, _ = separated(6)
    pooling = build_pooling(AttentionOptions(), 8, 3)
    with torch.no_grad():
        together = pooling(*embeddings.batch(range(6))).clip
        alone = torch.cat([pooling(*embeddings.batch([number])).clip for number in range(6)])
    torch.testing.assert_close(together, alone)


def test_a_head_learns_labels_and_finds_the_steps_that_tell_them() -> None:
    embeddings, targets = separated(60, gap=8.0)
    torch.manual_seed(1)
    pooling = build_pooling(AttentionOptions(), 8, 3)
    fit_head(pooling, embeddings, targets, HeadOptions(learning_rate=0.03), seed=0)
    unseen, truth = separated(60, gap=8.0, seed=1)
    with torch.no_grad():
        pooled = pooling(*unseen.batch(range(60)))
    assert (pooled.clip.argmax(dim=1).numpy() == truth.argmax(axis=1)).mean() > 0.9
    own = pooled.frames[torch.arange(60), :, torch.from_numpy(truth.argmax(axis=1))]  # (clips, steps)
    assert own[:, 2:4].mean() > own[:, 4:].mean() + 0.3


def test_the_same_seed_gives_the_same_head_and_leaves_the_mode_as_it_was() -> None:
    embeddings, targets = separated(20)
    states = []
    for seed in (0, 0, 1):
        torch.manual_seed(1)
        pooling = build_pooling(AttentionOptions(), 8, 3).eval()
        fit_head(pooling, embeddings, targets, HeadOptions(updates=5, batch_size=8), seed)
        assert not pooling.training
        states.append(torch.cat([tensor.flatten() for tensor in pooling.state_dict().values()]))
    assert torch.equal(states[0], states[1])
    assert not torch.equal(states[0], states[2])


@given(st.lists(st.lists(st.booleans(), min_size=3, max_size=3), min_size=1, max_size=30))
def test_every_class_weighs_as_much_as_any_other(rows: list[list[bool]]) -> None:
    targets = np.array(rows)
    weights = clip_weights(targets).numpy()
    assert weights.mean() == pytest.approx(1.0, abs=1e-5)
    single = targets.sum(axis=1) == 1
    if single.all():
        shares = [weights[targets[:, column]].sum() for column in range(3) if targets[:, column].any()]
        np.testing.assert_allclose(shares, shares[0], rtol=1e-4)


def test_new_classes_begin_at_their_shares_and_known_ones_where_they_were() -> None:
    pooling = build_pooling(AttentionOptions(), 8, 3)
    with torch.no_grad():
        pooling.classify.bias[1] = -3.0
    begin_at_shares(pooling, torch.tensor([0.5, 0.5, 0.2]))
    torch.testing.assert_close(torch.sigmoid(pooling.classify.bias), torch.tensor([0.5, 0.0474259, 0.2]))


def test_embeddings_that_tell_the_classes_are_more_separable_than_noise() -> None:
    noise, targets = separated(gap=0.0)
    weak, _ = separated(gap=2.0)
    strong, _ = separated(gap=8.0)
    assert separable(noise, targets) < 0.5
    assert separable(noise, targets) < separable(weak, targets) < separable(strong, targets)


def test_more_features_than_clips_do_not_give_labels_away() -> None:
    rng = np.random.default_rng(0)
    clips_, targets = 24, np.eye(6, dtype=bool)[np.arange(24) % 6]
    noise = Embeddings.joined(list(rng.standard_normal((clips_, 10, 200)).astype(np.float16)))
    assert separable(noise, targets) < 0.4


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000))
def test_scores_of_clips_left_out_are_those_of_regressions_that_never_saw_them(seed: int) -> None:
    rng = np.random.default_rng(seed)
    features, wanted = rng.standard_normal((12, 5)), rng.standard_normal((12, 2))
    gram, ridge = features @ features.T, 0.3
    penalty = ridge * np.trace(gram) / 12
    found = _left_out(gram, wanted, ridge)
    for left in range(12):
        seen = np.arange(12) != left
        slow = np.linalg.solve(features[seen].T @ features[seen] + penalty * np.eye(5), features[seen].T @ wanted[seen])
        np.testing.assert_allclose(found[left], features[left] @ slow, atol=1e-6)


def test_a_class_that_no_clip_holds_does_not_count() -> None:
    embeddings, targets = separated(gap=8.0)
    wider = np.concatenate([targets, np.zeros((len(targets), 1), bool)], axis=1)
    assert separable(embeddings, wider) == pytest.approx(separable(embeddings, targets))
    assert np.isfinite(separable(embeddings, wider))


LINEAR = EmbeddingPoolingOptions(kind="embedding-average", hidden=None, dropout=0.0)


def test_a_linear_head_is_the_penalised_logistic_regression_on_standardised_means() -> None:
    embeddings, targets = separated(60, gap=2.0)
    pooling = build_pooling(LINEAR, 8, 3)
    assert is_linear(pooling)
    fit_head(pooling, embeddings, targets, HeadOptions(penalty=0.1), seed=0)
    means = embeddings.means()
    spread = means.std(axis=0) * np.sqrt(8)
    features = (means - means.mean(axis=0)) / spread
    weight = pooling.classify.weight.detach().double().numpy() * spread
    with torch.no_grad():
        scores = pooling(*embeddings.batch(range(60))).clip.double().numpy()
    error = (scores - targets) * clip_weights(targets).numpy()[:, None]
    gradient = error.T @ features + 0.1 * weight  # of the sum of losses and half the penalty: zero at its least
    np.testing.assert_allclose(gradient, 0.0, atol=0.01)
    np.testing.assert_allclose(error.sum(axis=0), 0.0, atol=0.01)  # the bias has no penalty


def test_a_linear_head_scores_clips_it_has_not_seen() -> None:
    embeddings, targets = separated(60, gap=8.0)
    pooling = build_pooling(LINEAR, 8, 3)
    fit_head(pooling, embeddings, targets, HeadOptions(), seed=0)
    unseen, truth = separated(60, gap=8.0, seed=1)
    with torch.no_grad():
        pooled = pooling(*unseen.batch(range(60)))
    assert (pooled.clip.argmax(dim=1).numpy() == truth.argmax(axis=1)).mean() > 0.9


def test_other_poolings_are_not_taken_for_linear() -> None:
    assert not is_linear(build_pooling(AttentionOptions(), 8, 3))
    assert not is_linear(build_pooling(EmbeddingPoolingOptions(kind="embedding-average", hidden=4), 8, 3))
    assert not is_linear(build_pooling(EmbeddingPoolingOptions(kind="embedding-max", hidden=None), 8, 3))


def test_copies_follow_their_clip_at_other_levels() -> None:
    one, two = clips([0.5, 0.3]).clips
    found = list(at_levels([one, two], HeadOptions(copies=2, gain_db=6.0), seed=1))
    assert [len(each) for each in found] == [4000] * 3 + [2400] * 3
    assert found[0] is one
    assert found[3] is two
    for copy in found[1:3]:
        gains = copy / one
        assert gains.std() < 1e-4
        assert 10 ** (-6 / 20) - 1e-6 <= gains.mean() <= 10 ** (6 / 20) + 1e-6
    assert not np.array_equal(found[1], found[2])


def test_kept_features_are_encoded_as_the_clips_themselves() -> None:
    tagger, memory = tiny().eval(), clips([0.4, 1.0])
    kept, features = embed(tagger, memory.clips)
    np.testing.assert_allclose(embed_features(tagger.encoder, features).steps, kept.steps, atol=2e-2)
