import importlib
import json
import re
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from torch import nn

from earmark import plugins
from earmark.errors import ConfigError
from earmark.models.network import Network

POOLING = """
    import torch
    from torch import nn

    from earmark import plugins
    from earmark.pooling import Pooled


    class LoudestOptions(plugins.PoolingOptions):
        kind: str = "loudest"
        share: float = 0.5


    @plugins.pooling(LoudestOptions)
    class Loudest(nn.Module):
        def __init__(self, options, channels, classes):
            super().__init__()
            self.share, self.classify = options.share, nn.Linear(channels, classes)

        def forward(self, embeddings, lengths=None):
            frames = torch.sigmoid(self.classify(embeddings))
            if lengths is not None:
                inside = torch.arange(frames.shape[1]) < lengths[:, None]
                frames = frames * inside[:, :, None]
            count = max(1, round(self.share * frames.shape[1]))
            clip = frames.topk(count, dim=1).values.mean(dim=1)
            return Pooled(clip, frames, torch.full_like(frames, 1 / frames.shape[1]))
"""
ENCODER = """
    from fractions import Fraction

    from torch import nn

    from earmark import plugins
    from earmark.encoders import Encoded


    class BareOptions(plugins.EncoderOptions):
        kind: str = "bare"


    @plugins.encoder(BareOptions)
    class Bare(nn.Module):
        reduction = Fraction(1)

        def __init__(self, options, bands):
            super().__init__()
            self.channels = bands

        def forward(self, features, lengths=None):
            return Encoded(features, lengths)
"""
FRONT_END = """
    from fractions import Fraction

    import torch
    from torch import nn

    from earmark import plugins
    from earmark.clock import Clock
    from earmark.features.contract import at_least


    class LevelOptions(plugins.FrontEndOptions):
        kind: str = "level"
        rate: int = 16_000


    @plugins.front_end(LevelOptions)
    class Level(nn.Module):
        bands = 4

        def __init__(self, options):
            super().__init__()
            self.hop, self.clock = options.rate // 100, Clock(Fraction(1, 100))

        def frames_in(self, samples):
            return at_least(samples // self.hop, 1)

        def forward(self, waveform, lengths=None):
            waveform = nn.functional.pad(waveform, (0, max(0, self.hop - waveform.shape[1])))
            frames = waveform.unfold(1, self.hop, self.hop)
            return frames.square().mean(dim=2, keepdim=True).add(1e-8).log().expand(-1, -1, 4)
"""


@pytest.fixture(autouse=True)
def forgotten(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Each test begins without plugins."""
    monkeypatch.setattr(plugins, "_REGISTRY", {})
    yield
    for name in [name for name in sys.modules if name.startswith("earmark_plugin_")]:
        del sys.modules[name]


def write(path: Path, *parts: str) -> Path:
    path.write_text("\n".join(textwrap.dedent(part) for part in parts))
    return path


def test_own_front_end_encoder_and_pooling_are_trained_saved_and_run(
    earmark: Callable, collection: Path, recipe: Path, tmp_path: Path
) -> None:
    mine = write(tmp_path / "mine.py", POOLING, ENCODER, FRONT_END)
    words = ["train", collection / "train", "-o", tmp_path / "m", "--recipe", recipe, "--epochs", 1, "-q"]
    changes = [
        "network.pooling={kind: loudest, share: 0.2}",
        "network.encoder={kind: bare}",
        "network.features={kind: level}",
    ]
    sets = [word for change in changes for word in ("--set", change)]
    ran = earmark(*words, *sets, "--precision", "float32", "--plugin", mine)
    assert ran.code == 0, ran.err
    config = json.loads((tmp_path / "m" / "config.json").read_text())
    assert config["pooling"] == {"kind": "loudest", "plugin": "mine.py", "share": 0.2}
    assert config["encoder"]["plugin"] == config["features"]["plugin"] == "mine.py"
    sound = next((collection / "dev" / "audio").iterdir())
    assert earmark("detect", sound, "-m", tmp_path / "m", "--plugin", mine).code == 0


def test_the_examples_of_the_guide_are_trained_and_run(
    earmark: Callable, collection: Path, recipe: Path, tmp_path: Path
) -> None:
    guide = (Path(__file__).parents[1] / "docs" / "guides" / "plugins.md").read_text(encoding="utf-8")
    mine = write(tmp_path / "mine.py", *re.findall(r"^```python\n(.*?)^```", guide, re.DOTALL | re.MULTILINE))
    words = ["train", collection / "train", "-o", tmp_path / "m", "--recipe", recipe, "--epochs", 1, "-q"]
    changes = ["network.pooling={kind: loudest}", "network.encoder={kind: linear}", "network.features={kind: level}"]
    sets = [word for change in changes for word in ("--set", change)]
    ran = earmark(*words, *sets, "--precision", "float32", "--plugin", mine)
    assert ran.code == 0, ran.err
    tagger = Network.from_pretrained(tmp_path / "m").eval()
    short, long = torch.randn(1, 16_000), torch.randn(1, 24_000)
    both = torch.cat([nn.functional.pad(short, (0, 8_000)), long])
    with torch.no_grad():
        alone, beside = tagger(short), tagger(both, torch.tensor([16_000, 24_000]))
    torch.testing.assert_close(beside.clip[:1], alone.clip)


def test_without_the_plugin_a_model_says_what_is_missing(
    earmark: Callable, collection: Path, recipe: Path, tmp_path: Path
) -> None:
    mine = write(tmp_path / "mine.py", POOLING)
    words = ["train", collection / "train", "-o", tmp_path / "m", "--recipe", recipe, "--epochs", 1, "-q"]
    assert earmark(*words, "--set", "network.pooling={kind: loudest}", "--plugin", mine).code == 0
    plugins._REGISTRY.clear()
    ran = earmark("detect", collection, "-m", tmp_path / "m")
    assert ran.code == 2
    assert "pooling kind 'loudest' is a plugin of mine.py, which is not loaded" in ran.err
    assert "--plugin FILE" in ran.err
    assert ran.err.count("\n") == 1


def test_a_misspelt_kind_and_a_misspelt_key_are_told_apart(tmp_path: Path) -> None:
    from earmark.recipes import load_recipe

    plugins.load_file(write(tmp_path / "mine.py", POOLING))
    with pytest.raises(ConfigError, match=r"network.pooling: no such kind 'loudst', expected one of .*attention"):
        load_recipe("default", ["network.pooling={kind: loudst}"])
    with pytest.raises(ConfigError, match=r"unknown key 'network.pooling.sahre'"):
        load_recipe("default", ["network.pooling={kind: loudest, sahre: 0.1}"])
    recipe = load_recipe("default", ["network.pooling={kind: loudest, share: 0.1}"])
    assert recipe.network.pooling.share == 0.1
    assert "share: 0.1" in recipe.to_yaml()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("import nowhere_to_be_found", "ModuleNotFoundError"),
        ("def", "SyntaxError"),
    ],
)
def test_a_file_that_fails_is_told_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        plugins.load_file(write(tmp_path / "broken.py", text))
    with pytest.raises(ConfigError, match="no such file"):
        plugins.load_file(tmp_path / "nowhere.py")


def test_two_plugins_of_one_kind_are_refused(tmp_path: Path) -> None:
    plugins.load_file(write(tmp_path / "one.py", POOLING))
    with pytest.raises(ConfigError, match=r"registered twice: by one\.py and by two\.py"):
        plugins.load_file(write(tmp_path / "two.py", POOLING))


def test_an_installed_package_is_found_by_its_entry_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from earmark.recipes import load_recipe

    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigError, match="no such kind 'loudest'"):
        load_recipe("default", ["network.pooling={kind: loudest}"])
    write(tmp_path / "loudest_package.py", POOLING)  # installed while this process runs
    info = tmp_path / "loudest_package-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: loudest-package\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[earmark.plugins]\nloudest = loudest_package\n")
    importlib.invalidate_caches()
    pooling = load_recipe("default", ["network.pooling={kind: loudest}"]).network.pooling
    assert pooling.plugin == "loudest_package"
    monkeypatch.delitem(sys.modules, "loudest_package")
