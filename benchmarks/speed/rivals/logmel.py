"""Log-mel of others: torchlibrosa, librosa and kaldi-native-fbank, 64 bands at 32 kHz as PANNs has them."""

from __future__ import annotations

import pathlib
from collections.abc import Callable

import numpy as np

from benchmarks.speed.worker import Jobs

RATE, WINDOW, HOP, BANDS, LOWEST, HIGHEST = 32_000, 1024, 320, 64, 50, 14_000


def noise(clips: int, samples: int) -> np.ndarray:
    """Waveforms (clips, samples), the same on all sides."""
    return 0.1 * np.random.default_rng(0).standard_normal((clips, samples), np.float32)


def torchlibrosa(folder: str, clips: int, samples: int) -> Jobs:
    """The front-end in the PANNs models."""
    import torch
    from torchlibrosa.stft import LogmelFilterBank, Spectrogram

    front = torch.nn.Sequential(
        Spectrogram(n_fft=WINDOW, hop_length=HOP, win_length=WINDOW, freeze_parameters=True),
        LogmelFilterBank(
            sr=RATE, n_fft=WINDOW, n_mels=BANDS, fmin=LOWEST, fmax=HIGHEST, ref=1.0, amin=1e-10, top_db=None
        ),
    )
    waveform = torch.from_numpy(noise(clips, samples))

    def made(count: int) -> np.ndarray:
        with torch.no_grad():
            return front(waveform[:count])[:, 0].numpy()

    return _jobs(folder, "torchlibrosa", made, clips)


def librosa(folder: str, clips: int, samples: int) -> Jobs:
    """A batch at once, as its documentation has it."""
    import librosa as package

    waveform = noise(clips, samples)

    def made(count: int) -> np.ndarray:
        mel = package.feature.melspectrogram(
            y=waveform[:count] if count > 1 else waveform[0],
            sr=RATE,
            n_fft=WINDOW,
            hop_length=HOP,
            n_mels=BANDS,
            fmin=LOWEST,
            fmax=HIGHEST,
            pad_mode="reflect",
        )
        return package.power_to_db(mel, ref=1.0, amin=1e-10, top_db=None).swapaxes(-1, -2).reshape(count, -1, BANDS)

    return _jobs(folder, "librosa", made, clips)


def kaldi(folder: str, clips: int, samples: int) -> Jobs:
    """Clip by clip, which is all it does; frames and bands of the same number, of another definition."""
    import kaldi_native_fbank

    options = kaldi_native_fbank.FbankOptions()
    options.frame_opts.samp_freq = RATE
    options.frame_opts.frame_length_ms = 1000 * WINDOW / RATE
    options.frame_opts.frame_shift_ms = 1000 * HOP / RATE
    options.frame_opts.dither = 0
    options.mel_opts.num_bins = BANDS
    options.mel_opts.low_freq, options.mel_opts.high_freq = LOWEST, HIGHEST
    waveform = noise(clips, samples)

    def one(samples_of_one: np.ndarray) -> np.ndarray:
        bank = kaldi_native_fbank.OnlineFbank(options)
        bank.accept_waveform(RATE, samples_of_one)
        bank.input_finished()
        return np.stack([bank.get_frame(number) for number in range(bank.num_frames_ready)])

    return _jobs(folder, "kaldi", lambda count: np.stack([one(row) for row in waveform[:count]]), clips)


def _jobs(folder: str, name: str, made: Callable[[int], np.ndarray], clips: int) -> Jobs:
    def save() -> list[int]:
        features = made(min(2, clips))
        np.save(pathlib.Path(folder) / f"{name}.npy", features)
        return list(features.shape)

    return {"save": save, "batch": lambda: made(clips) is None, "one": lambda: made(1) is None}
