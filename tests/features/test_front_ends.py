"""The front-ends of both papers and of their rivals, as written down in `logmel.py`, against the packages they used."""

import json
from pathlib import Path

import librosa
import numpy as np
import pytest
import scipy.signal
import soundfile
import torch
from torch import nn

from earmark.encoders import CRNNOptions
from earmark.features import FrontEnd, LogMel, LogMelOptions, build_features
from earmark.models.network import ModelOptions, Network

REAL = Path(__file__).parents[3] / "shared" / "data" / "audioset" / "R9_ZSCveAHg_7s.wav"

XU = LogMelOptions(
    **{"rate": 16_000, "window": 1024, "hop": 664, "fmin": 0, "fmax": 8_000, "window_shape": "hamming-symmetric"},
    **{"power": 1, "floor": 1e-8, "centre": False, "fill": 240},
)
DB = {"density": False, "log": "db", "floor": 1e-10, "floor_kind": "clamp", "centred_on": "start"}
PANNS = LogMelOptions(
    **{"rate": 32_000, "window": 1024, "hop": 320, "fmin": 50, "fmax": 14_000, "edge": "reflect"}, **DB
)
PANNS_16K = LogMelOptions(
    **{"rate": 16_000, "window": 512, "hop": 160, "fmin": 50, "fmax": 8_000, "edge": "reflect"}, **DB
)
TALNET = LogMelOptions(
    **{"rate": 16_000, "window": 1024, "n_fft": 4096, "hop": 400, "fmin": 0, "fmax": 8_000, "power": 1},
    **{"top_db": 80, "drop_last": True},
    **DB,
)
BASELINE = LogMelOptions(
    **{"rate": 44_100, "window": 1764, "n_fft": 2048, "hop": 882, "bands": 40, "window_shape": "hamming", "power": 1},
    **{"density": False, "floor": 2.2e-16, "centred_on": "start", "edge": "reflect"},
)
KALDI = LogMelOptions(
    **{"rate": 16_000, "window": 400, "n_fft": 512, "hop": 160, "bands": 128, "fmin": 20, "fmax": 8_000},
    **{"mel_scale": "kaldi", "window_shape": "povey", "emphasis": 0.97, "gain": 32_768, "density": False},
    **{"floor": float(np.finfo(np.float32).eps), "floor_kind": "clamp", "centre": False},
)
ATST = LogMelOptions(
    **{"rate": 16_000, "window": 1024, "hop": 160, "fmin": 60, "fmax": 7_800, "mel_scale": "htk", "top_db": 80},
    **{"edge": "reflect"},
    **DB,
)
ALL = {
    **{"xu": XU, "panns": PANNS, "panns-16k": PANNS_16K, "talnet": TALNET, "baseline": BASELINE},
    **{"kaldi": KALDI, "atst": ATST},
}


def noise(samples: int, seed: int = 0) -> np.ndarray:
    """Noise (samples,) that swells and fades, so that frames differ and every clip has an edge worth mirroring."""
    sound = np.random.default_rng(seed).standard_normal(samples)
    return (0.1 * sound * np.exp(2 * np.sin(np.arange(samples) / 3000))).astype(np.float32)


def features_of(options: LogMelOptions, waveform: np.ndarray) -> np.ndarray:
    return LogMel(options)(torch.from_numpy(waveform)[None])[0].numpy()


def tagger_with(options: LogMelOptions, scale: bool = True) -> Network:
    made = Network(
        ModelOptions(
            labels=("a", "b"), features=options, encoder=CRNNOptions(channels=(4,), pools=(4,), last=8, units=6)
        )
    ).eval()
    if scale:
        made.scaling.fit(made.front_end(torch.from_numpy(noise(5 * options.rate, 7))[None]))
    return made


def scipys(sound: np.ndarray) -> np.ndarray:
    """Log-mel (frames, bands) as Xu et al. 2018 made it."""
    _, _, spectrum = scipy.signal.spectrogram(
        sound.astype(np.float64),
        window=np.hamming(1024),
        **{"nperseg": 1024, "noverlap": 360, "detrend": False, "mode": "magnitude", "scaling": "density", "fs": 1},
    )
    return np.log(librosa.filters.mel(sr=16_000, n_fft=1024, n_mels=64, fmin=0, fmax=8_000) @ spectrum + 1e-8).T


@pytest.mark.parametrize(("seconds", "frames"), [(10.0, 240), (9.9, 238), (9.0, 216)])
def test_xus_equals_scipys(seconds: float, frames: int) -> None:
    sound = noise(round(seconds * 16_000))
    ours = features_of(XU, sound)
    assert ours.shape == (frames, 64)
    np.testing.assert_allclose(ours, scipys(sound), atol=1e-4)


@torch.no_grad()
def test_xus_short_clips_are_filled_after_the_logarithm_and_before_the_scaling() -> None:
    """By hand: the clip's 216 frames, 24 rows of zeros, then z = (x - mean) / std of every band."""
    model = tagger_with(XU)
    short, whole = noise(144_000), noise(160_000, 1)
    by_hand = np.concatenate([scipys(short), np.zeros((24, 64))])
    by_hand = (by_hand - model.scaling.mean.numpy()) / model.scaling.std.numpy()
    alone, _ = model.features(torch.from_numpy(short)[None])
    np.testing.assert_allclose(alone[0], by_hand, atol=1e-4)
    batch = torch.stack([torch.from_numpy(np.pad(short, (0, 16_000))), torch.from_numpy(whole)])
    lengths = torch.tensor([144_000, 160_000])
    together, frames = model.features(batch, lengths)
    assert frames is None  # the filling counts as content
    np.testing.assert_allclose(together[0], by_hand, atol=1e-4)
    torch.testing.assert_close(together[:1], alone, atol=1e-5, rtol=0)
    torch.testing.assert_close(together[1:], model.features(batch[1:])[0], atol=1e-5, rtol=0)
    scored, one = model(batch, lengths), model(torch.from_numpy(short)[None])
    torch.testing.assert_close(scored.clip[0], one.clip[0], atol=1e-5, rtol=0)
    assert model.steps_in(lengths).tolist() == [216, 240]  # frames of the filling belong to no time


def torchlibrosas(options: LogMelOptions, sound: np.ndarray) -> np.ndarray:
    stft = pytest.importorskip("torchlibrosa.stft")
    spectrogram = stft.Spectrogram(
        n_fft=options.window, hop_length=options.hop, window="hann", center=True, pad_mode="reflect"
    )
    filters = stft.LogmelFilterBank(
        sr=options.rate, n_fft=options.window, n_mels=64, fmin=options.fmin, fmax=options.fmax,
        ref=1.0, amin=1e-10, top_db=None,
    )  # fmt: skip
    with torch.no_grad():
        theirs: np.ndarray = filters(spectrogram(torch.from_numpy(sound)[None]))[0, 0].numpy()
    return theirs


@pytest.mark.parametrize("options", [PANNS, PANNS_16K], ids=["32k", "16k"])
@pytest.mark.parametrize("samples", [320_000, 123_457, 1_000])
def test_panns_equals_torchlibrosas(options: LogMelOptions, samples: int) -> None:
    sound = noise(samples)
    ours = features_of(options, sound)
    assert len(ours) == 1 + samples // options.hop
    np.testing.assert_allclose(ours, torchlibrosas(options, sound), atol=1e-3)


def test_panns_equals_torchlibrosas_on_a_real_clip() -> None:
    if not REAL.is_file():
        pytest.skip("needs ../shared/data/audioset/R9_ZSCveAHg_7s.wav")
    sound, rate = soundfile.read(REAL, dtype="float32")
    assert (rate, len(sound)) == (32_000, 224_000)
    ours = features_of(PANNS, sound)
    assert ours.shape == (701, 64)
    np.testing.assert_allclose(ours, torchlibrosas(PANNS, sound), atol=2e-3)


@pytest.mark.filterwarnings("ignore:n_fft=4096 is too large")
@pytest.mark.parametrize(("samples", "frames"), [(160_000, 400), (159_999, 399), (399, 1)])
def test_talnets_equals_librosas(samples: int, frames: int) -> None:
    sound = noise(samples)
    sound[samples // 3 : samples // 2] *= 1e-6  # so that the cut 80 dB below the loudest is felt
    spectrum = librosa.stft(
        sound.astype(np.float64), n_fft=4096, hop_length=400, win_length=1024, center=True, pad_mode="constant"
    )
    mel = librosa.feature.melspectrogram(S=np.abs(spectrum), sr=16_000, n_mels=64, fmin=0, fmax=8_000)
    theirs = librosa.power_to_db(mel).T[:frames]
    ours = features_of(TALNET, sound)
    assert ours.shape == (frames, 64)
    np.testing.assert_allclose(ours, theirs, atol=2e-3)
    assert frames == 1 or ours.min() == pytest.approx(theirs.max() - 80, abs=1e-3)


@torch.no_grad()
def test_the_loudest_value_is_the_clips_own() -> None:
    """A loud neighbour in the batch, or what a window sees of silence beyond the end, must not move the cut."""
    front = LogMel(TALNET)
    faint, loud = 1e-3 * noise(8_123), 10 * noise(16_000, 1)
    batch = torch.from_numpy(np.stack([np.pad(faint, (0, 16_000 - 8_123)), loud]))
    together = front(batch, torch.tensor([8_123, 16_000]))
    np.testing.assert_allclose(together[0, :20], features_of(TALNET, faint), atol=1e-3)


def test_the_loudest_value_may_lie_in_the_frame_that_is_dropped() -> None:
    sound = 1e-3 * noise(16_000)
    sound[-40:] = 1.0
    whole = features_of(TALNET.model_copy(update={"drop_last": False}), sound)
    assert whole[-1].max() > whole[:-1].max()
    np.testing.assert_array_equal(features_of(TALNET, sound), whole[:-1])


@pytest.mark.parametrize("edge", ["reflect", "zeros"])
def test_the_dcase_baselines_equals_librosas(edge: str) -> None:
    sound = noise(441_000)
    spectrum = librosa.stft(
        sound.astype(np.float64) + 2.2e-16, n_fft=2048, hop_length=882, win_length=1764, center=True,
        window=scipy.signal.get_window("hamming", 1764), pad_mode="reflect" if edge == "reflect" else "constant",
    )  # fmt: skip
    filters = librosa.filters.mel(sr=44_100, n_fft=2048, n_mels=40, fmin=0, fmax=22_050)
    ours = features_of(BASELINE.model_copy(update={"edge": edge}), sound)
    assert ours.shape == (501, 40)
    np.testing.assert_allclose(ours, np.log(filters @ np.abs(spectrum) + 2.2e-16).T, atol=1e-4)


def kaldis(sound: np.ndarray, bands: int) -> np.ndarray:
    """Log-mel (frames, bands) frame by frame, by Kaldi's published definition."""
    corners = np.linspace(1127 * np.log(1 + 20 / 700), 1127 * np.log(1 + 8_000 / 700), bands + 2)
    mels = 1127 * np.log(1 + 31.25 * np.arange(257) / 700)
    filters = np.maximum(0, 1 - np.abs(mels[:, None] - corners[1:-1]) / (corners[1] - corners[0]))
    window = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 399)) ** 0.85
    rows = []
    for start in range(0, len(sound) - 399, 160):
        frame = 32_768 * sound[start : start + 400].astype(np.float64)
        frame -= frame.mean()
        frame -= 0.97 * np.concatenate([frame[:1], frame[:-1]])
        power = np.abs(np.fft.rfft(frame * window, 512)) ** 2
        rows.append(np.log(np.maximum(power @ filters, np.finfo(np.float32).eps)))
    return np.array(rows)


def test_kaldis_filterbank_is_that_of_its_definition_and_of_its_own_code() -> None:
    """Stored numbers: kaldi-native-fbank 1.23.0, Kaldi's C++ code, which refuses 128 bands as too many."""
    sound = noise(8_000)
    np.testing.assert_allclose(features_of(KALDI, sound), kaldis(sound, 128), atol=2e-3)
    forty = KALDI.model_copy(update={"bands": 40})
    np.testing.assert_allclose(features_of(forty, sound), kaldis(sound, 40), atol=1e-4)
    stored = json.loads((Path(__file__).parents[1] / "reference" / "kaldi_fbank.json").read_text())
    np.testing.assert_allclose(features_of(forty, sound), stored["features"], atol=1e-3)


def test_kaldis_frames_beyond_the_end_see_silence_there() -> None:
    """A frame for every hop of a clip; those that lie inside are Kaldi's."""
    on = KALDI.model_copy(update={"beyond_end": True})
    for samples in (16_000, 16_079, 16_080, 16_160, 200, 1):
        sound = noise(samples)
        found = features_of(on, sound)
        assert len(found) == max(1, round(samples / 160 + 1e-9))
        padded = features_of(KALDI, np.pad(sound, (0, 400)))
        np.testing.assert_allclose(found, padded[: len(found)], atol=1e-4)
    clock = LogMel(on).clock
    assert (clock.time(0), clock.time(1_000)) == (0.0, 10.0)


def atsts(sound: np.ndarray) -> np.ndarray:
    mel = librosa.feature.melspectrogram(
        y=sound, sr=16_000, n_fft=1024, hop_length=160, pad_mode="reflect", n_mels=64, fmin=60, fmax=7_800,
        htk=True, norm=None,
    )  # fmt: skip
    return librosa.power_to_db(mel, amin=1e-10, top_db=80).T


def test_atsts_equals_librosas() -> None:
    sound = noise(16_000)
    sound[5_000:9_000] *= 1e-6
    np.testing.assert_allclose(features_of(ATST, sound), atsts(sound), atol=2e-3)


@torch.no_grad()
@pytest.mark.parametrize("name", ALL)
def test_a_clip_beside_longer_ones_gets_the_frames_it_gets_alone(name: str) -> None:
    """Also one shorter than a window, than the mirror image at its end, or of a single sample."""
    options = ALL[name]
    front = build_features(options)
    assert isinstance(front, FrontEnd)
    lengths = [1, 2, 37, options.hop, options.window - 1, 5 * options.window + 3, 2 * options.rate]
    sounds = [torch.from_numpy(noise(length, seed)) for seed, length in enumerate(lengths)]
    together = front(nn.utils.rnn.pad_sequence(sounds, batch_first=True), torch.tensor(lengths))
    for row, sound in zip(together, sounds, strict=True):
        alone = front(sound[None])[0]
        assert len(alone) == int(front.frames_in(torch.tensor(len(sound))))
        assert torch.isfinite(alone).all()
        torch.testing.assert_close(row[: len(alone)], alone, atol=2e-3 if options.log == "db" else 2e-4, rtol=0)


@torch.no_grad()
def test_a_model_scores_a_clip_alone_as_beside_longer_ones_with_mirrored_ends() -> None:
    model = tagger_with(PANNS)
    lengths = torch.tensor([10_001, 64_000, 300])
    batch = nn.utils.rnn.pad_sequence([torch.from_numpy(noise(int(n), 3)) for n in lengths], batch_first=True)
    together = model(batch, lengths)
    for row, length in enumerate(lengths.tolist()):
        alone = model(batch[row : row + 1, :length])
        torch.testing.assert_close(together.clip[row], alone.clip[0], atol=1e-5, rtol=0)
        torch.testing.assert_close(together.frames[row, : alone.frames.shape[1]], alone.frames[0], atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", ALL)
def test_a_click_lights_the_frame_whose_time_it_falls_into(name: str) -> None:
    options = ALL[name]
    front = LogMel(options)
    for place in (0.4003, 0.7501, 0.9):
        sound = 1e-5 * noise(2 * options.rate)
        sound[round(place * options.rate)] = 1.0
        loudest = int(features_of(options, sound).mean(axis=1).argmax())
        assert loudest == front.clock.frame_at(round(place * options.rate) / options.rate)


def test_a_clip_without_samples_is_one_finite_frame() -> None:
    for options in ALL.values():
        front = LogMel(options)
        assert torch.isfinite(front(torch.zeros(1, 0))).all()
        batch = front(torch.zeros(2, 8_000), torch.tensor([0, 8_000]))
        assert torch.isfinite(batch).all()


def test_gradients_pass_through_mirrored_ends() -> None:
    sound = torch.from_numpy(noise(2_000))[None].requires_grad_()
    LogMel(PANNS_16K)(sound, torch.tensor([2_000])).sum().backward()
    assert sound.grad is not None
    assert torch.isfinite(sound.grad).all()
    assert (sound.grad != 0).all()
