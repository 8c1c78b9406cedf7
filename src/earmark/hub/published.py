"""The public checkpoints: one table of what they are called, where they lie, their checksums, and whose they are.

A model's name is FAMILY/NAME, "panns/cnn14". How a family's checkpoints become models is in `hub/FAMILY.py`; this table
loads nothing.

PANNs: Kong, Cao, Iqbal, Wang, Wang and Plumbley 2020, "PANNs: Large-scale pretrained audio neural networks for audio
pattern recognition"; Zenodo record 3987831, CC BY 4.0 (docs/papers/hong2020.md, section 8). Cnn14 and
Cnn14_DecisionLevelMax have the same size, names and shapes: only the checksum distinguishes them.

YAMNet: Plakal and Ellis 2019. Its checksum is not its authors': many public projects state this one of the same address
(15,296,092 bytes).

Where nobody publishes a checksum, none is stated here: the sha256 of the file that was downloaded is written into
the model's card, so that two downloads can be compared.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import quote, unquote, urlsplit

from earmark.errors import ModelError

AUDIOSET = "the 527 classes of AudioSet (Google, CC BY 4.0)"


@dataclass(frozen=True)
class Source:
    """Who published checkpoints, and on what terms: what a model's card says."""

    title: str  # what the checkpoints are called together
    authors: str  # with their paper
    code_licence: str  # of the authors' code
    weights_licence: str  # of the checkpoints, with where it is stated
    spdx: str  # the same as an identifier of the Hugging Face Hub, "cc-by-4.0"


@dataclass(frozen=True)
class Published:
    """One checkpoint file."""

    source: Source
    title: str  # the architecture as its authors write it
    url: str
    key: str | None = None  # of the checkpoint, under which its tensors lie; None: they are all it holds
    labels: str = AUDIOSET  # which classes they are, and whose the list is
    md5: str | None = None
    sha256: str | None = None
    named: str | None = None  # the file's name, where its address does not have it

    @property
    def file(self) -> str:
        """The file's name.

        >>> CHECKPOINTS["panns/cnn10"].file
        'Cnn10_mAP=0.380.pth'
        """
        return self.named or unquote(urlsplit(self.url).path.rpartition("/")[2])

    @property
    def checksum(self) -> str | None:
        """What a download is checked by, "md5:..." or "sha256:..."; None where none is published."""
        if self.sha256 is not None:
            return f"sha256:{self.sha256}"
        return None if self.md5 is None else f"md5:{self.md5}"


@dataclass(frozen=True)
class Checksums:
    """Of a file."""

    md5: str
    sha256: str


AUDIOSET_STRONG = "the 447 classes of AudioSet-strong's training set (Google, CC BY 4.0)"
DOI = "10.5281/zenodo.3987831"
PANNS = Source(
    title="PANNs",
    authors="Q. Kong, Y. Cao, T. Iqbal, Y. Wang, W. Wang, M. D. Plumbley: PANNs, arXiv 1912.10211",
    code_licence="MIT",
    weights_licence=f"CC BY 4.0, https://doi.org/{DOI}",
    spdx="cc-by-4.0",
)


EFFICIENTAT = Source(
    title="EfficientAT",
    authors="F. Schmid, K. Koutini, G. Widmer: Efficient large-scale audio tagging via transformer-to-CNN knowledge "
    "distillation, arXiv 2211.04772; Dynamic convolutional neural networks as efficient pre-trained audio models, "
    "arXiv 2310.15648",
    code_licence="MIT",
    weights_licence="MIT, as the repository that releases them, https://github.com/fschmid56/EfficientAT",
    spdx="mit",
)
PRETRAINED_SED = Source(
    title="PretrainedSED",
    authors="F. Schmid, T. Morocutti, F. Foscarin, J. Schlueter, P. Primus, G. Widmer: Effective pre-training of audio "
    "transformers for sound event detection, arXiv 2409.09546",
    code_licence="MIT",
    weights_licence="MIT, as the repository that releases them, https://github.com/fschmid56/PretrainedSED",
    spdx="mit",
)
BEATS = Source(
    title="BEATs",
    authors="S. Chen, Y. Wu, C. Wang, S. Liu, D. Tompkins, Z. Chen, F. Wei: BEATs, arXiv 2212.09058",
    code_licence="MIT",
    weights_licence="MIT, https://github.com/microsoft/unilm/tree/master/beats",
    spdx="mit",
)
EFFICIENTAT_FILES = "https://github.com/fschmid56/EfficientAT/releases/download/v0.0.1/"
PRETRAINED_SED_FILES = "https://github.com/fschmid56/PretrainedSED/releases/download/v0.0.1/"


def _panns(title: str, file: str, md5: str, sha256: str | None = None) -> Published:
    url = f"https://zenodo.org/record/3987831/files/{quote(file)}?download=1"
    return Published(PANNS, title, url, "model", AUDIOSET, md5, sha256)


YAMNET = Source(
    title="Google",
    authors="M. Plakal, D. Ellis: YAMNet, https://github.com/tensorflow/models/tree/master/research/audioset/yamnet",
    code_licence="Apache 2.0",
    weights_licence="Apache 2.0 by the model's page of TensorFlow Hub and Kaggle; the address of the file states none",
    spdx="apache-2.0",
)

CHECKPOINTS: dict[str, Published] = {
    "panns/cnn10": _panns("Cnn10", "Cnn10_mAP=0.380.pth", "bfb1f1f9968938fa8ef4012b8471f5f6"),
    "panns/cnn14": _panns(
        "Cnn14",
        "Cnn14_mAP=0.431.pth",
        "541141fa2ee191a88f24a3219fff024e",
        "0dc499e40e9761ef5ea061ffc77697697f277f6a960894903df3ada000e34b31",
    ),
    "panns/cnn14-decision-max": _panns(
        "Cnn14_DecisionLevelMax",
        "Cnn14_DecisionLevelMax_mAP=0.385.pth",
        "70539c43c18b6a289b3199c503a82c5a",
        "dd3b4043a87d4ec13df8082c0fcfee3fb5084151808e47e060987a95eabdd142",
    ),
    "panns/cnn14-decision-att": _panns(
        "Cnn14_DecisionLevelAtt", "Cnn14_DecisionLevelAtt_mAP=0.425.pth", "c8281ca2b9967244b91d557aa941e8ca"
    ),
    "panns/wavegram-logmel-cnn14": _panns(
        "Wavegram_Logmel_Cnn14", "Wavegram_Logmel_Cnn14_mAP=0.439.pth", "17fa9ab65af3c0eb5ffbc5f65552c4e1"
    ),
    "panns/cnn14-16k": _panns(
        "Cnn14_16k",
        "Cnn14_16k_mAP=0.438.pth",
        "362fc5ff18f1d6ad2f6d464b45893f2c",
        "e2ee543a27919542c2ea03eabaa70b24dcd4e6c8e05621de6b67a94e4c5058e6",
    ),
    "efficientat/mn04": Published(EFFICIENTAT, "mn04_as", f"{EFFICIENTAT_FILES}mn04_as_mAP_432.pt"),
    "efficientat/mn10": Published(EFFICIENTAT, "mn10_as", f"{EFFICIENTAT_FILES}mn10_as_mAP_471.pt"),
    "efficientat/dymn10": Published(EFFICIENTAT, "dymn10_as", f"{EFFICIENTAT_FILES}dymn10_as.pt"),
    "frame-mn/06": Published(
        PRETRAINED_SED, "frame_mn06", f"{PRETRAINED_SED_FILES}frame_mn06_strong_1.pt", labels=AUDIOSET_STRONG
    ),
    "frame-mn/10": Published(
        PRETRAINED_SED, "frame_mn10", f"{PRETRAINED_SED_FILES}frame_mn10_strong_1.pt", labels=AUDIOSET_STRONG
    ),
    "atst-f/strong": Published(
        PRETRAINED_SED, "ATST-F", f"{PRETRAINED_SED_FILES}ATST-F_strong_1.pt", labels=AUDIOSET_STRONG
    ),
    "beats/iter3plus": Published(
        BEATS,
        "BEATs_iter3+ (AS2M), fine-tuned (cpt2)",
        "https://1drv.ms/u/s!AqeByhGUtINrgcpj8ujXH1YUtxooEg?e=E9Ncea",
        "model",
        named="BEATs_iter3_plus_AS2M_finetuned_on_AS2M_cpt2.pt",
    ),
    "beats/strong": Published(
        PRETRAINED_SED, "BEATs", f"{PRETRAINED_SED_FILES}BEATs_strong_1.pt", labels=AUDIOSET_STRONG
    ),
    "yamnet/yamnet": Published(
        YAMNET,
        "YAMNet",
        "https://storage.googleapis.com/audioset/yamnet.h5",
        labels="521 of AudioSet's 527 classes (Google, CC BY 4.0)",
        sha256="13c3308955bbfaef262f175ac9c40e47b134573a93984f009220dd7cc12a1744",
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


def published_as(found: Checksums) -> str | None:
    """Which public checkpoint a file is, "panns/cnn14"; None when it is none of them.

    A md5 can be forged, so that where the sha256 is known it must agree as well.
    """
    for name, known in CHECKPOINTS.items():
        if known.checksum is not None and known.md5 in (None, found.md5) and known.sha256 in (None, found.sha256):
            return name
    return None


Origin = Literal["published", "other", "unknown"]


def origin_of(name: str, found: Checksums) -> Origin:
    """Whether a file is the published one by its checksum, is another, or has no published checksum to compare."""
    if CHECKPOINTS[name].checksum is None:
        return "unknown"
    return "published" if published_as(found) == name else "other"
