"""A recipe's network trained with strong labels: every frame is taught what is heard in it.

    python -m benchmarks.accuracy.strong_labels SCAPES/train -o MODEL [--recipe NAME] [--set KEY=VALUE] [--seed 0]

A student's training (`earmark.training.stages`) from weights of its own, with the true strong labels in place of a
teacher's. Not a way to train: a ceiling to measure weak labels against. A stopped run goes on.
"""

from __future__ import annotations

import argparse
import pathlib
import shutil

import numpy as np
import torch

from earmark.augment import step_seed
from earmark.data.manifest import read_manifest
from earmark.data.records import Clip
from earmark.data.store import open_store
from earmark.data.targets import Found, FrameTargets
from earmark.decisions import OperatingPoint
from earmark.devices import as_precision, tune_allocator
from earmark.files import write_text
from earmark.models.directory import write_model
from earmark.models.network import ModelOptions, Network
from earmark.recipes import load_recipe
from earmark.training.loop import ClipSet, Machine, fit
from earmark.training.origin import fit_scaling
from earmark.training.request import STATE


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
    write_text(args.output / "recipe.yaml", recipe.to_yaml())
    manifest = read_manifest(args.data)
    store = open_store(manifest.clips, recipe.network.features.rate)
    torch.manual_seed(step_seed(args.seed, 0, "weights"))
    network = Network(ModelOptions(labels=manifest.labels.names, **dict(recipe.network))).train()
    fit_scaling(network, store, None)
    pairs = zip(store.clips, store.lengths.tolist(), strict=True)
    found = (heard(clip, samples, network) for clip, samples in pairs)
    frames = FrameTargets.of(found, len(network.labels), network.clock.step * network.rate)
    clips = ClipSet(store, frames.labels, frames)
    machine = Machine(precision=as_precision(args.precision))
    fit(network, clips, None, recipe.training.self_trained(), args.output, seed=args.seed, machine=machine)
    write_model(network.eval(), args.output, OperatingPoint.plain(network.labels))
    shutil.rmtree(args.output / STATE)


def heard(clip: Clip, samples: int, network: Network) -> Found:
    """When each label of a clip of so many samples is heard, by its strong labels."""
    columns = sorted({network.labels.index(label) for label in clip.labels})
    frames = np.zeros((len(columns), int(network.steps_in(torch.tensor(samples)))), np.bool_)
    for event in clip.events or ():
        first = max(0, network.clock.frame_at(event.onset))
        row = columns.index(network.labels.index(event.label))
        frames[row, first : max(first + 1, network.clock.frames_in(event.offset))] = True
    return columns, frames


if __name__ == "__main__":
    main()
