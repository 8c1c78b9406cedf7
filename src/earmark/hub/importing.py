"""A public checkpoint file in, a model directory out: recognised, checked, converted, with a card naming its origin.

A file is recognised by its checksum, or else by the names and shapes of its tensors. Some architectures look alike in
all but their results (Cnn14 and Cnn14_DecisionLevelMax): of these a file with an unknown checksum is refused unless
the user names it. Nothing that a file says is run (`checkpoint`).
"""

from __future__ import annotations

import csv
import io
import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from earmark import __version__
from earmark.decisions import FILE_NAME, OperatingPoint
from earmark.errors import ModelError, did_you_mean
from earmark.files import write_aside, write_text
from earmark.formats.audioset_names import read_classes, strong_classes
from earmark.hub import atst, beats, efficientat, frame_mn, panns, yamnet
from earmark.hub.checkpoint import read_tensors
from earmark.hub.family import Family, State, some
from earmark.hub.names import locate
from earmark.hub.published import AUDIOSET_STRONG, CHECKPOINTS, Checksums, Origin, checksums, origin_of, published_as
from earmark.models.network import Network
from earmark.report.model_card import ModelCard, model_card
from earmark.report.points import calibration_text, method_text, point_table
from earmark.runtime.directory import CONFIG

LABELS = "labels.csv"  # in the model directory: what AudioSet calls each label
FAMILIES: dict[str, Family] = {
    "panns": panns.FAMILY,
    "efficientat": efficientat.FAMILY,
    "frame-mn": frame_mn.FAMILY,
    "atst-f": atst.FAMILY,
    "beats": beats.FAMILY,
    "yamnet": yamnet.FAMILY,
}


@dataclass(frozen=True)
class Imported:
    """What became of a checkpoint."""

    name: str  # "panns/cnn14"
    origin: Origin  # whether it is the published file
    labels: int
    parameters: int


def import_model(
    source: str | os.PathLike[str],
    output: str | os.PathLike[str],
    architecture: str | None = None,
    command: str = "",
    family: str | None = None,
) -> Imported:
    """Make `output` a model directory of a checkpoint file (`import_checkpoint`), or of the public model of a name.

    A model by name is downloaded into the user's cache, as `locate` does, and copied from there.
    """
    name = Path(source).as_posix()
    if Path(source).exists() or name not in CHECKPOINTS:
        return import_checkpoint(source, output, architecture, command, family)
    if architecture is not None:
        raise ModelError(f"{name} is the name of a public model; --architecture is for a checkpoint file")
    folder = locate(name)
    network = Network.from_pretrained(folder)
    Path(output).mkdir(parents=True, exist_ok=True)
    for file in sorted(folder.iterdir(), key=lambda file: file.name == CONFIG):  # config.json last
        with write_aside(Path(output) / file.name) as temporary:
            shutil.copyfile(file, temporary)
    origin: Origin = "unknown" if CHECKPOINTS[name].checksum is None else "published"
    return Imported(name, origin, len(network.labels), network.parameter_count())


def import_checkpoint(
    checkpoint: str | os.PathLike[str],
    output: str | os.PathLike[str],
    architecture: str | None = None,
    command: str = "",
    family: str | None = None,
) -> Imported:
    """Make `output` a model directory of a public checkpoint, `architecture` being the one that the user named.

    With `family` only its checkpoints are thought of. No code in the file is run. `ModelError` if it is not such a
    checkpoint, or could be one of two.
    """
    path, folder = Path(checkpoint), Path(output)
    known_names = [name for name in CHECKPOINTS if family is None or name.startswith(f"{family}/")]
    said = None if architecture is None else _named(architecture, known_names)
    state, families = _read(path, {name.partition("/")[0] for name in ([said] if said else known_names)})
    sums = checksums(path)
    name = _recognise(path, state, published_as(sums), said, families)
    part, _, short = name.partition("/")
    try:
        network = FAMILIES[part].converted(FAMILIES[part].renamed(state), short)
        network = FAMILIES[part].finished(network, short, path)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error
    point, origin = FAMILIES[part].point(short, network.labels), origin_of(name, sums)
    point.save(folder / FILE_NAME)
    write_text(folder / LABELS, _labels(network))
    write_text(folder / "README.md", _card(network, point, name, sums, origin, command))
    network.save_pretrained(folder)  # config.json last: only then it is a model
    return Imported(name, origin, len(network.labels), network.parameter_count())


def _named(said: str, names: list[str]) -> str:
    """The checkpoint that a user means by "panns/cnn14", or by "cnn14" where only one family has that name."""
    meant = [name for name in names if said == name or name.endswith(f"/{said}")]
    if len(meant) == 1:
        return meant[0]
    guess = did_you_mean(said, [*names, *(name.partition("/")[2] for name in names)])
    raise ModelError(f"no architecture {said!r}{guess}; known: {', '.join(names)}")


def _read(path: Path, families: Iterable[str]) -> tuple[State, list[str]]:
    """The tensors of a checkpoint, and the families that it may be of, by its format."""
    wanted = [family for family in FAMILIES if family in families]
    for family in wanted:
        read = FAMILIES[family].read
        if read is not None and path.is_file() and (state := read(path)) is not None:
            return state, [family]
    torch = [family for family in wanted if FAMILIES[family].read is None] or wanted
    keys = {known.key for name, known in CHECKPOINTS.items() if name.partition("/")[0] in torch}
    return read_tensors(path, *sorted(keys, key=lambda key: (key is None, key))), torch


def _recognise(path: Path, state: State, known: str | None, said: str | None, families: list[str]) -> str:
    if said is not None and known is not None and said != known:
        raise ModelError(f"{path} is the published {known} by its checksum, not {said}")
    for family in families:
        if (foreign := FAMILIES[family].refused(state, path.name)) is not None:
            can = ", ".join(sorted(name for name in CHECKPOINTS if name.startswith(f"{family}/")))
            raise ModelError(f"{path} is {foreign}, which cannot be imported; these can: {can}")
    if name := said or known:
        part, _, short = name.partition("/")
        if wrong := FAMILIES[part].differences(state, short):
            raise ModelError(f"{path} is not {name}: {some(wrong)}")
        return name
    fits = {family: FAMILIES[family].fitting(state) for family in families}
    names = [f"{family}/{short}" for family, (fitting, _, _) in fits.items() for short in fitting]
    if not names:
        family = min(fits, key=lambda family: len(fits[family][2]))
        _, nearest, wrong = fits[family]
        raise ModelError(
            f"{path} is not one of the checkpoints that can be imported; nearest is {family}/{nearest}: {some(wrong)}"
        )
    if len(names) > 1:
        averaged = " (Cnn14_DecisionLevelAvg has them too, and cannot be imported)" if "panns/cnn14" in names else ""
        raise ModelError(
            f"{path} may be {' or '.join(names)}, which have the same tensors, and its checksum matches none; name "
            f"one with --architecture{averaged}"
        )
    return names[0]


def _labels(network: Network) -> str:
    """The labels with their identifiers in AudioSet, as its own list of classes has them: index,mid,display_name."""
    ids = {name: mid for classes in (strong_classes(), read_classes(None)) for mid, name in classes.items()}
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(("index", "mid", "display_name"))
    rows.writerows((index, ids.get(label, ""), label) for index, label in enumerate(network.labels))
    return text.getvalue()


_FILES = {
    "published": "{file} as published",
    "other": "a file of unknown origin",
    "unknown": "{file} or a file like it (its authors publish no checksum)",
}


def _card(network: Network, point: OperatingPoint, name: str, sums: Checksums, origin: Origin, command: str) -> str:
    known = CHECKPOINTS[name]
    source = known.source
    file = _FILES[origin].format(file=known.file)
    licence = f"{source.weights_licence}; code of the authors: {source.code_licence}"
    facts = {
        "made from": f"{known.title}, {file} (md5 {sums.md5}, sha256 {sums.sha256})",
        "authors": source.authors,
        **({"licence of the weights": licence} if origin != "other" else {}),
        "labels": f"{known.labels}; {LABELS} has their identifiers",
        "changes": f"by earmark {__version__}: {FAMILIES[name.partition('/')[0]].changes}",
        "operating point": point.origin,
    }
    return model_card(
        ModelCard(
            name=name,
            labels=network.labels.names,
            summary=f"{known.title} of {source.title}, trained on AudioSet, as a model of earmark.",
            rate=network.rate,
            parameters=network.parameter_count(),
            facts=facts,
            operating_point=point_table(point),
            tuning=f"{method_text(point)}\n{point.origin}",
            calibration=calibration_text(point),
            timed=known.labels == AUDIOSET_STRONG,
            limits=["No threshold was tuned: `earmark tune` chooses them on labelled recordings."],
            licence=source.spdx if origin != "other" else "",
            command=command,
        )
    )
