"""The commands of the README and the guides, run in their order on a small collection of tones."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Callable, Iterator
from os.path import expandvars
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

ROOT = Path(__file__).resolve().parents[1]
GUIDES = [ROOT / "README.md", *sorted((ROOT / "docs" / "guides").glob("*.md"))]
ELSEWHERE = {  # what is not run here, and why
    r"panns/|frame-mn/|earmark (import|tune MODEL)": "needs a download; tests/hub and tests/cli/test_import_panns.py",
    r"hf:": "needs the hub; tests/hub/test_huggingface.py and tests/cli/test_push.py, with a stand-in",
    r"^earmark reproduce xu2018 DCASE2017": "needs the DCASE2017 audio; tests/studies",
    r"^earmark reproduce": "minutes; tests/studies",
    r"^earmark demo": "tests/cli/test_demo.py",
    r"^earmark (serve|review)": "runs until it is stopped; tests/web",
    r"^earmark listen(?!.*--speed max)": "needs a sound card, a stream or a broker; tests/cli/test_listen.py",
}
BLOCK = re.compile(r"^```(?:sh|bash|console)?\n(.*?)^```", re.MULTILINE | re.DOTALL)


def commands(guide: Path) -> Iterator[str]:
    """Lines of code blocks that call earmark."""
    for block in BLOCK.findall(guide.read_text(encoding="utf-8")):
        for line in re.sub(r"\\\n\s*", " ", block).splitlines():
            if line.startswith("earmark "):
                yield re.sub(r"\s+#.*", "", line)


def reason(command: str) -> str | None:
    """Why a command is not run here."""
    return next((why for pattern, why in ELSEWHERE.items() if re.search(pattern, command)), None)


@pytest.fixture
def world(tmp_path: Path, collection: Path, trained: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files that the guides speak of."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "1")
    dev, train = collection / "dev", collection / "train"
    recordings = tmp_path / "recordings"
    shutil.copytree(train / "audio", recordings / "audio")
    rows = [line.split("\t") for line in (train / "weak.tsv").read_text().splitlines()[1:]]
    table = ["filename,event_labels", *(f'audio/{name},"{labels}"' for name, labels in rows)]
    (recordings / "clips.csv").write_text("\n".join(table) + "\n")
    for name in ("timed", "test"):
        shutil.copytree(dev, recordings / name)
    for name in ("new", "archive", "more-recordings"):
        shutil.copytree(dev / "audio", tmp_path / name)
    shutil.copy(dev / "audio" / "dev00.wav", tmp_path / "street.wav")
    for name in ("model", "model-a", "model-b"):
        shutil.copytree(trained, tmp_path / name)
    shutil.copy(dev / "strong.tsv", tmp_path / "reference.tsv")
    shutil.copy(dev / "strong.tsv", tmp_path / "strong.tsv")
    write_estimates(tmp_path, dev / "strong.tsv")
    (tmp_path / "esc50").mkdir()
    shutil.copytree(train / "audio", tmp_path / "esc50" / "audio")
    single = [
        f"audio/{name},{labels},{1 + place % 4}" for place, (name, labels) in enumerate(rows) if "," not in labels
    ]
    (tmp_path / "esc50" / "clips.csv").write_text(
        "\n".join(["filename,event_labels,fold", *(row for row in single if row.split(",")[1])]) + "\n"
    )
    (tmp_path / "backgrounds").mkdir()
    noise = 0.01 * np.random.default_rng(0).standard_normal(12 * 16_000)
    soundfile.write(tmp_path / "backgrounds" / "room.wav", noise, 16_000)
    write_plugin(tmp_path / "mine.py")
    return tmp_path


@pytest.fixture
def reviewed(world: Path) -> None:
    """What reviews export as training data: of events that were detected, and of what is like an example."""
    for results, prefix in (("results", "timed/audio/"), ("like", "")):
        folder = world / results / "review" / "training"
        folder.mkdir(parents=True)
        for name in ("weak.tsv", "strong.tsv"):
            header, *rows = (world / "recordings" / "timed" / name).read_text().splitlines()
            (folder / name).write_text("\n".join([header, *(f"{prefix}{row}" for row in rows)]) + "\n")


def write_estimates(folder: Path, strong: Path) -> None:
    """Label files that a detector might have written."""
    rows = [line.split("\t") for line in strong.read_text().splitlines()[1:]]
    found = [row for row in rows if row[1]]
    csv = ["filename,onset,offset,event_label,score", *(",".join([*row, "0.9"]) for row in found)]
    (folder / "estimate.csv").write_text("\n".join(csv) + "\n")
    (folder / "found.txt").write_text("\n".join("\t".join(row) for row in found) + "\n")


def write_plugin(path: Path) -> None:
    """The plugin that its guide shows."""
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs/guides/plugins.md").read_text("utf-8"), re.DOTALL)
    path.write_text(next(block for block in blocks if "@plugins.pooling" in block))


def given(command: str, recipe: Path) -> list[str]:
    """The words of a command; trainings by a recipe of seconds, sets of two soundscapes."""
    words = shlex.split(expandvars(command))[1:]
    if words[0] == "train":
        output = Path(words[words.index("-o") + 1])
        shutil.rmtree(output, ignore_errors=True)
        return [*words, "--recipe", str(recipe), "--epochs", "1", "--quiet"]
    return [*words, "--clips", "2"] if words[0] == "synth" else words


@pytest.mark.parametrize("guide", [guide for guide in GUIDES if any(commands(guide))], ids=lambda guide: guide.stem)
def test_the_commands_of_a_guide_work(
    guide: Path, world: Path, reviewed: None, recipe: Path, earmark: Callable[..., Any], subtests: pytest.Subtests
) -> None:
    wanted = list(commands(guide))
    if all(reason(command) for command in wanted):
        pytest.skip(f"{guide.name}: {'; '.join(sorted({reason(command) or '' for command in wanted}))}")
    for command in wanted:
        if reason(command) is None:
            with subtests.test(command):
                ran = earmark(*given(command, recipe))
                assert ran.code == 0 or (ran.code == 1 and command.startswith("earmark doctor ")), ran.err


def test_nothing_is_excused_that_no_guide_has() -> None:
    every = [command for guide in GUIDES for command in commands(guide)]
    assert [pattern for pattern in ELSEWHERE if not any(re.search(pattern, command) for command in every)] == []
