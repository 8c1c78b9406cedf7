"""Settings of the whole suite, a tiny labelled collection, and a model trained on it once."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Small networks run fastest on one thread, and several test processes must not fight over the cores.
# Set before any test imports torch, which reads it once.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Where a test asks for more, threads without work sleep: another process needs the core on which they would spin.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# What PyTorch's tracer computes of shapes is hardly ever asked for twice here; keeping it takes a third of the time of
# tracing a network, which the tests of export and of compilation do most.
os.environ.setdefault("TORCH_FAKE_TENSOR_DISPATCH_CACHE", "0")
# Kernels for a GPU run in Triton's interpreter where there is none. Read when Triton is first imported.
if not os.path.exists("/proc/driver/nvidia"):
    os.environ.setdefault("TRITON_INTERPRET", "1")

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, settings

from tests.bred import Breeder

# On a machine that is busy with other work, any example may take long, and so may making it.
settings.register_profile("earmark", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("earmark")

TONES = {"beep": 2000, "horn": 400, "hum": 150, "whistle": 4000}  # Hz; each label is a tone over faint noise
SECONDS, RATE = 2.0, 16_000
RECIPE = """\
name: tiny
network:
  features: {kind: logmel, rate: 16000, window: 512, hop: 320, bands: 24}
  encoder: {kind: crnn, channels: [8], pools: [4], convs: 1, activation: glu, last: 16, units: 8}
  pooling: {kind: attention, axis: class}
  window_seconds: 4.0
  overlap_seconds: 1.0
training: {epochs: 12, batch_size: 8, learning_rate: 0.01, warmup_steps: 0}
"""


@dataclass(frozen=True)
class Ran:
    """What a command did."""

    code: int
    out: str
    err: str


def tone_clip(seed: list[int], labels: list[str]) -> tuple[np.ndarray, list[tuple[float, float, str]]]:
    """Two seconds of faint noise with a tone for each label, and when it sounds."""
    rng = np.random.default_rng(seed)
    wave, events = 0.01 * rng.standard_normal(round(SECONDS * RATE)), []
    for label in labels:
        onset = round(rng.uniform(0, 1.2), 2)
        offset = round(onset + rng.uniform(0.4, 0.8), 2)
        times = np.arange(round(onset * RATE), round(offset * RATE))
        wave[times] += 0.2 * np.sin(2 * np.pi * TONES[label] * times / RATE)
        events.append((onset, offset, label))
    return wave, events


def write_collection(folder: Path, clips: int, seed: int) -> None:
    """`weak.tsv`, `strong.tsv` and `audio/`; every label in one of the first clips, few or none in the others."""
    (folder / "audio").mkdir(parents=True)
    weak, strong = ["filename\tevent_labels"], ["filename\tonset\toffset\tevent_label"]
    for number in range(clips):
        rng = np.random.default_rng([seed, number, 1])
        names = list(TONES)
        labels = [names[number]] if number < len(names) else sorted(rng.choice(names, rng.integers(0, 3), False))
        wave, events = tone_clip([seed, number], labels)
        name = f"{folder.name}{number:02d}.wav"
        soundfile.write(folder / "audio" / name, wave, RATE)
        weak.append(f"{name}\t{','.join(labels)}")
        strong += [f"{name}\t{onset:.2f}\t{offset:.2f}\t{label}" for onset, offset, label in events] or [
            f"{name}\t\t\t"
        ]
    (folder / "weak.tsv").write_text("\n".join(weak) + "\n")
    (folder / "strong.tsv").write_text("\n".join(strong) + "\n")


@pytest.fixture(autouse=True)
def keep_denormals() -> Iterator[None]:
    """Commands flush denormals for speed; within this process that must not reach the next test."""
    yield
    if "torch" in sys.modules:
        sys.modules["torch"].set_flush_denormal(False)


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nothing is written into the user's cache, or taken from it."""
    before = os.environ.get("EARMARK_CACHE")
    os.environ["EARMARK_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    yield
    if before is None:
        del os.environ["EARMARK_CACHE"]
    else:
        os.environ["EARMARK_CACHE"] = before


@pytest.fixture(scope="session")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`train/` (32 clips, tags alone) and `dev/` (16 clips, events too). Not to be changed."""
    folder = tmp_path_factory.mktemp("collection")
    write_collection(folder / "train", 32, 0)
    (folder / "train" / "strong.tsv").unlink()
    write_collection(folder / "dev", 16, 1)
    return folder


@pytest.fixture(scope="session")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recipe that learns the tones in two seconds."""
    path = tmp_path_factory.mktemp("recipe") / "tiny.yaml"
    path.write_text(RECIPE)
    return path


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, collection: Path, recipe: Path) -> Path:
    """A model directory as `earmark train` leaves it, tuned on dev. Not to be changed."""
    from earmark.cli.app import run

    folder = tmp_path_factory.mktemp("trained") / "model"
    words = ["train", collection / "train", "-o", folder, "--recipe", recipe, "--valid", collection / "dev"]
    assert run([*map(str, words), "--precision", "float32", "--quiet"]) == 0
    return folder


@pytest.fixture(scope="session")
def twin(tmp_path_factory: pytest.TempPathFactory, trained: Path) -> Path:
    """The trained model with its ONNX twin. Not to be changed."""
    from earmark.export import export

    folder = Path(shutil.copytree(trained, tmp_path_factory.mktemp("twin") / "model"))
    export(folder)
    return folder


@pytest.fixture
def model(tmp_path: Path, trained: Path) -> Path:
    """A copy of the trained model, to be changed at will."""
    return Path(shutil.copytree(trained, tmp_path / "model"))


@pytest.fixture
def earmark(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """Run a command within this process."""
    from earmark.cli.app import run

    def call(*arguments: object) -> Ran:
        capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return Ran(code, out, err)

    return call


@pytest.fixture(scope="session")
def bred() -> Iterator[Breeder]:
    """Commands in processes of their own, for tests of which the process is the point."""
    with Breeder() as breeder:
        yield breeder


@pytest.fixture
def kernels_on(monkeypatch: pytest.MonkeyPatch) -> str:
    """The device on which Triton's kernels are tried: a GPU, or else the CPU, by the interpreter; used by default."""
    pytest.importorskip("triton", reason="Triton, which comes with PyTorch for NVIDIA GPUs, is not installed")
    import torch

    for name in ("encoders.fused_norm.usable", "features.logmel.runs_kernels"):
        monkeypatch.setattr(f"earmark.{name}", lambda x: True)
    if torch.cuda.is_available():
        return "cuda"
    monkeypatch.setattr("earmark.encoders.fused_norm._ROWS", 64)  # the interpreter's time goes by programs
    from triton.runtime import interpreter

    patch_tensor = interpreter._patch_lang_tensor

    def patched(tensor: Any, scope: Any) -> None:
        patch_tensor(tensor, scope)
        scope.set_attr(tensor, "__index__", lambda self: self.handle.data.item())  # its own fails with numpy 2.4

    monkeypatch.setattr(interpreter, "_patch_lang_tensor", patched)
    monkeypatch.setattr(interpreter.InterpreterBuilder, "create_dot", _dot)
    return "cpu"


def _dot(self: Any, a: Any, b: Any, d: Any, *precision: Any) -> Any:
    """The interpreter's own multiplies the bits of bfloat16 numbers as if they were integers."""
    import triton.language as tl
    from triton.runtime.interpreter import TensorHandle

    def values(x: Any) -> Any:
        if x.dtype.scalar != tl.bfloat16:
            return x.data
        return (x.data.astype(np.uint32) << 16).view(np.float32)

    return TensorHandle(np.matmul(values(a), values(b), dtype=d.data.dtype) + d.data, d.dtype.scalar)
