import hashlib
from dataclasses import replace
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
from earmark.hub.importing import import_checkpoint, import_model
from earmark.hub.panns import expected
from earmark.labels import Labels
from earmark.models.network import Network

AUDIOSET = Labels(read_classes(None).values())


def test_a_checkpoint_becomes_a_model_that_explains_itself(
    original: nn.Module, checkpoint: Path, tmp_path: Path
) -> None:
    made = import_checkpoint(checkpoint, tmp_path / "m", command="earmark import c.pth -o m")
    assert (made.name, made.origin, made.labels, made.parameters) == ("panns/cnn10", "other", 527, 5_219_279)
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
    assert "earmark import c.pth -o m" in card


def test_it_hears_recordings_of_any_length(checkpoint: Path, tmp_path: Path) -> None:
    import_checkpoint(checkpoint, tmp_path / "m")
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
    message = r"c.pth may be panns/cnn14 or panns/cnn14-decision-max, which have the same tensors.*--architecture"
    with pytest.raises(ModelError, match=message):
        import_checkpoint(path, tmp_path / "m")
    taken: list[str] = []

    def stop(_: object, name: str) -> None:
        taken.append(name)
        raise ModelError("as far as this")

    monkeypatch.setitem(importing.FAMILIES, "panns", replace(importing.FAMILIES["panns"], converted=stop))
    for name in ("cnn14", "panns/cnn14-decision-max"):
        with pytest.raises(ModelError, match="as far as this"):
            import_checkpoint(path, tmp_path / "m", name)
    assert taken == ["cnn14", "cnn14-decision-max"]
    assert not (tmp_path / "m").exists()


def test_the_state_of_a_sampler_is_skipped(original: nn.Module, tmp_path: Path) -> None:
    random = np.random.RandomState(1234)
    sampler = {"indexes": np.arange(1_000), "queue": [np.int64(3)], "random_state": random}
    torch.save({"iteration": 1, "model": original.state_dict(), "sampler": sampler}, tmp_path / "c.pth")
    assert import_checkpoint(tmp_path / "c.pth", tmp_path / "m").name == "panns/cnn10"


def test_anything_else_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"is not one of the checkpoints .*; nearest is "):
        import_checkpoint(saved(tmp_path / "x.pth", {"conv.weight": torch.zeros(3)}), tmp_path / "m")
    torch.save({"state_dict": {}}, tmp_path / "x.pth")
    with pytest.raises(ModelError, match=r"x.pth: expected a checkpoint with weights under 'model'.*, found"):
        import_checkpoint(tmp_path / "x.pth", tmp_path / "m")
    with pytest.raises(ModelError, match=r"c.pth is not panns/cnn14: missing 'conv_block5"):
        import_checkpoint(checkpoint, tmp_path / "m", "cnn14")
    assert not (tmp_path / "m").exists()


def test_an_architecture_nobody_knows_gets_a_guess(checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no architecture 'cnn11' \(did you mean 'cnn1[04]'\?\); known: panns/cnn10"):
        import_checkpoint(checkpoint, tmp_path / "m", "cnn11")


def test_a_model_by_name_is_copied_from_the_cache(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EARMARK_CACHE", str(tmp_path / "cache"))
    import_checkpoint(checkpoint, tmp_path / "cache" / "panns" / "cnn10")
    made = import_model("panns/cnn10", tmp_path / "m")
    assert (made.name, made.origin, made.labels) == ("panns/cnn10", "published", 527)
    assert earmark.load(tmp_path / "m").labels == AUDIOSET
    with pytest.raises(ModelError, match=r"panns/cnn10 is the name of a public model; --architecture is for a"):
        import_model("panns/cnn10", tmp_path / "n", "cnn10")
