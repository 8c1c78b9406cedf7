import numpy as np
import pytest

from earmark.audio.mel import MelScale, hz_to_mel, mel_filters, mel_to_hz

librosa = pytest.importorskip("librosa")


@pytest.mark.parametrize(
    ("rate", "n_fft", "bands", "fmin", "fmax"),
    [(16_000, 1024, 64, 0.0, 8_000.0), (32_000, 2048, 64, 50.0, 14_000.0), (44_100, 2048, 40, 0.0, 22_050.0)],
)
def test_slaney_filters_equal_librosas(rate: int, n_fft: int, bands: int, fmin: float, fmax: float) -> None:
    theirs = librosa.filters.mel(sr=rate, n_fft=n_fft, n_mels=bands, fmin=fmin, fmax=fmax, dtype=np.float64)
    np.testing.assert_allclose(mel_filters(rate, n_fft, bands, fmin, fmax), theirs.T, atol=1e-9)


def test_htk_filters_equal_librosas() -> None:
    theirs = librosa.filters.mel(
        sr=16_000, n_fft=1024, n_mels=40, fmin=20.0, fmax=7_600.0, htk=True, norm=None, dtype=np.float64
    )
    np.testing.assert_allclose(mel_filters(16_000, 1024, 40, 20.0, 7_600.0, "htk"), theirs.T, atol=1e-9)


def test_kaldis_scale_is_logarithmic_and_goes_back() -> None:
    assert hz_to_mel(700.0, "kaldi") == pytest.approx(1127 * np.log(2))
    np.testing.assert_allclose(mel_to_hz(hz_to_mel([0, 20, 8_000], "kaldi"), "kaldi"), [0, 20, 8_000], atol=1e-9)


def test_kaldis_filters_are_triangles_over_mels() -> None:
    """A filter falls off linearly in mels on either side of its centre; one that lies between two bins is empty."""
    filters = mel_filters(16_000, 512, 128, 20.0, 8_000.0, "kaldi")
    corners = np.linspace(hz_to_mel(20, "kaldi"), hz_to_mel(8_000, "kaldi"), 130)
    mels = hz_to_mel(np.arange(257) * 31.25, "kaldi")
    width = corners[1] - corners[0]
    slow = np.array([[max(0.0, 1 - abs(mel - centre) / width) for centre in corners[1:-1]] for mel in mels])
    np.testing.assert_allclose(filters, slow, atol=1e-9)
    assert np.flatnonzero(filters.max(axis=0) == 0).tolist() == [3]


@pytest.mark.parametrize("scale", ["slaney", "htk"])
def test_the_scales_equal_librosas_and_go_back(scale: MelScale) -> None:
    hz = np.array([0.0, 1.0, 440.0, 999.9, 1000.0, 1000.1, 6400.0, 20_000.0])
    mel = hz_to_mel(hz, scale)
    np.testing.assert_allclose(mel, librosa.hz_to_mel(hz, htk=scale == "htk"), rtol=1e-12)
    np.testing.assert_allclose(mel_to_hz(mel, scale), hz, rtol=1e-12, atol=1e-12)
    assert (np.diff(mel) > 0).all()


def test_htk_filters_reach_one_and_hand_over_to_their_neighbour() -> None:
    filters = mel_filters(16_000, 16_384, 20, 0.0, 8_000.0, "htk")
    assert filters.max(axis=0) == pytest.approx(np.ones(20), abs=0.02)
    inner = filters[200:7_000]  # below the first and above the last centre one side has no neighbour
    np.testing.assert_allclose(inner.sum(axis=1), 1.0, atol=1e-9)


def test_a_band_too_narrow_for_the_spectrum_is_refused() -> None:
    with pytest.raises(ValueError, match=r"256 mel bands need a longer n_fft than 512 at 16000 Hz: band 0 is empty"):
        mel_filters(16_000, 512, 256, 0.0, 8_000.0)
