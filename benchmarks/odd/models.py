"""Model directories, recipes and checkpoints, damaged or made to harm.

One small network is made, with its ONNX twin; a case changes one of its files, a recipe or a checkpoint of PyTorch,
and opens it. What opens is run on a second of noise, and must give scores that are probabilities.
"""

from __future__ import annotations

import json
import shutil
import struct
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from benchmarks.odd.case import Made, Read

RATE = 8_000
FILES = ("config.json", "operating_point.json", "model.safetensors", "model.onnx", "recipe.yaml", "checkpoint.pth")
ODD = (
    *(None, True, -1, 0, 1, 2, 10**9, 10**18, 10**400, 0.5, -0.5, 1e308, float("nan"), float("inf")),
    *("", "x", "../..", "/", "a" * 100_000, "nan", "\x00", "\ud800", "\x1b[31m", "2024-01-01"),
    *([], {}, [None], [[[]]], {"kind": "x"}, ["dog", "dog"], [1, 2]),
)
YAML = (
    "a: &a [x, x, x, x, x, x, x, x, x]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a]\nc: &c [*b, *b, *b, *b, *b, *b, *b]\n"
    "d: &d [*c, *c, *c, *c, *c, *c, *c]\ne: &e [*d, *d, *d, *d, *d, *d, *d]\nname: *e\n",
    "name: !!python/object/apply:os.system ['true']\n",
    "name: " + "[" * 5_000 + "]" * 5_000 + "\n",
    "name: " + "9" * 10_000 + "\n",
    "name: 2024-01-01\nseed: 12:30:45\n",
    "? {a: b}\n: c\n",
    "name: x\nname: y\n",
    "<<: *nothing\n",
    "&a a: *a\n",
    "name: 0x" + "f" * 5_000 + "\n",
    "--- \nname: x\n---\nname: y\n",
    "\t- x\n",
    "!!binary x: y\n",
)


class Models:
    """Cases of `robustness.py`."""

    tolerance = 0.0

    def __init__(self) -> None:
        self._place = tempfile.TemporaryDirectory()
        self._good = Path(self._place.name) / "model"
        _make(self._good)

    def make(self, rng: np.random.Generator, folder: Path) -> Made:
        """A directory with one file changed."""
        name = str(rng.choice(FILES))
        model = Path(shutil.copytree(self._good, folder / "model"))
        path = model / name
        if name != "model.onnx":
            (model / "model.onnx").unlink()
        kind = {"json": "json", "yaml": "yaml", "safetensors": "tensors"}.get(path.suffix[1:], "")
        changes = {**BYTES, **STRUCTURED.get(kind, {}), **STRUCTURED.get(kind, {})}
        structured = kind and rng.random() < 0.7
        change = str(rng.choice(list(STRUCTURED[kind] if structured else BYTES)))
        path.write_bytes(changes[change](path.read_bytes(), rng))
        return Made(path, name, change)

    def read(self, made: Made) -> Read:
        """Open it, and run it."""
        if made.form == "recipe.yaml":
            from earmark.recipes import load_recipe

            load_recipe(str(made.path))
            return Read(1.0)
        if made.form == "checkpoint.pth":
            from earmark.hub.importing import import_checkpoint

            import_checkpoint(made.path, made.path.parent / "imported")
            return Read(1.0)
        import earmark

        result = earmark.load(made.path.parent, device="cpu")(_noise(), RATE)
        scores = (result.scores.clip, result.scores.frames)
        good = all(bool(((each >= 0) & (each <= 1)).all()) for each in scores)
        return Read(1.0, None, None if good else "scores that are no probabilities")


def cases() -> Models:
    """For `robustness.py`."""
    return Models()


def _noise() -> np.ndarray:
    return (0.1 * np.random.default_rng(0).standard_normal(RATE)).astype(np.float32)


def _make(folder: Path) -> None:
    import torch

    from benchmarks.odd.stops import RECIPE
    from earmark.decisions import named_point
    from earmark.export import export
    from earmark.models.directory import write_model
    from earmark.models.network import ModelOptions, Network
    from earmark.recipes import load_recipe

    folder.mkdir()
    (folder / "recipe.yaml").write_text(RECIPE)
    recipe = load_recipe(str(folder / "recipe.yaml"))
    torch.manual_seed(0)
    network = Network(ModelOptions(labels=("dog", "cat"), **dict(recipe.network)))
    write_model(network.eval(), folder, named_point("default", network.labels))
    export(folder)
    torch.save({"model": {"fc1.weight": torch.ones(3, 2), "bn0.bias": torch.zeros(2)}}, folder / "checkpoint.pth")


def _flip(data: bytes, rng: np.random.Generator) -> bytes:
    changed = np.frombuffer(data, np.uint8).copy()
    near = min(len(changed), int(rng.choice([16, 512, len(changed)])))
    places = rng.integers(0, near, int(rng.choice([1, 2, 8, 64])))
    changed[places] ^= (1 << rng.integers(0, 8, len(places))).astype(np.uint8)
    return changed.tobytes()


def _cut(data: bytes, rng: np.random.Generator) -> bytes:
    return data[: int(rng.integers(0, len(data)))]


def _zeroed(data: bytes, rng: np.random.Generator) -> bytes:
    first = int(rng.integers(0, len(data)))
    length = min(int(rng.choice([16, 512, 65_536])), len(data) - first)
    return data[:first] + bytes(length) + data[first + length :]


def _lost(data: bytes, rng: np.random.Generator) -> bytes:
    first = int(rng.integers(0, len(data)))
    return data[:first] + data[first + int(rng.choice([1, 4, 100])) :]


def _number(data: bytes, rng: np.random.Generator) -> bytes:
    first = int(rng.integers(0, max(1, min(len(data) - 8, 300))))
    return data[:first] + struct.pack("<Q", int(rng.choice([0, 1, 2**31, 2**63 - 1]))) + data[first + 8 :]


Change = Callable[[bytes, np.random.Generator], bytes]
BYTES: dict[str, Change] = {
    "flipped bits": _flip,
    "cut": _cut,
    "zeroed": _zeroed,
    "lost": _lost,
    "odd number": _number,
    "noise": lambda data, rng: rng.bytes(int(rng.integers(0, 3_000))),
    "twice": lambda data, rng: data + data,
}


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths to every value within plain data."""
    found = [path] if path else []
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in inside:
        found += _places(part, (*path, key))
    return found


def _changed(value: Any, rng: np.random.Generator) -> Any:
    """Plain data with one value replaced, removed, or one added."""
    paths = _places(value)
    path = paths[int(rng.integers(0, len(paths)))]
    place = value
    for key in path[:-1]:
        place = place[key]
    odd = ODD[int(rng.integers(0, len(ODD)))]
    how = rng.random()
    if how < 0.75:
        place[path[-1]] = odd
    elif how < 0.9:
        del place[path[-1]]
    elif isinstance(place, dict):
        place[str(rng.choice(["x", "kindd", "__class__", ""]))] = odd
    else:
        place.append(odd)
    return value


def _json(data: bytes, rng: np.random.Generator) -> bytes:
    return json.dumps(_changed(json.loads(data), rng)).encode()


def _nested(data: bytes, rng: np.random.Generator) -> bytes:
    depth = int(rng.choice([500, 100_000]))
    mark = [(b"[", b"]"), (b'{"a":', b"}")][int(rng.integers(0, 2))]
    return mark[0] * depth + b"1" + mark[1] * depth


def _yaml(data: bytes, rng: np.random.Generator) -> bytes:
    changed = _changed(yaml.safe_load(data), rng)
    try:
        return yaml.safe_dump(changed, allow_unicode=True).encode("utf-8", "surrogatepass")
    except (yaml.YAMLError, UnicodeError, ValueError):
        return data


def _bomb(data: bytes, rng: np.random.Generator) -> bytes:
    odd = YAML[int(rng.integers(0, len(YAML)))].encode()
    return odd if rng.random() < 0.5 else data + odd


def _header(data: bytes, rng: np.random.Generator) -> bytes:
    """The header of the tensors changed in one value."""
    size = struct.unpack("<Q", data[:8])[0]
    header = json.dumps(_changed(json.loads(data[8 : 8 + size]), rng)).encode()
    return struct.pack("<Q", len(header)) + header + data[8 + size :]


def _weights(data: bytes, rng: np.random.Generator) -> bytes:
    """One weight that is not a number, or far too large."""
    size = struct.unpack("<Q", data[:8])[0]
    count = (len(data) - 8 - size) // 4
    place = 8 + size + 4 * int(rng.integers(0, count))
    return data[:place] + struct.pack("<f", float(rng.choice([np.nan, np.inf, 3e38, -3e38]))) + data[place + 4 :]


def _of_torch(data: bytes, rng: np.random.Generator) -> bytes:
    """Other tensors than those of the network."""
    import safetensors.torch
    import torch

    state = safetensors.torch.load(data)
    name = list(state)[int(rng.integers(0, len(state)))]
    odd: list[Any] = [torch.zeros(0), torch.ones(3, 3, 3)]
    odd += [state[name].to(kind) for kind in (torch.float64, torch.int32, torch.float16)]
    state[name] = odd[int(rng.integers(0, len(odd)))]
    return bytes(safetensors.torch.save(state))


STRUCTURED: dict[str, dict[str, Change]] = {
    "json": {"value": _json, "values": lambda data, rng: _json(_json(data, rng), rng), "nested": _nested},
    "yaml": {"value": _yaml, "bomb": _bomb},
    "tensors": {"header": _header, "weights": _weights, "tensor": _of_torch},
}
