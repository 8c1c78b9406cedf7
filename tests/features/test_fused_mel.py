"""The kernel against PyTorch's operators; on a CPU by Triton's interpreter."""

from typing import Any

import pytest
import torch

from earmark.features import LogMelOptions
from earmark.features.fused_mel import log_bands
from earmark.features.logmel import LogMel

OPTIONS = [
    LogMelOptions(rate=16_000, window=512, hop=256, bands=64),
    LogMelOptions(rate=16_000, window=512, hop=256, bands=40, power=1, floor_kind="clamp", fmin=50, fmax=7000),
    LogMelOptions(rate=16_000, window=400, n_fft=512, hop=160, bands=24, log="db", density=False, top_db=80.0),
]


@pytest.mark.parametrize("options", OPTIONS)
def test_features_are_those_of_the_operators(options: Any, kernels_on: str, monkeypatch: pytest.MonkeyPatch) -> None:
    front = LogMel(options).to(kernels_on)
    random = torch.Generator().manual_seed(0)
    waveform = (torch.randn(3, 4000, generator=random) * torch.tensor([[1e-3], [0.1], [1.0]])).to(kernels_on)
    ours = front(waveform)
    monkeypatch.setattr("earmark.features.logmel.runs_kernels", lambda x: False)
    torch.testing.assert_close(ours, front(waveform), atol=2e-5, rtol=2e-5)


def test_a_spectrum_of_no_frame_has_no_bands(kernels_on: str) -> None:
    spectrum = torch.zeros(2, 0, 9, dtype=torch.complex64, device=kernels_on)
    filters = torch.ones(9, 4, device=kernels_on)
    assert log_bands(spectrum, filters, power=2, log="ln", floor=1e-8, floor_kind="add").shape == (2, 0, 4)


def test_a_cpu_keeps_to_the_operators(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("earmark.features.logmel.log_bands", None)  # would fail
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert LogMel(OPTIONS[0])(torch.zeros(1, 1000)).shape == (1, 4, 64)
