"""What only a GPU can show: it computes what the CPU computes, and no step waits for it."""

import contextlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from earmark import api
from earmark.data.batches import Batch, fill
from earmark.data.records import Clip
from earmark.data.store import open_store
from earmark.devices import arithmetic_of, seed_generators
from earmark.models.network import ModelOptions, Network
from earmark.models.torch_engine import TorchEngine
from earmark.recipes import Recipe, load_recipe, recipe_names
from earmark.training.loop import ClipSet, Machine, held
from earmark.training.module import TrainingModule

DEVICE = "cuda"
pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="PyTorch finds no GPU here")


def recipes() -> list[Any]:
    """One of every network that a recipe names."""
    found: dict[str, Any] = {}
    for name in recipe_names():
        recipe = load_recipe(name)
        if not recipe.members:
            found.setdefault(repr(recipe.network), pytest.param(recipe, id=name))
    return list(found.values())


def network(recipe: Recipe) -> Network:
    torch.manual_seed(0)
    return Network(ModelOptions(labels=("dog", "siren"), **dict(recipe.network)))


@pytest.mark.parametrize("recipe", recipes())
def test_float32_scores_are_those_of_the_cpu(recipe: Recipe) -> None:
    samples = round(1.5 * recipe.network.features.rate)
    lengths = np.array([samples, samples // 2])
    waveform = 0.1 * np.random.default_rng(0).standard_normal((2, samples), np.float32)
    waveform[1, samples // 2 :] = 0.0
    here, there = (TorchEngine(network(recipe), device, "float32") for device in ("cpu", "cuda"))
    for ours, theirs in zip(there.listen(waveform, lengths), here.listen(waveform, lengths), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5, rtol=0)


def flacs(folder: Path) -> Path:
    """Recordings of a window, of less and of more; one is broken."""
    random = np.random.default_rng(0)
    folder.mkdir()
    for number in range(40):
        seconds = (10.0, 3.3, 25.0, 10.0)[number % 4]
        wave = 0.1 * random.standard_normal(round(seconds * 22_050)) * (random.random() + 0.1)
        soundfile.write(folder / f"{number:02d}.flac", wave, 22_050)
    (folder / "07.flac").write_bytes(b"no sound at all")
    return folder


def files_of(output: Path) -> dict[str, bytes]:
    paths = (path for path in output.rglob("*") if path.is_file() and ".earmark" not in path.parts)
    return {path.relative_to(output).as_posix(): path.read_bytes() for path in paths}


def detect(sounds: Path, output: Path, processes: int, **options: Any) -> Any:
    told: dict[str, Any] = {"device": DEVICE, "precision": "bf16", "engine": "torch", "formats": ["csv", "json"]}
    return api.detect([sounds], output=output, scores=output / "scores", processes=processes, **told, **options)


@pytest.mark.parametrize("processes", [1, 3])
def test_detecting_on_a_gpu_keeps_the_order_and_goes_on_where_it_was_stopped(tmp_path: Path, processes: int) -> None:
    """Byte for byte, by one process or by several that read and decide around it."""
    sounds = flacs(tmp_path / "sounds")
    whole = detect(sounds, tmp_path / "whole", 1)
    assert (whole.account.scored, len(whole.account.failed)) == (39, 1)
    expected = files_of(tmp_path / "whole")

    class StopError(Exception):
        pass

    class Stopping(api.Reporter):
        def counts(self, text: str) -> Any:
            def follow(now: Any) -> None:
                if now.done >= 10:
                    raise StopError

            return follow

    output = tmp_path / "stopped"
    with contextlib.suppress(StopError):
        detect(sounds, output, processes, reporter=Stopping())
    journal = output / ".earmark" / "detect.jsonl"
    assert journal.read_bytes().count(b"\n") >= 10
    found = detect(sounds, output, processes)
    assert found.account.scored == 39
    assert files_of(output) == expected


def test_a_step_is_seeded_as_pytorch_seeds_it() -> None:
    torch.manual_seed(5)
    expected = torch.rand(4, device="cuda")
    seed_generators(5, torch.device("cuda", 0))
    assert torch.equal(torch.rand(4, device="cuda"), expected)


@pytest.mark.parametrize("recipe", recipes())
def test_a_training_step_never_waits(recipe: Recipe) -> None:
    module = TrainingModule(network(recipe).cuda(), recipe.training, total_steps=10, seed=0)
    optimiser = module.configure_optimizers()
    samples = round(0.6 * module.tagger.rate)
    targets = torch.tensor([[1.0, 0.0], [0.0, 1.0]], device="cuda")
    if recipe.training.self_training is not None:
        steps = module.tagger.steps_of(module.tagger.front_end.frames_in(samples))
        targets = targets[:, None].repeat(1, 1 + steps, 1)
    lengths = torch.full((2,), samples, device="cuda")
    batch = Batch(0.1 * torch.randn(2, samples, device="cuda"), lengths, targets, [0, 1], True)
    module.train()

    def step() -> None:
        optimiser.zero_grad()
        with arithmetic_of("bf16"), torch.autocast("cuda", dtype=torch.bfloat16):
            loss = module.training_step(batch, 0)
        loss.backward()
        optimiser.step()

    step()  # the first takes memory and chooses algorithms
    torch.cuda.set_sync_debug_mode("error")
    try:
        step()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert torch.isfinite(torch.stack(module.losses)).all()


def test_clips_go_into_the_memory_of_a_gpu_that_has_plenty(tmp_path: Path) -> None:
    sounds = flacs(tmp_path / "sounds")
    clips = [Clip(path, path.name, ("dog",)) for path in sorted(sounds.iterdir())[:6]]
    store = open_store(clips, 16_000, tmp_path / "cache")
    train = ClipSet(store, np.ones((len(store), 1), np.bool_))
    found, _, machine = held(train, None, Machine("cuda", hold=None))
    assert machine.hold is True
    cuts = np.array([(0, 100, 30_000), (2, 0, 30_000), (1, 5, 2_000)])
    plain, there = (fill(inputs, train.targets, cuts).inputs for inputs in (store, found.inputs))
    assert torch.equal(there.cpu(), plain)
    narrow = fill(store, train.targets, cuts, narrow=True)
    assert torch.equal(narrow.on("cuda").inputs.cpu(), plain)
    assert held(train, None, Machine("cuda", hold=None, workers=1))[2].hold is False
