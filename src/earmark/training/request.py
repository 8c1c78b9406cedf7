"""What a training was asked for, and the directory that is its own.

    MODEL/
      recipe.yaml       what is followed
      training/         state of the run: run.json, written first; last.ckpt, weights of epochs the model is made of,
                        tensorboard/; lock, while it is trained;
                        of a self-training the teacher and its pseudo labels as well (`stages.py`)
      cache/            decoded clips; removed at the end
      log.csv           a row an epoch
      model.safetensors, operating_point.json, README.md, and last config.json: the model is complete
      members/          in place of model.safetensors, where the model is a fusion of epochs

`run.json` holds what the run was asked for, and the arithmetic it began in (`auto` measures the machine, and a second
measurement may come out otherwise). The same request goes on from the last checkpoint; another one in the same
directory is refused with the first thing that differs.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from earmark.data.records import Manifest
from earmark.decisions import FILE_NAME
from earmark.devices import Arithmetic, Precision, resolve_precision
from earmark.errors import ConfigError, OutputError
from earmark.files import is_leftover, json_text, sweep, write_text
from earmark.lock import Lock
from earmark.models.directory import MEMBERS
from earmark.models.network import NetworkOptions
from earmark.options import Options
from earmark.runtime.directory import CONFIG
from earmark.runtime.onnx import TWIN, WEIGHTS
from earmark.training.options import TrainingOptions
from earmark.training.transfer import Source

STATE = "training"
RUN = Path(STATE) / "run.json"
_FOLDERS = ("scores", MEMBERS)
LOCK, ASIDE = "lock", "last.ckpt.aside"  # in the folder of the state
_FILES = (CONFIG, WEIGHTS, TWIN, FILE_NAME, "README.md", "log.csv", "recipe.yaml")


class _Claim:
    """What fills a directory over time, and recognises it: the same request continues there."""

    output: Path  # the directory
    recipe: str  # YAML text, kept beside the model

    def asked(self) -> dict[str, Any]:
        """What makes this run this run, as plain data."""
        raise NotImplementedError

    def difference(self) -> str:
        """The first thing in which the run in the directory was asked for otherwise; empty where none was."""
        begun = _begun(self.output)
        return _first_difference({key: begun.get(key) for key in self.asked()}, self.asked()) if begun else ""

    def check(self) -> None:
        """Refuse a directory that is not this run's and cannot become it. `ConfigError`, `OutputError`."""
        if _begun(self.output):
            if differing := self.difference():
                raise ConfigError(
                    f"{self.output} already contains a training run with a different {differing}; choose another "
                    "directory, or use --overwrite to start again"
                )
        elif self.output.exists() and not self.output.is_dir():
            raise OutputError(f"{self.output} is a file; expected a directory for the model")
        elif self.output.is_dir() and not all(map(_is_left, self.output.iterdir())):
            raise OutputError(f"{self.output} is not empty and contains no training run; choose a new directory")

    def claim(self, precision: Precision | None = None) -> bool:
        """Make the directory this run's own, or find that it is; returns whether the run is a new one."""
        self.check()
        if _begun(self.output):
            if not (self.output / "recipe.yaml").is_file():  # killed between the two
                write_text(self.output / "recipe.yaml", self.recipe)
            return False
        asked = {**self.asked(), **({"precision": precision} if precision else {})}
        write_text(self.output / RUN, json_text(asked, indent=1) + "\n")
        write_text(self.output / "recipe.yaml", self.recipe)
        return True


@dataclass(frozen=True, kw_only=True)
class Request(_Claim):
    """What is to be trained."""

    train: Manifest
    valid: Manifest | None
    network: NetworkOptions
    training: TrainingOptions
    output: Path
    seed: int = 0
    recipe: str = ""  # YAML text, kept beside the model
    cache: Literal["auto", "on", "off", "device"] = (
        "auto"  # decode every clip once, into MODEL/cache; device: and keep all in its memory
    )
    source: Source | None = None  # the model whose weights it begins with
    unlabelled: Manifest | None = None  # recordings for the student alone, whose labels the teacher is to guess

    def asked(self) -> dict[str, Any]:
        """What makes this run this run, as plain data."""
        return {
            "network": self.network.model_dump(mode="json"),
            "training": self.training.model_dump(mode="json"),
            "seed": self.seed,
            "labels": list(self.train.labels),
            "training clips": _fingerprint(self.train),
            "validation clips": _fingerprint(self.valid),
            "source": self.source and self.source.asked(),
            "unlabelled clips": _fingerprint(self.unlabelled),
        }

    def precision(self, wanted: Precision, device: str) -> Arithmetic:
        """The arithmetic to train in: of a run that has begun its own. `ConfigError` where another is wanted."""
        begun: Arithmetic | None = _begun(self.output).get("precision")
        if begun is None:
            return resolve_precision(wanted, device)
        if wanted not in ("auto", begun):
            raise ConfigError(f"{self.output} already contains a training run with a different precision ({begun})")
        return begun


@dataclass(frozen=True)
class FusedRequest(_Claim):
    """What is to be trained and fused: requests by member's name, each into `output/members/name`.

    All members learn from the same clips and are validated on the same others. A run that is stopped goes on where it
    stopped: a member that is finished is left alone, and the one that was being trained goes on from its checkpoint.
    """

    members: Mapping[str, Request]
    output: Path
    recipe: str = ""  # YAML text, kept beside the model

    def asked(self) -> dict[str, Any]:
        """What makes this run this run, as plain data."""
        return {MEMBERS: {name: request.asked() for name, request in self.members.items()}}

    @property
    def first(self) -> Request:
        """The first member, whose clips are those of all."""
        return next(iter(self.members.values()))

    @property
    def seed(self) -> int:
        """What everything random follows from, in the first member and in the fusion."""
        return self.first.seed

    @property
    def operating_point(self) -> str:
        """How the fusion decides: as its members are to, where they agree; tuned, where they do not."""
        named = {request.training.operating_point for request in self.members.values()}
        return named.pop() if len(named) == 1 else "tuned"


def is_finished(folder: Path) -> bool:
    """Whether a training has completed here."""
    return (folder / CONFIG).is_file()


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Keep other trainings out of a directory, and remove what killed ones left half written in it.

    A directory that was made for this and has stayed empty goes again. `OutputError` saying who trains there.
    """
    try:
        with Lock(folder / STATE / LOCK, folder, remove=True):
            sweep(folder)
            for path in (folder / STATE).rglob(ASIDE):
                path.unlink()
            yield
    finally:
        _remove_empty(folder)


def clear(folder: Path) -> None:
    """Remove a model or a run from its directory: what a training writes and nothing else.

    `run.json` goes last, so that a directory half cleared is still known. `OutputError` where a training goes on.
    """
    if not is_finished(folder) and not (folder / RUN).is_file():
        return
    with alone(folder):
        clear_run(folder)


def clear_run(folder: Path) -> None:
    """The work of `clear`, for whoever is `alone` there."""
    for name in _FILES:  # config.json first: what is half gone is no model
        (folder / name).unlink(missing_ok=True)
    for name in ("cache", *_FOLDERS):
        shutil.rmtree(folder / name, ignore_errors=True)
    for path in (folder / STATE).iterdir():
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        elif path.name not in (RUN.name, LOCK):
            path.unlink()
    (folder / RUN).unlink(missing_ok=True)
    _remove_empty(folder)


def _remove_empty(folder: Path) -> None:
    for empty in (folder / STATE, folder):
        with contextlib.suppress(OSError):  # something lies in it
            empty.rmdir()


def _is_left(path: Path) -> bool:
    """Whether a file or folder in a directory is what a training leaves that was killed before it began."""
    if path.is_dir() and path.name == STATE:
        return all(is_leftover(inside.name) or inside.name == LOCK for inside in path.iterdir())
    return is_leftover(path.name)


def _begun(folder: Path) -> dict[str, Any]:
    """Content of run.json; nothing where no run has begun."""
    path = folder / RUN
    if not path.is_file():
        return {}
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ConfigError(f"{path} is damaged ({error}); use --overwrite to start again") from error
    return _completed(content)


def _completed(begun: dict[str, Any]) -> dict[str, Any]:
    """What an earlier version began, with the defaults of the options that it did not know."""
    completed = dict(begun)
    options: dict[str, type[Options]] = {"network": NetworkOptions, "training": TrainingOptions}
    for name, kind in options.items():
        with contextlib.suppress(KeyError, ConfigError):  # of a later version: compared as they are
            completed[name] = kind.parse(begun[name], name).model_dump(mode="json")
    if isinstance(begun.get(MEMBERS), dict):
        completed[MEMBERS] = {name: _completed(member) for name, member in begun[MEMBERS].items()}
    return completed


def _first_difference(old: Any, new: Any, where: str = "") -> str:
    """Dotted name of the first thing that differs; empty when nothing does."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in {**old, **new}:
            found = _first_difference(old.get(key), new.get(key), f"{where}.{key}" if where else key)
            if found:
                return found
        return ""
    return "" if old == new else where


def _fingerprint(manifest: Manifest | None) -> str | None:
    """Digest of the clips' names, labels and files' sizes."""
    if manifest is None:
        return None
    digest = hashlib.sha256()
    for clip in manifest.clips:
        digest.update(repr((clip.name, clip.labels, clip.path.stat().st_size)).encode())
    return digest.hexdigest()[:16]
