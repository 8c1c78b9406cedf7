import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import earmark
from earmark.decisions import OperatingPoint, named_point
from earmark.errors import ModelError
from earmark.formats.audioset_names import read_classes
from earmark.hub import importing
from earmark.hub.importing import import_panns
from earmark.hub.panns import expected
from earmark.labels import Labels
from earmark.models.network import Network

AUDIOSET = Labels(read_classes(None).values())


def test_a_checkpoint_becomes_a_model_that_explains_itself(
    original: nn.Module, checkpoint: Path, tmp_path: Path
) -> None:
    made = import_panns(checkpoint, tmp_path / "m", command="earmark import-panns c.pth -o m")
    assert (made.name, made.published, made.labels, made.parameters) == ("cnn10", False, 527, 5_219_279)
    tagger = Network.from_pretrained(tmp_path / "m")
    assert tagger.labels == AUDIOSET
    assert OperatingPoint.load(tmp_path / "m") == named_point("default", AUDIOSET)
    waveform = 0.1 * torch.randn(1, 64_000)
    with torch.no_grad():
        torch.testing.assert_close(tagger(waveform).clip, original(waveform)["clipwise_output"], atol=1e-5, rtol=0)
    card = (tmp_path / "m" / "README.md").read_text()
    assert "# panns/cnn10" in card
    assert f"a file of unknown origin (md5 {hashlib.md5(checkpoint.read_bytes()).hexdigest()}, sha256 " in card
    assert "license" not in card  # of an unknown file nobody knows it
    assert "earmark import-panns c.pth -o m" in card


def test_it_hears_recordings_of_any_length(checkpoint: Path, tmp_path: Path) -> None:
    import_panns(checkpoint, tmp_path / "m")
    tagger = earmark.load(tmp_path / "m")
    for seconds in (0.05, 0.4, 23.0):
        result = tagger(0.1 * np.random.default_rng(0).standard_normal(round(seconds * 16_000)), 16_000)
        assert result.scores.frames.shape[1] == 527
        assert np.isfinite(result.scores.frames).all()


def saved(path: Path, state: dict[str, torch.Tensor]) -> Path:
    torch.save({"model": state}, path)
    return path


def test_of_two_that_look_alike_the_user_says_which(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alike = {key: torch.zeros(()).expand(shape) for key, shape in expected("cnn14").items()}
    path = saved(tmp_path / "c.pth", alike)
    message = r"c.pth may be cnn14 or cnn14-decision-max, which have the same tensors.*name one with --architecture"
    with pytest.raises(ModelError, match=message):
        import_panns(path, tmp_path / "m")
    taken: list[str] = []

    def stop(_: object, name: str) -> None:
        taken.append(name)
        raise ModelError("as far as this")

    monkeypatch.setattr(importing, "converted", stop)
    for name in ("cnn14", "cnn14-decision-max"):
        with pytest.raises(ModelError, match="as far as this"):
            import_panns(path, tmp_path / "m", name)
    assert taken == ["cnn14", "cnn14-decision-max"]
    assert not (tmp_path / "m").exists()


def test_the_state_of_a_sampler_is_skipped(original: nn.Module, tmp_path: Path) -> None:
    random = np.random.RandomState(1234)
    sampler = {"indexes": np.arange(1_000), "queue": [np.int64(3)], "random_state": random}
    torch.save({"iteration": 1, "model": original.state_dict(), "sampler": sampler}, tmp_path / "c.pth")
    assert import_panns(tmp_path / "c.pth", tmp_path / "m").name == "cnn10"


def test_anything_else_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"is not one of the checkpoints .*; nearest is cnn10: missing"):
        import_panns(saved(tmp_path / "x.pth", {"conv.weight": torch.zeros(3)}), tmp_path / "m")
    torch.save({"state_dict": {}}, tmp_path / "x.pth")
    with pytest.raises(ModelError, match=r"x.pth: expected a checkpoint with weights under 'model', found"):
        import_panns(tmp_path / "x.pth", tmp_path / "m")
    with pytest.raises(ModelError, match=r"c.pth is not cnn14: missing 'conv_block5"):
        import_panns(checkpoint, tmp_path / "m", "cnn14")
    assert not (tmp_path / "m").exists()
