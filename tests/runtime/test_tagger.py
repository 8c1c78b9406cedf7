import io
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from earmark.decisions import FILE_NAME, OperatingPoint
from earmark.errors import AudioError, EarmarkError, ModelError
from earmark.evaluation.score_cache import CachedScorer
from earmark.masking import MaskedBatchNorm2d
from earmark.models.directory import open_tagger
from earmark.models.fast import Folded
from earmark.models.network import Network
from earmark.models.torch_engine import engine_of, network_of
from earmark.runtime.scorer import Job, Waveform
from earmark.runtime.tagger import Result, Tagger

Noise = Callable[..., np.ndarray]
Write = Callable[..., Path]


@pytest.fixture
def pipeline(loudness: Network) -> Tagger:
    return Tagger(engine_of(loudness), OperatingPoint.plain(loudness.labels))


def check(result: Result) -> None:
    """A recording of 5 s that is loud from 2 to 3.2 s."""
    (event,) = [event for event in result.events if event.label == "loud"]
    assert event.onset == pytest.approx(2.0, abs=0.05)
    assert event.offset == pytest.approx(3.2, abs=0.05)
    assert event.score > 0.9
    assert [label for label, _ in result.tags] == sorted(["loud", "quiet"], key=dict(result.tags).get, reverse=True)
    assert result.scores.duration == 5.0
    assert result.problem is None


def test_a_path_a_file_and_an_array_are_heard_alike(pipeline: Tagger, noise: Noise, write: Write) -> None:
    samples = noise(5.0, (2.0, 3.2))
    path = write("street.wav", samples)
    with open(path, "rb") as file, tempfile.NamedTemporaryFile(suffix=".wav") as temporary:
        temporary.write(path.read_bytes())
        sources = [path, str(path), file, io.BytesIO(path.read_bytes()), temporary]
        results = [pipeline(source) for source in sources] + [pipeline(samples, 8_000)]
    for result in results:
        check(result)
        np.testing.assert_allclose(result.scores.frames, results[0].scores.frames, atol=1e-6)
    assert [result.recording for result in results[:2]] == ["street.wav", "street.wav"]


def test_a_file_object_stays_open_and_may_be_heard_again(pipeline: Tagger, noise: Noise, write: Write) -> None:
    with open(write("street.wav", noise(5.0, (2.0, 3.2))), "rb") as file:
        file.seek(1_000)
        check(pipeline(file))
        check(pipeline(file))


def test_several_paths_give_results_in_their_order(pipeline: Tagger, noise: Noise, write: Write) -> None:
    paths = [write(f"{k}.wav", noise(0.3 + 0.9 * k, seed=k)) for k in range(5)]
    for many in (paths, [str(path) for path in paths], iter(paths)):
        results = list(pipeline(many))
        assert [result.recording for result in results] == [f"{k}.wav" for k in range(5)]
    for path, result in zip(paths, results, strict=True):
        np.testing.assert_allclose(result.scores.frames, pipeline(path).scores.frames, atol=1e-5)


def test_an_array_needs_its_rate_and_a_file_knows_its_own(pipeline: Tagger, noise: Noise, write: Write) -> None:
    with pytest.raises(AudioError, match=r"an array needs a sample rate: tagger\(waveform, rate\)"):
        pipeline(noise(1.0))
    with pytest.raises(AudioError, match="a file has its own"):
        pipeline(write("a.wav", noise(1.0)), 8_000)


def test_integers_and_channels_are_understood(pipeline: Tagger, noise: Noise) -> None:
    samples = noise(5.0, (2.0, 3.2))
    stereo = np.stack([samples, samples], axis=1)
    check(pipeline(stereo, 8_000))
    check(pipeline((samples * 32767).astype(np.int16), 8_000))


def test_tensors_and_dicts_of_other_packages_are_understood(pipeline: Tagger, noise: Noise) -> None:
    samples = noise(5.0, (2.0, 3.2))
    stereo = torch.from_numpy(np.stack([samples, samples]))  # (channels, samples)
    check(pipeline(torch.from_numpy(samples), 8_000))
    check(pipeline({"waveform": stereo, "sample_rate": 8_000}))
    check(pipeline({"waveform": samples, "sample_rate": 8_000.0}))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (3, "cannot read a int; expected a path"),
        (b"RIFF", "cannot read a bytes"),
        ({"waveform": np.zeros(8_000, np.float32)}, 'expected {"waveform"'),
        ({"path": "a.wav"}, 'expected {"waveform"'),
    ],
)
def test_what_is_no_sound_is_refused_in_one_line(pipeline: Tagger, source: object, message: str) -> None:
    with pytest.raises(AudioError, match=message) as caught:
        pipeline(source)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("rate", [float("nan"), float("inf"), 0.5, True, 1e30, -8_000, 0, "8000", 8_000.5])
def test_a_rate_that_no_file_could_state_is_refused(pipeline: Tagger, noise: Noise, rate: object) -> None:
    with pytest.raises(AudioError, match="the sample rate is"):
        pipeline(noise(1.0), rate)


def test_what_cannot_be_read_raises_when_its_turn_comes(
    pipeline: Tagger, noise: Noise, write: Write, tmp_path: Path
) -> None:
    good = write("a.wav", noise(1.0))
    with pytest.raises(AudioError, match=r"gone\.wav: no such file"):
        pipeline(tmp_path / "gone.wav")
    results = pipeline([good, tmp_path / "gone.wav", good])
    assert next(results).recording == "a.wav"
    with pytest.raises(AudioError, match=r"gone\.wav"):
        next(results)


def test_a_stream_gives_the_error_in_its_place(pipeline: Tagger, noise: Noise, tmp_path: Path) -> None:
    jobs = [
        Job("a", Waveform(noise(1.0), 8_000)),
        Job("gone", tmp_path / "gone.wav"),
        Job("b", Waveform(noise(3.0), 8_000)),
    ]
    first, (failed, error), last = pipeline.stream(jobs)
    assert (first.recording, failed, last.recording) == ("a", jobs[1], "b")
    with pytest.raises(EarmarkError, match="no such file"):
        raise error


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (np.zeros(0, np.float32), "expected .samples,. or"),
        (np.full(800, np.nan, np.float32), "sample 0 .* is not a number"),
        (np.zeros((2, 800), np.float32), "transpose it"),
    ],
)
def test_an_array_that_is_no_sound_is_refused(pipeline: Tagger, samples: np.ndarray, message: str) -> None:
    with pytest.raises(AudioError, match=message):
        pipeline(samples, 8_000)


def test_a_model_directory_is_read_with_its_operating_point(
    network: Callable[..., Network], noise: Noise, tmp_path: Path
) -> None:
    tagger = network()
    tagger.save_pretrained(tmp_path)
    OperatingPoint.plain(tagger.labels).with_threshold(0.001).save(tmp_path)
    again = open_tagger([tmp_path])
    result, before = again(noise(5.0), 8_000), Tagger(engine_of(tagger), again.operating_point)(noise(5.0), 8_000)
    assert again.operating_point.of("loud").onset == 0.001
    assert {label for label, _ in result.tags} == {"loud", "quiet"}
    np.testing.assert_allclose(result.scores.frames, before.scores.frames, atol=1e-5)
    assert [event[:3] for event in result.events] == [event[:3] for event in before.events]


def test_what_it_reads_itself_is_folded_and_what_it_is_given_stays_as_it_is(
    network: Callable[..., Network], tmp_path: Path
) -> None:
    def norms(tagger: Network) -> set[bool]:
        return {isinstance(part, Folded) for part in tagger.modules() if isinstance(part, MaskedBatchNorm2d)}

    tagger = network()
    tagger.save_pretrained(tmp_path)
    OperatingPoint.plain(tagger.labels).save(tmp_path)
    given = Tagger(engine_of(tagger), OperatingPoint.plain(tagger.labels))
    read = open_tagger([tmp_path])
    assert norms(network_of(given.model)) == {False}
    assert norms(network_of(read.model)) == {True}
    assert read.model.parameters == tagger.parameter_count()
    again = open_tagger([tmp_path, tmp_path])
    assert norms(network_of(again.model)) == {True}
    makers = [CachedScorer.beside(each.scorer, tmp_path / "scores.npz").maker() for each in (read, read, given)]
    assert makers[0] == makers[1] != makers[2]  # to the last bit they do not say the same


def test_an_operating_point_of_other_labels_is_refused(network: Callable[..., Network], tmp_path: Path) -> None:
    network().save_pretrained(tmp_path)
    OperatingPoint.plain(["cat", "dog"]).save(tmp_path)
    with pytest.raises(ModelError, match=f"{FILE_NAME}: its labels differ from those of the model"):
        open_tagger([tmp_path])


@pytest.mark.parametrize("odd", [(np.zeros(8_000, np.float32), 8_000), [np.zeros(8_000)], [3], [None]])
def test_what_is_no_path_in_a_list_is_refused_plainly(pipeline: Tagger, odd: list[object]) -> None:
    with pytest.raises(AudioError, match=r"cannot read a \w+ in a list; expected paths there, and an array"):
        list(pipeline(odd))  # type: ignore[call-overload]
