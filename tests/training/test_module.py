import math
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score

from earmark.clock import Clock
from earmark.data.records import Clip
from earmark.encoders import blocks_in_order
from earmark.errors import ConfigError
from earmark.events import Event
from earmark.labels import Labels
from earmark.models.network import Network
from earmark.training.module import TrainingModule, Validation, best_f1, learning_rate, parameters
from earmark.training.options import TrainingOptions


def curve(total: int = 1_000, **options: object) -> np.ndarray:
    made = TrainingOptions(**{"learning_rate": 2e-3, **options})
    return np.array([learning_rate(made, step, total) for step in range(total)])


def test_the_rate_rises_step_by_step_and_then_stays() -> None:
    rates = curve(warmup_steps=50, schedule="constant")
    np.testing.assert_allclose(rates[:50], 2e-3 * np.arange(1, 51) / 51)
    np.testing.assert_allclose(rates[50:], 2e-3)


def test_the_rate_falls_along_half_a_cosine() -> None:
    rates = curve(warmup_steps=0, schedule="cosine")
    np.testing.assert_allclose(rates, [1e-3 * (1 + math.cos(math.pi * step / 1_000)) for step in range(1_000)])
    assert rates[0] == 2e-3
    assert rates[500] == pytest.approx(1e-3)
    assert 0 < rates[-1] < 1e-7


def test_rise_and_fall_together_have_one_peak() -> None:
    rates = curve(warmup_steps=100)
    peak = int(rates.argmax())
    assert 90 <= peak <= 101
    assert (np.diff(rates[:peak]) > 0).all()
    assert (np.diff(rates[peak:]) < 0).all()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"epochs": 0}, "epochs: .*greater than 0, got 0"),
        ({"balance": {"max_ratio": 0.5}}, r"balance\.max_ratio: .*greater than or equal to 1"),
        ({"augment": {"overlay": 2}}, r"augment\.overlay: .*less than or equal to 1"),
        ({"augment": {"mixpu": 2}}, r"augment\.mixpu.*did you mean 'mixup'"),
        ({"schedule": "cosin"}, "schedule: .*'constant' or 'cosine'"),
    ],
)
def test_impossible_options_are_refused(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        TrainingOptions.parse(wrong, "training")


def test_the_encoder_learns_at_its_share_of_the_rate(untrained: Callable[..., Network]) -> None:
    tagger = untrained()
    whole, shared = parameters(tagger, 1.0), parameters(tagger, 0.2)
    assert [len(group["params"]) for group in whole] == [len(list(tagger.parameters()))]
    assert sum(len(group["params"]) for group in shared) == len(whole[0]["params"])
    assert {id(p) for p in shared[0]["params"]} == {id(p) for p in tagger.pooling.parameters()}
    optimiser = torch.optim.SGD(shared, lr=1.0)
    module = TrainingModule(tagger, TrainingOptions(learning_rate=0.5, warmup_steps=0, schedule="constant"), 10, 0)
    module.trainer = SimpleNamespace(optimizers=[optimiser], global_step=0, global_rank=0)
    module.on_train_batch_start(None, 0)
    assert [group["lr"] for group in optimiser.param_groups] == [0.5, 0.1]


LABELS = Labels(["tone", "burst"])
CLOCK = Clock(Fraction(1, 25))
CLIPS = [
    Clip(Path("a"), "a", ("tone",), (Event(0.5, 1.2, "tone"),)),
    Clip(Path("b"), "b", ("burst",)),  # no events known
    Clip(Path("c"), "c", ("tone", "burst"), (Event(0.0, 1.0, "burst"), Event(2.9, 3.0, "tone"))),
    Clip(Path("d"), "d", (), ()),
]
SECONDS = [3, 2, 3, 1]


def scored(seed: int = 0) -> SimpleNamespace:
    """What a module holds after a validation in two batches, of clips of different lengths."""
    rng = np.random.default_rng(seed)
    batches, losses = [], []
    for clips in ([3, 1], [0, 2]):
        frames = torch.zeros(2, 25 * max(SECONDS[clip] for clip in clips), 2)
        for row, clip in enumerate(clips):
            frames[row, : 25 * SECONDS[clip]] = torch.from_numpy(rng.random((25 * SECONDS[clip], 2)))
        batches.append((clips, frames.amax(dim=1), frames))
        losses.append(torch.tensor(0.3 * len(clips)))
    return SimpleNamespace(scored=batches, valid_losses=losses)


@pytest.mark.parametrize("seed", range(5))
def test_figures_equal_those_of_the_slow_way(seed: int) -> None:
    module = scored(seed)
    figures = Validation(CLIPS, LABELS, CLOCK)(module)
    clip_scores = {clip: row for clips, scores, _ in module.scored for clip, row in zip(clips, scores, strict=True)}
    frames = {clip: row for clips, _, found in module.scored for clip, row in zip(clips, found, strict=True)}
    targets = np.array([[label in clip.labels for label in LABELS] for clip in CLIPS])
    ap = [average_precision_score(targets[:, k], [clip_scores[n][k] for n in range(4)]) for k in range(2)]
    assert figures["valid_map"] == pytest.approx(np.mean(ap))
    assert figures["valid_loss"] == pytest.approx(0.3)

    pairs = []  # (score, truth) of every second of every class of the clips whose events are known
    for n, clip in enumerate(CLIPS):
        for second in range(SECONDS[n] if clip.events is not None else 0):
            for k, label in enumerate(LABELS):
                truth = any(e.label == label and e.onset < second + 1 and e.offset > second for e in clip.events)
                pairs.append((frames[n][25 * second : 25 * second + 25, k].max().item(), truth))
    best = 0.0
    for threshold in np.linspace(0.02, 0.98, 49):
        hits = sum(score >= threshold and truth for score, truth in pairs)
        found, there = sum(score >= threshold for score, _ in pairs), sum(truth for _, truth in pairs)
        best = max(best, 2 * hits / max(1, found + there))
    assert figures["valid_segment_f1"] == pytest.approx(best)


def test_a_model_that_knows_has_full_marks() -> None:
    module = scored()
    for clips, clip_scores, frames in module.scored:
        for row, clip in enumerate(clips):
            frames[row] = 0.01
            for event in CLIPS[clip].events or ():
                frames[row, int(event.onset * 25) : int(event.offset * 25), LABELS.index(event.label)] = 0.9
            clip_scores[row] = torch.from_numpy(LABELS.encode(CLIPS[clip].labels).astype(np.float32))
    figures = Validation(CLIPS, LABELS, CLOCK)(module)
    assert (figures["valid_map"], figures["valid_segment_f1"]) == (1.0, 1.0)


def test_without_events_there_is_no_segment_figure() -> None:
    clips = [Clip(clip.path, clip.name, clip.labels) for clip in CLIPS]
    assert set(Validation(clips, LABELS, CLOCK)(scored())) == {"valid_loss", "valid_map"}


def test_seconds_that_are_no_whole_number_of_frames_still_share_out_every_frame() -> None:
    validation = Validation(CLIPS, LABELS, Clock(Fraction(83, 2_000)))  # 41.5 ms, as in the paper
    frames = np.zeros((240, 2), np.float32)
    for frame in range(240):
        frames[:, 0] = 0
        frames[frame, 0] = 1
        maxima = validation.segment_maxima(frames)
        assert maxima.shape == (10, 2)
        assert maxima[:, 0].sum() == 1
        assert abs(int(maxima[:, 0].argmax()) - int(frame * 0.0415)) <= 1
    assert validation.segment_maxima(np.full((3, 2), 0.5, np.float32)).tolist() == [[0.5, 0.5]]


def test_best_f1_of_nothing_found_and_nothing_there() -> None:
    assert best_f1(np.zeros((3, 1), np.float32), np.zeros((3, 1), bool)) == 0.0


@pytest.mark.parametrize(("share", "decay"), [(1.0, 0.8), (0.5, 0.5)])
def test_with_layer_decay_each_block_learns_slower_than_the_block_above_it(
    untrained: Callable[..., Network], share: float, decay: float
) -> None:
    tagger = untrained()
    blocks = blocks_in_order(tagger.encoder)
    assert [block.name for block in blocks] == ["blocks.0", "blocks.1", "last", "gru"]
    options = TrainingOptions(
        learning_rate=0.5, warmup_steps=0, schedule="constant", encoder_rate=share, layer_decay=decay
    )
    module = TrainingModule(tagger, options, 10, 0)
    optimiser = module.configure_optimizers()
    module.trainer = SimpleNamespace(optimizers=[optimiser], global_step=0, global_rank=0)
    module.on_train_batch_start(None, 0)
    rates = {id(parameter): group["lr"] for group in optimiser.param_groups for parameter in group["params"]}
    assert len(rates) == len(list(tagger.parameters()))
    assert {rates[id(parameter)] for parameter in tagger.pooling.parameters()} == {0.5}
    for depth, block in enumerate(reversed(blocks)):
        found = {rates[id(parameter)] for parameter in block.parameters}
        assert [*found] == [pytest.approx(0.5 * share * decay**depth)]


def test_without_layer_decay_the_optimiser_is_the_one_it_was(untrained: Callable[..., Network]) -> None:
    tagger = untrained()
    groups = TrainingModule(tagger, TrainingOptions(), 10, 0).configure_optimizers().param_groups
    assert len(groups) == 1
    assert [id(parameter) for parameter in groups[0]["params"]] == [id(parameter) for parameter in tagger.parameters()]
