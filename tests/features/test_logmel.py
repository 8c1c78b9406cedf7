import librosa
import numpy as np
import pytest
import scipy.signal
import torch

from earmark.errors import ConfigError
from earmark.features.logmel import LogMel, LogMelOptions

RATE = 16_000
PAPER = {
    **{"rate": RATE, "window": 1024, "hop": 664, "window_shape": "hamming-symmetric"},
    **{"power": 1, "floor": 1e-8, "centre": False},
}


def noise(samples: int, seed: int = 0) -> np.ndarray:
    return (0.1 * np.random.default_rng(seed).standard_normal(samples)).astype(np.float32)


def tone(samples: int, frequency: float) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * frequency * np.arange(samples) / RATE)).astype(np.float32)


def log_mel(options: LogMelOptions, waveform: np.ndarray) -> np.ndarray:
    return LogMel(options)(torch.from_numpy(waveform)[None])[0].numpy()


@pytest.mark.parametrize("sound", [noise(RATE), tone(RATE, 440.0), noise(RATE) + tone(RATE, 3_000.0)])
@pytest.mark.parametrize(("scale", "norm"), [("slaney", "slaney"), ("htk", None)])
@pytest.mark.parametrize("power", [1, 2])
def test_log_mel_equals_librosas(sound: np.ndarray, scale: str, norm: str | None, power: int) -> None:
    """Framed without padding; librosa's spectrum is divided by the root of the window's energy."""
    options = LogMelOptions(rate=RATE, window=1024, hop=400, mel_scale=scale, power=power, centre=False)
    energy = np.sum(librosa.filters.get_window("hann", 1024) ** 2)
    mel = librosa.feature.melspectrogram(
        **{"y": sound.astype(np.float64), "sr": RATE, "n_fft": 1024, "hop_length": 400, "center": False},
        **{"power": power, "n_mels": 64, "htk": scale == "htk", "norm": norm},
    )
    theirs = np.log(mel / energy ** (power / 2) + options.floor)
    ours = log_mel(options, sound)
    assert ours.shape == theirs.T.shape
    quiet = theirs.max() - power * np.log(3e3)  # 70 dB below the loudest band: beside a pure tone, float32 ends there
    np.testing.assert_allclose(np.maximum(ours, quiet), np.maximum(theirs.T, quiet), atol=1e-4)


def test_centred_frames_are_those_of_a_clip_with_silence_around_it() -> None:
    options = LogMelOptions(rate=RATE, window=1024, hop=400)
    sound = noise(RATE)
    padded = np.pad(sound, ((1024 - 400) // 2, 1024))
    uncentred = LogMelOptions(**{**options.model_dump(), "centre": False})
    np.testing.assert_allclose(log_mel(options, sound), log_mel(uncentred, padded)[:40], atol=1e-6)


def test_a_longer_transform_equals_librosas_up_to_the_place_of_the_window() -> None:
    """librosa centres a window within n_fft samples; its frame i begins (n_fft - window) / 2 samples before ours."""
    options = LogMelOptions(rate=RATE, window=800, n_fft=1024, hop=400, centre=False)
    sound = noise(RATE)
    mel = librosa.feature.melspectrogram(
        y=np.pad(sound.astype(np.float64), 112),
        sr=RATE,
        n_fft=1024,
        win_length=800,
        hop_length=400,
        center=False,
        n_mels=64,
    )
    energy = np.sum(librosa.filters.get_window("hann", 800) ** 2)
    ours = log_mel(options, sound)
    np.testing.assert_allclose(ours, np.log(mel / energy + 1e-8).T[: len(ours)], atol=1e-4)


@pytest.mark.parametrize(("samples", "frames"), [(160_000, 240), (158_400, 238), (144_000, 216)])
def test_the_papers_framing_gives_the_papers_frames(samples: int, frames: int) -> None:
    assert log_mel(LogMelOptions(**PAPER), noise(samples)).shape == (frames, 64)


def test_the_papers_spectrum_equals_scipys_density() -> None:
    sound = noise(160_000)
    _, _, spectrum = scipy.signal.spectrogram(
        sound.astype(np.float64),
        window=np.hamming(1024),
        **{"nperseg": 1024, "noverlap": 360, "detrend": False, "mode": "magnitude", "scaling": "density", "fs": 1},
    )
    filters = librosa.filters.mel(sr=RATE, n_fft=1024, n_mels=64, fmin=0, fmax=8_000)
    theirs = np.log(filters @ spectrum + 1e-8)
    ours = log_mel(LogMelOptions(**PAPER), sound)
    np.testing.assert_allclose(ours, theirs.T, atol=1e-4)
    assert ours.mean() == pytest.approx(-5.2, abs=0.1)  # docs/papers/xu2018.md, section 1


def test_the_windows_energy_is_divided_out() -> None:
    front = LogMel(LogMelOptions(**PAPER))
    assert (np.hamming(1024) ** 2).sum() == pytest.approx(406.5466, abs=1e-4)
    np.testing.assert_allclose(front.window.numpy(), np.hamming(1024) / np.sqrt(406.5466), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("centre", [True, False])
@pytest.mark.parametrize("frequency", [200.0, 1_000.0, 3_000.0, 6_500.0])
def test_a_tone_lights_its_band_while_it_sounds(frequency: float, centre: bool) -> None:
    options = LogMelOptions(rate=RATE, window=512, hop=320, bands=40, centre=centre)
    front = LogMel(options)
    sound = np.zeros(2 * RATE, np.float32)
    sound[RATE // 2 : RATE] = tone(RATE // 2, frequency)
    features = log_mel(options, sound)
    centres = librosa.mel_frequencies(n_mels=42, fmin=0, fmax=8_000)[1:-1]
    loud = features.max(axis=1) > features.max() - 1
    assert set(features[loud].argmax(axis=1)) == {int(np.abs(centres - frequency).argmin())}
    middles = front.clock.edges(len(features))[:-1] + float(front.clock.step) / 2
    np.testing.assert_array_equal(loud, (middles > 0.5) & (middles < 1.0))


@pytest.mark.parametrize("centre", [True, False])
@pytest.mark.parametrize("samples", [1, 160, 1024, 1025, 15_999])
def test_a_clip_in_a_longer_batch_gets_the_frames_it_gets_alone(samples: int, centre: bool) -> None:
    front = LogMel(LogMelOptions(rate=RATE, window=1024, hop=400, centre=centre))
    sound = torch.from_numpy(noise(samples))[None]
    alone = front(sound)
    beside = front(torch.nn.functional.pad(sound, (0, 2 * RATE - samples)))
    count = int(front.frames_in(torch.tensor(samples)))
    assert alone.shape[1] == count
    torch.testing.assert_close(beside[:, :count], alone, atol=1e-5, rtol=0)


def test_blocks_leave_no_seam() -> None:
    front = LogMel(LogMelOptions(rate=8_000, window=256, hop=80, bands=20))
    sound = torch.from_numpy(noise(80 * 300))[None]
    np.testing.assert_allclose(front(sound)[0], front(sound.expand(20, -1))[7], atol=1e-5)


def test_features_are_float32_even_inside_autocast() -> None:
    front = LogMel(LogMelOptions(rate=RATE, window=1024, hop=400))
    sound = torch.from_numpy(noise(RATE))[None]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = front(sound)
    assert inside.dtype == torch.float32
    torch.testing.assert_close(inside, front(sound), atol=0, rtol=0)


def test_silence_is_the_floor_and_finite() -> None:
    features = log_mel(LogMelOptions(rate=RATE, window=1024, hop=400), np.zeros(RATE, np.float32))
    np.testing.assert_allclose(features, np.log(1e-8), rtol=1e-6)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"n_fft": 512}, r"n_fft \(512\) must not be shorter than the window \(2048\)"),
        ({"hop": 4096}, "samples would be skipped"),
        ({"fmax": 20_000}, "fmin < fmax <= rate / 2"),
        ({"fmin": 9_000, "fmax": 8_000}, "fmin < fmax"),
        ({"fmin": 16_000}, "fmin < fmax"),
        ({"centre": False, "edge": "reflect"}, "centred_on and edge need centre: true"),
        ({"centre": False, "centred_on": "start"}, "centred_on and edge need centre: true"),
        ({"drop_last": True}, "drop_last needs centred_on: start"),
        ({"beyond_end": True}, "beyond_end needs centre: false"),
        ({"top_db": 80}, "top_db is in decibels and needs log: db"),
        ({"windw": 5}, r"unknown key 'windw' \(did you mean 'window'\?\)"),
    ],
)
def test_contradictions_are_refused(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        LogMelOptions.parse(wrong, "features")


def test_a_change_of_level_is_a_change_of_offset() -> None:
    front = LogMel(LogMelOptions(rate=RATE, window=1024, hop=400, floor=1e-30))
    sound = torch.from_numpy(noise(RATE))[None]
    torch.testing.assert_close(front(10 * sound), front(sound) + np.log(100.0), atol=1e-3, rtol=0)
