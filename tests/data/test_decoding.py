"""Clips decoded by processes of their own are those decoded here."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import soundfile

from earmark.data import pack
from earmark.data.decoding import Decoders, decode
from earmark.data.records import Clip


@pytest.fixture
def paths(tmp_path: Path) -> list[str]:
    random = np.random.default_rng(0)
    for number in range(12):
        soundfile.write(
            tmp_path / f"{number:02d}.flac",
            random.uniform(-0.3, 0.3, 60_000 if number == 6 else 3_000 + number),
            16_000,
        )
    (tmp_path / "05.flac").write_bytes(b"no sound at all")
    cut = (tmp_path / "06.flac").read_bytes()
    (tmp_path / "06.flac").write_bytes(cut[: len(cut) // 2])
    return [str(path) for path in sorted(tmp_path.iterdir())]


@pytest.mark.parametrize("keep_truncated", [False, True])
def test_processes_decode_what_this_one_does(paths: list[str], keep_truncated: bool) -> None:
    with Decoders(2) as decoders, ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda path: decoders.decode(path, 8_000, keep_truncated), paths))
    for path, there in zip(paths, found, strict=True):
        here = decode(path, 8_000, keep_truncated)
        if isinstance(here, str):
            assert here == there
        else:
            np.testing.assert_array_equal(here[0], there[0])
            assert here[1] == there[1]
    assert [isinstance(one, str) for one in found].count(True) == (1 if keep_truncated else 2)


def test_a_process_that_dies_costs_one_clip(paths: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    with Decoders(1) as decoders:
        assert not isinstance(decoders.decode(paths[0], 8_000, False), str)
        decoders._all[0].kill()
        decoders._all[0].wait()
        assert "the process that decoded it ended" in str(decoders.decode(paths[1], 8_000, False))
        assert not isinstance(decoders.decode(paths[2], 8_000, False), str)
        left = [process.pid for process in decoders._all]
    for pid in left:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_a_pack_of_many_clips_is_the_pack_of_few(
    paths: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clips = [Clip(Path(path), Path(path).name, ("a",)) for path in paths]
    here = pack.open_pack(clips, 8_000, tmp_path / "here", threads=3)
    begun: list[int] = []

    class Counted(Decoders):
        def __init__(self, processes: int) -> None:
            begun.append(processes)
            super().__init__(processes)

    monkeypatch.setattr(pack, "MANY", 10)
    monkeypatch.setattr(pack, "Decoders", Counted)
    there = pack.open_pack(clips, 8_000, tmp_path / "there", threads=3)
    assert begun == [3]
    assert here.path.read_bytes() == there.path.read_bytes()
    assert here.problems == there.problems
    assert len(here.problems) == 2
