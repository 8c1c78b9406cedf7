import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import earmark
from earmark.data.records import Clip, Manifest
from earmark.decisions import OperatingPoint, named_point
from earmark.errors import AudioError, ConfigError, ModelError, OutputError
from earmark.evaluation.score_cache import CachedScorer, cache_file, score_clips_cached
from earmark.labels import Labels
from earmark.models.directory import join, load_model, open_tagger, write_model
from earmark.models.fusion import Fusion
from earmark.models.network import ModelOptions, Network
from earmark.models.torch_engine import TorchEngine, engine_of
from earmark.runtime.ensemble import DEFAULT, MEAN
from earmark.runtime.scorer import Job, Scorer, Waveform
from tests.models.systems import exact, score, with_seed

Noise = Callable[..., np.ndarray]


def test_a_recording_that_cannot_be_read_is_told_once_and_costs_no_other(
    systems: list[Network], noise: Noise, write: Callable[..., Path], tmp_path: Path
) -> None:
    good = write("good.wav", noise(3.0, (0.2, 0.5)))
    bad = write("bad.wav", np.append(noise(3.0), np.float32("nan")))  # found when most of it has been read
    jobs = [Job("first", good), Job("bad", bad), Job("gone", tmp_path / "gone.wav"), Job("last", good)]
    found = list(Scorer(engine_of(Fusion(systems))).score_all(jobs))
    assert [scored.job.name for scored in found] == ["first", "bad", "gone", "last"]
    assert [isinstance(scored.error, AudioError) for scored in found] == [False, True, True, False]
    first, last = found[0].scores, found[3].scores
    assert first is not None
    assert last is not None
    np.testing.assert_allclose(first.frames, last.frames, atol=1e-6)  # not to the bit: their batches differ


def test_a_file_object_is_read_again_for_the_next_rate(
    systems: list[Network], noise: Noise, write: Callable[..., Path]
) -> None:
    path = write("a.wav", noise(1.5, (0.2, 0.5)))
    fusion = Fusion(systems)
    assert exact(score(fusion, io.BytesIO(path.read_bytes()))[0]) == exact(score(fusion, path)[0])


def save(tagger: Network, folder: Path, threshold: float = 0.5, **changes: object) -> Path:
    point = OperatingPoint.plain(tagger.labels).with_threshold(threshold)
    write_model(tagger, folder, point.model_copy(update=changes))
    return folder


def test_other_labels_are_refused_by_the_names_of_the_directories(
    network: Callable[..., Network], tmp_path: Path
) -> None:
    one, other = save(network(), tmp_path / "one"), save(network(labels=("loud", "cat")), tmp_path / "other")
    with pytest.raises(ConfigError, match=r"one has 'quiet', .*other does not"):
        open_tagger([one, other])


def test_models_are_joined_into_a_directory_that_is_a_model(
    systems: list[Network], noise: Noise, tmp_path: Path
) -> None:
    folders = [save(tagger, tmp_path / str(n) / "model") for n, tagger in enumerate(systems[:3])]
    inner = tmp_path / "inner"
    join(folders[:2], inner, lambda *_: "card")
    join([inner, folders[2]], tmp_path / "outer", lambda *_: "card")
    assert sorted(path.name for path in (inner / "members").iterdir()) == ["model", "model-2"]
    for name in ("config.json", "model.safetensors", "operating_point.json"):
        assert (inner / "members" / "model-2" / name).read_bytes() == (folders[1] / name).read_bytes()
    shutil.rmtree(tmp_path / "0")  # the copies stand by themselves
    wave = Waveform(noise(1.0, (0.2, 0.5)), 8_000)
    nested = Fusion([Fusion(systems[:2]), systems[2]])
    assert exact(score(load_model(tmp_path / "outer"), wave)[0]) == exact(score(nested, wave)[0])
    assert earmark.load(tmp_path / "outer").labels == systems[0].labels
    assert not list(tmp_path.glob(".*"))


def test_what_is_there_is_not_written_over(systems: list[Network], tmp_path: Path) -> None:
    folder = save(systems[0], tmp_path / "a")
    with pytest.raises(OutputError, match="a already exists; choose a new directory"):
        join([folder], folder, lambda *_: "card")


@pytest.fixture
def fused(systems: list[Network], tmp_path: Path) -> Path:
    folder = tmp_path / "fused"
    write_model(Fusion(systems[:2], ["a", "b"]), folder, OperatingPoint.plain(systems[0].labels))
    return folder


def test_a_member_that_is_a_link_out_of_the_directory_is_refused(fused: Path, tmp_path: Path) -> None:
    (fused / "members" / "b").rename(tmp_path / "b")
    for target in (tmp_path / "b", fused):
        (fused / "members" / "b").symlink_to(target)
        with pytest.raises(ModelError, match="b: the member is a link out of the model directory"):
            load_model(fused)
        (fused / "members" / "b").unlink()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"members": ["../a"]}, "member '../a' is outside the model directory"),
        ({"members": ["."]}, "member '.' is outside the model directory"),
        ({"members": []}, "members: "),
        ({"members": ["members/a", "members/c"]}, r"no model at .*members/c: expected a directory"),
        ({"labels": ["quiet", "loud"]}, "config.json: its labels differ from those of the members"),
        ({"membres": []}, r"unknown key 'membres' \(did you mean 'members'\?\)"),
    ],
)
def test_a_damaged_fusion_is_refused(fused: Path, changes: dict[str, object], message: str) -> None:
    path = fused / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    with pytest.raises(ModelError, match=message):
        load_model(fused)


def test_scores_of_a_fusion_are_kept_until_a_member_changes(
    systems: list[Network], noise: Noise, write: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clips = tuple(Clip(write(f"{n}.wav", noise(0.8, seed=n)), f"{n}.wav", ("loud",)) for n in range(3))
    manifest = Manifest(Path("here"), clips, Labels(["loud", "quiet"]))
    fresh = score_clips_cached(Scorer(engine_of(Fusion(systems[:3]))), manifest, tmp_path)
    passes: list[int] = []
    really = Scorer._score

    def counted(self: Scorer, panel: object, batch: list) -> None:
        passes.append(len(batch))
        really(self, panel, batch)

    monkeypatch.setattr(Scorer, "_score", counted)
    again = score_clips_cached(
        Scorer(engine_of(Fusion([systems[2], *systems[:2]]))), manifest, tmp_path
    )  # in any order
    assert sum(passes) == 0
    assert list(map(exact, again.scores)) == list(map(exact, fresh.scores))
    score_clips_cached(Scorer(engine_of(Fusion([with_seed(systems[0], 9), *systems[1:3]]))), manifest, tmp_path)
    assert sum(passes) == 3 * 2  # one pass a panel
    makers = {
        CachedScorer.beside(Scorer(engine_of(model)), cache_file(tmp_path, manifest)).maker()
        for model in (systems[0], Fusion(systems[:1]), Fusion(systems[:3]), Fusion([Fusion(systems[:2]), systems[2]]))
    }
    assert len(makers) == 4


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

    monkeypatch.setattr("earmark.models.directory.resolve_precision", resolved)
    options = {"labels": ["a", "b"], "encoder": {"kind": "mobilenet-v3", "width": 0.1, "blocks": 3}}
    mobile = save(Network(ModelOptions.parse(options, "test")).eval(), tmp_path / "mobile")
    plain = save(systems[0], tmp_path / "plain")

    def arithmetic(*folders: Path, precision: str = "auto") -> str:
        return open_tagger(folders, precision=precision).model.arithmetic

    assert arithmetic(mobile) == "cpu, float32"
    assert arithmetic(plain) == ("cpu, bf16" if has_bf16 else "cpu, float32")
    assert arithmetic(mobile, precision="bf16") == "cpu, bf16"  # who asks for it gets it
