"""Model directories opened, one or several as one."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import earmark
from earmark.decisions import OperatingPoint, named_point
from earmark.models.directory import write_model
from earmark.models.fusion import Fusion
from earmark.models.network import ModelOptions, Network
from earmark.models.opening import open_tagger
from earmark.models.torch_engine import TorchEngine, engine_of
from earmark.runtime.ensemble import DEFAULT, MEAN
from earmark.runtime.scorer import Job, Scorer, Waveform
from earmark.scores import Scores

Noise = Callable[..., np.ndarray]


def score(model: Network | Fusion, *sources: object) -> list[Scores]:
    jobs = [Job(str(number), source) for number, source in enumerate(sources)]
    found = [scored.scores for scored in Scorer(engine_of(model)).score_all(jobs)]
    assert all(found)
    return found


def save(tagger: Network, folder: Path, threshold: float = 0.5, **changes: object) -> Path:
    point = OperatingPoint.plain(tagger.labels).with_threshold(threshold)
    write_model(tagger, folder, point.model_copy(update=changes))
    return folder


def test_several_directories_open_as_one_model(systems: list[Network], noise: Noise, tmp_path: Path) -> None:
    folders = [save(tagger, tmp_path / str(n), 0.2 + 0.2 * n) for n, tagger in enumerate(systems[:3])]
    pipeline = earmark.load(folders)
    result = pipeline(noise(1.0, (0.2, 0.5)), 8_000)
    plain = score(Fusion(systems[:3]), Waveform(noise(1.0, (0.2, 0.5)), 8_000))[0]
    np.testing.assert_allclose(result.scores.clip, plain.clip, atol=1e-5)
    np.testing.assert_allclose(result.scores.frames, plain.frames, atol=1e-5)
    assert (result.scores.clock, result.scores.duration) == (plain.clock, plain.duration)
    assert pipeline.operating_point.of("loud").onset == pytest.approx(0.4)
    assert pipeline.operating_point.origin == MEAN
    assert earmark.load(folders[::-1]).operating_point == pipeline.operating_point


def test_one_directory_is_that_model(systems: list[Network], tmp_path: Path) -> None:
    folder = save(systems[0], tmp_path / "a", 0.3)
    pipeline = open_tagger([folder])
    assert isinstance(pipeline.model, TorchEngine)
    assert pipeline.operating_point == OperatingPoint.load(folder)


def test_models_that_decide_in_different_ways_fall_back_to_the_default(systems: list[Network], tmp_path: Path) -> None:
    folders = [save(systems[0], tmp_path / "a", 0.3), save(systems[1], tmp_path / "b", 0.3, method="boxes")]
    point = open_tagger(folders).operating_point
    assert point == named_point("default", point.labels).model_copy(update={"origin": DEFAULT})


def test_models_that_decide_alike_go_on_so(systems: list[Network], tmp_path: Path) -> None:
    folders = [save(systems[n], tmp_path / str(n), 0.3, origin="xu2018") for n in range(2)]
    assert open_tagger(folders).operating_point == OperatingPoint.load(folders[0])


@pytest.mark.parametrize("has_bf16", [True, False])
def test_auto_is_float32_where_an_encoder_wants_it(
    systems: list[Network], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_bf16: bool
) -> None:
    def resolved(precision: str, _: str) -> str:
        return {"auto": "bf16" if has_bf16 else "float32"}.get(precision, precision)

    monkeypatch.setattr("earmark.models.opening.resolve_precision", resolved)
    options = {"labels": ["a", "b"], "encoder": {"kind": "mobilenet-v3", "width": 0.1, "blocks": 3}}
    mobile = save(Network(ModelOptions.parse(options, "test")).eval(), tmp_path / "mobile")
    plain = save(systems[0], tmp_path / "plain")

    def arithmetic(*folders: Path, precision: str = "auto") -> str:
        return open_tagger(folders, precision=precision).model.arithmetic

    assert arithmetic(mobile) == "cpu, float32"
    assert arithmetic(plain) == ("cpu, bf16" if has_bf16 else "cpu, float32")
    assert arithmetic(mobile, precision="bf16") == "cpu, bf16"  # who asks for it gets it
