"""The public PANNs checkpoints: what they are called, where they lie, and their checksums.

Kong, Cao, Iqbal, Wang, Wang and Plumbley 2020, "PANNs: Large-scale pretrained audio neural networks for audio pattern
recognition"; Zenodo record 3987831, CC BY 4.0 (docs/papers/hong2020.md, section 8). Cnn14 and Cnn14_DecisionLevelMax
have the same size, names and shapes: only the checksum distinguishes them.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from earmark.errors import ModelError

Architecture = Literal[
    "cnn10", "cnn14", "cnn14-decision-max", "cnn14-decision-att", "wavegram-logmel-cnn14", "cnn14-16k"
]
DOI = "10.5281/zenodo.3987831"
_FILES = "https://zenodo.org/record/3987831/files"


@dataclass(frozen=True)
class Published:
    """One checkpoint file."""

    title: str  # the architecture as its authors write it
    file: str
    md5: str
    sha256: str | None = None

    @property
    def url(self) -> str:
        """Where it lies."""
        return f"{_FILES}/{quote(self.file)}?download=1"


@dataclass(frozen=True)
class Checksums:
    """Of a file."""

    md5: str
    sha256: str


CHECKPOINTS: dict[Architecture, Published] = {
    "cnn10": Published("Cnn10", "Cnn10_mAP=0.380.pth", "bfb1f1f9968938fa8ef4012b8471f5f6"),
    "cnn14": Published(
        "Cnn14",
        "Cnn14_mAP=0.431.pth",
        "541141fa2ee191a88f24a3219fff024e",
        "0dc499e40e9761ef5ea061ffc77697697f277f6a960894903df3ada000e34b31",
    ),
    "cnn14-decision-max": Published(
        "Cnn14_DecisionLevelMax",
        "Cnn14_DecisionLevelMax_mAP=0.385.pth",
        "70539c43c18b6a289b3199c503a82c5a",
        "dd3b4043a87d4ec13df8082c0fcfee3fb5084151808e47e060987a95eabdd142",
    ),
    "cnn14-decision-att": Published(
        "Cnn14_DecisionLevelAtt", "Cnn14_DecisionLevelAtt_mAP=0.425.pth", "c8281ca2b9967244b91d557aa941e8ca"
    ),
    "wavegram-logmel-cnn14": Published(
        "Wavegram_Logmel_Cnn14", "Wavegram_Logmel_Cnn14_mAP=0.439.pth", "17fa9ab65af3c0eb5ffbc5f65552c4e1"
    ),
    "cnn14-16k": Published(
        "Cnn14_16k",
        "Cnn14_16k_mAP=0.438.pth",
        "362fc5ff18f1d6ad2f6d464b45893f2c",
        "e2ee543a27919542c2ea03eabaa70b24dcd4e6c8e05621de6b67a94e4c5058e6",
    ),
}


def checksums(path: Path) -> Checksums:
    """Checksums of a file. `ModelError` when it cannot be read."""
    try:
        with open(path, "rb") as file:
            md5 = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
            file.seek(0)
            return Checksums(md5, hashlib.file_digest(file, "sha256").hexdigest())
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror or error}") from error


def published_as(found: Checksums) -> Architecture | None:
    """Which public checkpoint a file is; None when it is none of them.

    A md5 can be forged, so that where the sha256 is known it must agree as well.
    """
    for name, known in CHECKPOINTS.items():
        if known.md5 == found.md5 and known.sha256 in (None, found.sha256):
            return name
    return None
