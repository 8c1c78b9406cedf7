"""The model that comes with the package, `earmark/everyday`: where it lies, and that it is the one that was made.

    earmark/box/everyday/
      config.json, model.safetensors, operating_point.json, recipe.yaml   an ordinary model directory
      README.md     the model card; `earmark card` prints it
      sources.tsv   every recording it learnt from: where it is from, whose it is, its licence
      scores.tsv    what each class is worth, in full
      check.json    what it makes of a clip that anyone can compute (`check_clip`)
      SHA256SUMS    of all the other files, as `sha256sum` writes and reads them

`seal` writes the last two when a model is put into the box; `verify` holds a box against them.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from earmark.errors import ModelError
from earmark.files import write_text

FAMILY = "earmark/"
NAME = "earmark/everyday"
CHECK, SUMS = "check.json", "SHA256SUMS"
MOST_BYTES = 8_000_000  # of the whole directory
TOLERANCE = 1e-4  # of scores in check.json: processors add up in different orders
CHECK_SECONDS = 3.0
_EVERY = 15  # every n-th frame score is stored

Heard = dict[str, dict[str, list[float]]]


@dataclass(frozen=True)
class Verified:
    """What was found in a box that is in order."""

    labels: int
    files: int
    size: int  # bytes, of all files
    deviation: float  # the largest, of scores from those written down

    def __str__(self) -> str:
        held = f"{self.labels} labels, {self.files} files, {self.size / 1e6:.2f} MB"
        return f"{held}, scores of the check clip within {self.deviation:.0e}"


def directory() -> Path:
    """The model directory within the installed package; `ModelError` where the package came without it."""
    folder = _folder()
    if not (folder / "config.json").is_file():
        raise ModelError(
            f"{NAME} is missing from this installation ({folder}); reinstall earmark, or name a model with -m"
        )
    return folder


def holds(folder: str | os.PathLike[str]) -> bool:
    """Whether a model directory is the one in the package, in which nothing is written."""
    return Path(folder).resolve() == _folder().resolve()


def notes_of(folder: Path) -> Path:
    """Where scores of a model are kept: in its directory; of the model in the package, in the user's cache."""
    from earmark.hub.cache import cache_folder  # costs time that no other model need take

    return cache_folder() / NAME if holds(folder) else folder


def notice(labels: int) -> str:
    """The notice for users who named no model; `labels` counts those that it can report.

    >>> notice(67)
    "no model given: using earmark/everyday (67 labels; 'earmark card' describes it)"
    """
    return f"no model given: using {NAME} ({labels} labels; 'earmark card' describes it)"


def check_clip(rate: int) -> npt.NDArray[np.float32]:
    """The clip (samples,) of the check at `rate` Hz: faint noise throughout; a siren, beeps of an alarm clock, clicks.

    The model in the package finds the alarm clock in it.

    >>> check_clip(32_000).shape
    (96000,)
    """
    times = np.arange(round(CHECK_SECONDS * rate)) / rate  # seconds
    noise = np.random.RandomState(7).standard_normal(len(times))  # the one generator whose numbers NumPy never changes
    turns = 900 * times - 400 / (1.4 * np.pi) * (np.cos(1.4 * np.pi * times) - 1)  # 900 Hz, up and down by 400
    odd = [number for number in range(1, 13, 2) if 1300 * number < rate / 2]  # up to half the rate
    siren = sum(np.sin(2 * np.pi * number * turns) / number for number in odd) * (times < 1)
    beeps = np.sin(2 * np.pi * 3000 * times) * ((times >= 1.25) & (times < 2.4) & ((times - 1.25) % 0.24 < 0.12))
    clicks = (np.arange(len(times)) % (rate // 8) < 8) * (times >= 2.6)
    return (0.002 * noise + 0.23 * siren + 0.23 * beeps + 0.3 * clicks).astype(np.float32)


def hear_check(folder: str | os.PathLike[str]) -> Heard:
    """What the model in `folder` makes of `check_clip`: by label its clip score, and some of its frame scores.

    Folded, as for inference, but not packed, so that every processor can check it. `ModelError` if it cannot be read.
    """
    import torch  # the name of the box, its notice and its card need none

    from earmark.models.fast import fold
    from earmark.models.network import Network

    network = fold(Network.from_pretrained(folder))
    with torch.inference_mode():
        pooled = network(torch.from_numpy(check_clip(network.rate))[None])
    clip, frames = pooled.clip[0].tolist(), pooled.frames[0, ::_EVERY].T.tolist()  # (classes,), (classes, some frames)
    return {
        label: {"clip": [score], "frames": row} for label, score, row in zip(network.labels, clip, frames, strict=True)
    }


def write_check(folder: str | os.PathLike[str]) -> Path:
    """Write down what the model in `folder` makes of the check's clip; the file."""
    rounded = {
        label: {kind: [round(score, 7) for score in scores] for kind, scores in of.items()}
        for label, of in hear_check(folder).items()
    }
    path = Path(folder) / CHECK
    lines = ",\n".join(f"  {json.dumps(label)}: {json.dumps(of)}" for label, of in rounded.items())
    write_text(path, f"{{\n{lines}\n}}\n")
    return path


def seal(folder: str | os.PathLike[str]) -> Verified:
    """Write check.json and SHA256SUMS of a finished model directory, and verify it. `ModelError` as `verify` raises.

    Folders within it are not part of the box.
    """
    write_check(folder)
    digests = {name: _digest(Path(folder) / name) for name in _files(Path(folder))}
    write_text(Path(folder) / SUMS, "".join(f"{digest}  {name}\n" for name, digest in digests.items()))
    return verify(folder)


def verify(folder: str | os.PathLike[str]) -> Verified:
    """Hold a box against its checksums, its size against what is allowed, its scores against those written down.

    `ModelError` names the first thing that is not as it was.
    """
    where = Path(folder)
    size = _verify_files(where)
    if size > MOST_BYTES:
        raise ModelError(f"{where} has {size:,} bytes; the limit is {MOST_BYTES:,}")
    stated = json.loads((where / CHECK).read_text(encoding="utf-8"))
    heard = hear_check(where)
    if list(stated) != list(heard):
        raise ModelError(f"{where / CHECK}: its labels differ from those of the model")
    deviation = 0.0
    for label, of in heard.items():
        for kind, scores in of.items():
            if len(stated[label][kind]) != len(scores):
                raise ModelError(f"{where / CHECK}: {label} has {len(stated[label][kind])} {kind}, not {len(scores)}")
            off = float(np.abs(np.subtract(scores, stated[label][kind])).max())
            if not off <= TOLERANCE:  # also refuses values that are not numbers
                raise ModelError(f"{where / CHECK}: the {kind} score of {label} is off by {off:.2g}")
            deviation = max(deviation, off)
    return Verified(len(heard), len(_files(where)) + 1, size, deviation)


def _folder() -> Path:
    return Path(__file__).parents[1] / "box" / NAME.removeprefix(FAMILY)


def _verify_files(folder: Path) -> int:
    """Bytes of all files, whose checksums were right."""
    path = folder / SUMS
    if not path.is_file():
        raise ModelError(f"{path} is missing, so the files cannot be checked")
    lines = path.read_text(encoding="utf-8").splitlines()
    stated = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    if odd := sorted(stated.keys() ^ set(_files(folder))):
        raise ModelError(f"{folder / odd[0]} is {'missing' if odd[0] in stated else f'not in {SUMS}'}")
    for name, digest in stated.items():
        if _digest(folder / name) != digest:
            raise ModelError(f"{folder / name} was changed: its checksum differs")
    return sum((folder / name).stat().st_size for name in (*stated, SUMS))


def _files(folder: Path) -> list[str]:
    """Names of the files that SHA256SUMS lists."""
    return sorted(path.name for path in folder.iterdir() if path.is_file() and path.name != SUMS)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
