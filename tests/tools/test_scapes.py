"""The renderer of the benchmark `scapes`: the same samples always, however it is run."""

import csv
import hashlib
import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import soundfile

from earmark.errors import DataError

ROOT = Path(__file__).parents[2]
ESC50 = ROOT.parent / "shared" / "data" / "esc50"
STORED = {  # first eight bytes of the SHA-256 of what the benchmark's published figures were measured on
    ("train", 0): "efc55bd0e1753a50",
    ("train", 1): "c0ce97c05accaa14",
    ("train", 7): "7269b16e1325bcc4",
    ("train", 123): "c99ba6f88b3ffa65",
    ("train", 500): "4b0fcb82866d5243",
    ("train", 999): "a6c3895d26e4b49e",
    ("train", 1500): "47ec2c02d637a91f",
    ("train", 1999): "a15866c232dee525",
    ("dev", 0): "a1bc425d886c85e1",
    ("dev", 1): "1e37480e5cac5870",
    ("dev", 57): "e94e6d04bbc23601",
    ("dev", 123): "1c64877abddaba6f",
    ("dev", 200): "2e8eae4718731597",
    ("dev", 399): "a2d8de968c5f658b",
}


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("tools_scapes", ROOT / "tools" / "scapes.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


scapes = load()


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two recordings of three seconds for each class, in fold 4: bursts between pauses, and noise for backgrounds."""
    folder = tmp_path_factory.mktemp("recordings")
    rng = np.random.default_rng(5)
    with open(folder / "clips.csv", "w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["filename", "fold", "label"])
        for label in (*scapes.FOREGROUND, *scapes.BACKGROUND):
            for number in range(2):
                samples = 0.1 * rng.standard_normal(3 * scapes.RATE)
                if label in scapes.FOREGROUND:
                    samples[: scapes.RATE] = samples[2 * scapes.RATE :] = 0
                soundfile.write(folder / f"{label}-{number}.wav", samples, scapes.RATE)
                table.writerow([f"{label}-{number}.wav", 4, label])
    return folder


def render(data: Path, out: Path, *more: str, split: str = "dev", code: int = 0) -> str:
    command = [sys.executable, str(ROOT / "tools" / "scapes.py"), split, str(out), "--data", str(data), *more]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    assert done.returncode == code, done.stderr
    return done.stderr


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def rows(path: Path) -> list[dict[str, str]]:
    with open(path, newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


@pytest.fixture(scope="module")
def six(recordings: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("six")
    scapes.render(recordings, folder, scapes.SPLITS["dev"], 6)
    return folder


def test_a_soundscape_is_ten_seconds_and_its_events_lie_within(six: Path) -> None:
    info = soundfile.info(six / "audio" / "scape-2-00000.wav")
    assert (info.samplerate, info.channels, info.frames, info.subtype) == (32_000, 1, 320_000, "PCM_16")
    events = rows(six / "strong.tsv")
    assert events
    for event in events:
        assert 0 <= float(event["onset"]) < float(event["offset"]) <= 10
    tags = {(row["filename"], tag) for row in rows(six / "weak.tsv") for tag in row["event_labels"].split(",")}
    assert tags == {(event["filename"], event["event_label"]) for event in events}
    assert [row["duration"] for row in rows(six / "durations.tsv")] == ["10.0"] * 6


def test_an_event_is_louder_than_what_is_around_it(six: Path) -> None:
    for event in rows(six / "strong.tsv"):
        samples, rate = soundfile.read(six / "audio" / event["filename"])
        inside = np.zeros(len(samples), bool)
        for other in rows(six / "strong.tsv"):
            if other["filename"] == event["filename"]:
                inside[int(float(other["onset"]) * rate) : int(float(other["offset"]) * rate)] = True
        here = samples[int(float(event["onset"]) * rate) : int(float(event["offset"]) * rate)]
        assert scapes.rms(here) > scapes.rms(samples[~inside])


def test_processes_do_not_change_a_byte(recordings: Path, six: Path, tmp_path: Path) -> None:
    render(recordings, tmp_path, "--count", "6", "--processes", "2")
    assert contents(tmp_path / "dev") == contents(six)


def test_a_stopped_run_goes_on_and_ends_the_same(recordings: Path, six: Path, tmp_path: Path) -> None:
    folder = tmp_path / "dev"
    render(recordings, tmp_path, "--count", "4")
    kept = folder / "audio" / "scape-2-00001.wav"
    before = kept.stat().st_mtime_ns
    (folder / "audio" / "scape-2-00002.wav").unlink()
    journal = folder / ".rendered.jsonl"
    journal.write_text(journal.read_text()[:-9])  # stopped in the middle of a line
    assert "2 of 6 soundscapes are there already" in render(recordings, tmp_path, "--count", "6")
    assert kept.stat().st_mtime_ns == before
    assert {name: text for name, text in contents(folder).items() if name != ".rendered.jsonl"} == {
        name: text for name, text in contents(six).items() if name != ".rendered.jsonl"
    }
    assert "6 of 6 soundscapes are there already" in render(recordings, tmp_path, "--count", "6")


def test_soundscapes_of_other_recordings_are_not_mixed_in(recordings: Path, tmp_path: Path) -> None:
    render(recordings, tmp_path, "--count", "1")
    other = tmp_path / "other"
    other.mkdir()
    for path in recordings.iterdir():
        (other / path.name).write_bytes(path.read_bytes())
    (other / "clips.csv").write_bytes((recordings / "clips.csv").read_bytes() + b"x.wav,9,dog\n")
    assert "was rendered from other recordings" in render(other, tmp_path, "--count", "1", code=1)


def test_a_recording_at_another_rate_is_refused(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "slow.wav", np.zeros(16_000), 16_000)
    with pytest.raises(DataError, match=r"slow\.wav has 16000 Hz, expected 32000"):
        scapes.recording(tmp_path / "slow.wav")


def test_missing_recordings_are_named(recordings: Path, tmp_path: Path) -> None:
    assert "clips.csv does not exist; name the folder" in render(tmp_path, tmp_path, code=1)
    with pytest.raises(DataError, match=r"no usable recording of car_horn, cat, .* in folds 1, 2, 3"):
        scapes.find_recordings(recordings, (1, 2, 3))
    (tmp_path / "clips.csv").write_text("filename,fold,label\na.wav,four,dog\n")
    with pytest.raises(DataError, match=r"clips\.csv, line 2: expected columns filename, fold"):
        scapes.find_recordings(tmp_path, (4,))


def test_a_background_with_digital_silence_is_left_out(recordings: Path, tmp_path: Path) -> None:
    for path in recordings.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    samples, rate = soundfile.read(tmp_path / "rain-0.wav")
    samples[: len(samples) // 10] = 0
    soundfile.write(tmp_path / "rain-0.wav", samples, rate)
    assert [path.name for path in scapes.find_recordings(tmp_path, (4,))["rain"]] == ["rain-1.wav"]


@pytest.mark.skipif(not ESC50.exists(), reason="needs ../shared/data/esc50, the recordings")
@pytest.mark.parametrize("split", ["train", "dev"])
def test_the_samples_are_those_of_the_published_figures(split: str, tmp_path: Path) -> None:
    catalogue = scapes.find_recordings(ESC50, scapes.SPLITS[split].folds)
    for (stored, index), digest in STORED.items():
        if stored == split:
            events = scapes.render_one(catalogue, scapes.SPLITS[split], tmp_path, index)
            sound = (tmp_path / "audio" / scapes.SPLITS[split].name(index)).read_bytes()
            table = "".join(f"{onset:.3f}\t{offset:.3f}\t{label}\n" for onset, offset, label in events)
            assert hashlib.sha256(sound + table.encode()).hexdigest()[:16] == digest, (split, index)
