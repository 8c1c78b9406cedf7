"""A public checkpoint file in, a model directory out: recognised, checked, converted, with a card naming its origin.

A file is recognised by its checksum, or else by the names and shapes of its tensors. Two architectures look alike in
all but their results (`published`): of these a file with an unknown checksum is refused unless the user names it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from earmark import __version__
from earmark.decisions import FILE_NAME, OperatingPoint, named_point
from earmark.errors import ModelError
from earmark.files import write_text
from earmark.hub.checkpoint import read_tensors
from earmark.hub.panns import converted, differences, fitting, some
from earmark.hub.published import CHECKPOINTS, DOI, Architecture, Checksums, checksums, published_as
from earmark.hub.refused import unsupported
from earmark.models.network import Network
from earmark.report.model_card import ModelCard, model_card
from earmark.report.points import calibration_text, method_text, point_table

_KEY = "model"  # of the checkpoint, under which the weights lie


@dataclass(frozen=True)
class Imported:
    """What became of a checkpoint."""

    name: Architecture
    published: bool  # its checksum is the published one
    labels: int
    parameters: int


def import_panns(
    checkpoint: str | os.PathLike[str],
    output: str | os.PathLike[str],
    architecture: Architecture | None = None,
    command: str = "",
) -> Imported:
    """Make `output` a model directory of a PANNs checkpoint (.pth), `architecture` being the one that the user named.

    No code in the file is run. `ModelError` if it is not such a checkpoint, or could be one of two.
    """
    path, folder = Path(checkpoint), Path(output)
    state = read_tensors(path, _KEY)
    sums = checksums(path)
    known = published_as(sums)
    name = _recognise(path, state, known, architecture)
    try:
        network = converted(state, name)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error
    point = named_point("default", network.labels)
    point.save(folder / FILE_NAME)
    write_text(folder / "README.md", _card(network, point, name, sums, known is not None, command))
    network.save_pretrained(folder)  # config.json last: only then it is a model
    return Imported(name, known is not None, len(network.labels), network.parameter_count())


def _recognise(
    path: Path, state: Mapping[str, Tensor], known: Architecture | None, said: Architecture | None
) -> Architecture:
    if said is not None and known is not None and said != known:
        raise ModelError(f"{path} is the published {known} by its checksum, not {said}")
    if (foreign := unsupported(state, path.name)) is not None:
        raise ModelError(f"{path} is {foreign}, which cannot be imported; these can: {', '.join(sorted(CHECKPOINTS))}")
    if name := said or known:
        if wrong := differences(state, name):
            raise ModelError(f"{path} is not {name}: {some(wrong)}")
        return name
    names, nearest = fitting(state)
    if not names:
        raise ModelError(f"{path} is not one of the checkpoints that can be imported; {nearest}")
    if len(names) > 1:
        raise ModelError(
            f"{path} may be {' or '.join(names)}, which have the same tensors, and its checksum matches neither; name "
            "one with --architecture (Cnn14_DecisionLevelAvg has them too, and cannot be imported)"
        )
    return names[0]


def _card(
    network: Network, point: OperatingPoint, name: Architecture, sums: Checksums, published: bool, command: str
) -> str:
    source = CHECKPOINTS[name]
    origin = f"{source.title}, {source.file}" if published else f"{source.title}, a file of unknown origin"
    licence = f"CC BY 4.0, https://doi.org/{DOI}; code of the authors: MIT"
    facts = {
        "made from": f"{origin} (md5 {sums.md5}, sha256 {sums.sha256})",
        "authors": "Q. Kong, Y. Cao, T. Iqbal, Y. Wang, W. Wang, M. D. Plumbley: PANNs, arXiv 1912.10211",
        **({"licence of the weights": licence} if published else {}),
        "labels": "the 527 classes of AudioSet (Google, CC BY 4.0)",
        "changes": f"tensors renamed by earmark {__version__}, their values unchanged",
        "operating point": point.origin,
    }
    return model_card(
        ModelCard(
            name=f"panns/{name}",
            labels=network.labels.names,
            summary=f"{source.title} of PANNs (Kong et al. 2020), trained on AudioSet, as a model of earmark.",
            rate=network.rate,
            parameters=network.parameter_count(),
            facts=facts,
            operating_point=point_table(point),
            tuning=f"{method_text(point)}\n{point.origin}",
            calibration=calibration_text(point),
            limits=["No threshold was tuned: `earmark tune` chooses them on labelled recordings."],
            licence="cc-by-4.0" if published else "",
            command=command,
        )
    )
