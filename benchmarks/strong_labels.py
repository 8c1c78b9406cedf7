"""A recipe's network trained with strong labels: every frame is taught what is heard in it.

    python benchmarks/strong_labels.py SCAPES/train -o MODEL [--recipe NAME] [--set KEY=VALUE] [--seed 0]

What weak labels leave to be guessed is given here, all else is the recipe's own: the order of the batches, the overlays
(frame targets are united as the tags are), the learning rate, the average of the last epochs' weights. The loss is the
sum of the clips' cross-entropy and the frames'. Not a way to train: a ceiling to measure weak labels against. A stopped
run begins anew.
"""

from __future__ import annotations

import argparse
import csv
import pathlib
import shutil
import time
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from earmark.augment import augment_features, augment_waveform, step_generator, step_seed
from earmark.clock import Clock
from earmark.data.balance import BalancedStream
from earmark.data.batches import Batch, TrainingBatches
from earmark.data.manifest import read_manifest
from earmark.data.records import Clip
from earmark.data.store import ClipStore, open_store
from earmark.decisions import OperatingPoint
from earmark.files import write_text
from earmark.inference.models import write_model
from earmark.labels import Labels
from earmark.recipes import Recipe, load_recipe
from earmark.runtime import resolve_precision, tune_allocator
from earmark.tagger import Tagger, TaggerOptions
from earmark.training.averaging import average_weights, epoch_file, save_epoch
from earmark.training.module import learning_rate
from earmark.training.objective import clip_loss

SCALING_CLIPS = 500


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=pathlib.Path, help="folder with weak.tsv, strong.tsv, audio/")
    parser.add_argument("-o", "--output", type=pathlib.Path, required=True)
    parser.add_argument("--recipe", default="default")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--precision", default="auto")
    args = parser.parse_args()
    tune_allocator()
    recipe = load_recipe(args.recipe, args.set)
    if recipe.training.augment.time_shift or recipe.training.fuse:
        parser.error("neither time_shift nor fuse: frame targets stay where they are, and one model is made")
    write_text(args.output / "recipe.yaml", recipe.to_yaml())
    manifest = read_manifest(args.data)
    store = open_store(manifest.clips, recipe.network.features.rate)
    torch.manual_seed(step_seed(args.seed, 0, "weights"))
    tagger = Tagger(TaggerOptions(labels=manifest.labels.names, **dict(recipe.network))).train()
    chosen = np.linspace(0, len(store) - 1, SCALING_CLIPS).astype(int)
    with torch.no_grad():
        tagger.scaling.fit(tagger.unscaled(torch.from_numpy(store.read(int(index)))[None])[0][0] for index in chosen)
    train(tagger, store, recipe, args.seed, resolve_precision(args.precision) == "bf16", args.output)
    write_model(tagger.eval(), args.output, OperatingPoint.default(tagger.labels))
    shutil.rmtree(args.output / "training")


class FrameTargets:
    """What is heard in each frame, a row (steps * classes) a clip: overlays unite them as they unite tags."""

    def __init__(self, clips: tuple[Clip, ...], labels: Labels, clock: Clock, steps: int) -> None:
        self.clips, self.labels, self.clock, self.steps = clips, labels, clock, steps

    @property
    def shape(self) -> tuple[int, int]:
        return len(self), self.steps * len(self.labels)

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, chosen: Sequence[int]) -> npt.NDArray[np.bool_]:
        frames = np.zeros((len(chosen), self.steps, len(self.labels)), np.bool_)
        for row, index in zip(frames, chosen, strict=True):
            for event in self.clips[index].events or ():
                first = max(0, self.clock.frame_at(event.onset))
                row[first : max(first + 1, self.clock.frames_in(event.offset)), self.labels.index(event.label)] = True
        return frames.reshape(len(chosen), -1)


def train(tagger: Tagger, store: ClipStore, recipe: Recipe, seed: int, bf16: bool, output: pathlib.Path) -> None:
    """Train in place; the tagger ends with the average of the last epochs' weights."""
    options = recipe.training
    samples = store.samples(0)
    if set(store.lengths.tolist()) != {samples} or samples > round(options.clip_seconds * tagger.rate):
        raise SystemExit("clips must all be as long, and no longer than training.clip_seconds")
    steps = int(tagger.steps_in(torch.tensor(samples)))
    frames = FrameTargets(store.clips, tagger.labels, tagger.clock, steps)
    weak = np.stack([tagger.labels.encode(clip.labels) for clip in store.clips])
    stream = BalancedStream(weak, options.balance.max_ratio, seed)
    batches = TrainingBatches(store, frames, stream, options.batch_size, samples, seed)
    optimizer = torch.optim.AdamW(tagger.parameters(), weight_decay=options.weight_decay, amsgrad=options.amsgrad)
    each = options.steps_per_epoch or max(1, round(len(store) / options.batch_size))
    began, rows = time.perf_counter(), [("epoch", "step", "seconds", "train_loss")]
    for epoch in range(1, options.epochs + 1):
        losses = []
        for step in range((epoch - 1) * each, epoch * each):
            torch.manual_seed(step_seed(seed, step, "network/0"))
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(options, step, each * options.epochs)
            loss = loss_of(tagger, batches[step], recipe, step_generator(seed, step, "augment/0"), bf16)
            optimizer.zero_grad()
            loss.backward()
            if options.gradient_clip:
                torch.nn.utils.clip_grad_norm_(tagger.parameters(), options.gradient_clip)
            optimizer.step()
            losses.append(loss.item())
        rows.append((str(epoch), str(epoch * each), f"{time.perf_counter() - began:.1f}", f"{np.mean(losses):.6f}"))
        write_log(output / "log.csv", rows)
        if epoch in options.model_epochs:
            save_epoch(output / "training", epoch, tagger.state_dict())
    tagger.load_state_dict(average_weights(epoch_file(output / "training", epoch) for epoch in options.model_epochs))


def loss_of(tagger: Tagger, batch: Batch, recipe: Recipe, generator: torch.Generator, bf16: bool) -> Tensor:
    """Cross-entropy of clips and of frames, augmented as the recipe says."""
    augment = recipe.training.augment
    with torch.no_grad():
        waveform, lengths, targets = augment_waveform(batch.waveform, batch.lengths, batch.targets, augment, generator)
        features, _ = tagger.features(waveform, lengths)
        features, targets = augment_features(features, targets, augment, generator, whole=True)
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
        pooled = tagger.classify(features)
    frames = targets.unflatten(1, (-1, len(tagger.labels)))  # (batch, steps, classes)
    return clip_loss(pooled.clip, frames.amax(dim=1)) + clip_loss(pooled.frames, frames)


def write_log(path: pathlib.Path, rows: list[tuple[str, ...]]) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)


if __name__ == "__main__":
    main()
