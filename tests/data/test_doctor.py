import math
from pathlib import Path

import numpy as np
import pytest
import soundfile

from earmark.data.doctor import examine, inspect
from earmark.data.manifest import read_manifest
from earmark.errors import AudioError


def kinds(problems):
    return {(problem.kind, problem.where) for problem in problems}


@pytest.fixture
def ward(recordings, table):
    """One healthy clip and one of each illness."""
    root = recordings(*(f"audio/{name}.wav" for name in ("well", "cut", "twin", "late", "other")))
    audio = root / "audio"
    noise = 0.1 * np.random.default_rng(0).standard_normal(8_000)
    soundfile.write(audio / "silent.wav", np.zeros(8_000), 8_000)
    soundfile.write(audio / "quiet.wav", 1e-5 * noise, 8_000, subtype="FLOAT")
    soundfile.write(audio / "short.wav", noise[:80], 8_000)
    soundfile.write(audio / "none.wav", noise[:0], 8_000)
    soundfile.write(audio / "huge.wav", 1e5 * noise, 8_000, subtype="FLOAT")
    soundfile.write(audio / "clipped.wav", np.clip(50 * noise, -1, 1), 8_000)
    soundfile.write(audio / "nan.wav", np.where(np.arange(8_000) == 4_000, np.nan, noise), 8_000, subtype="FLOAT")
    samples, rate = soundfile.read(audio / "well.wav")
    soundfile.write(audio / "twin.flac", samples, rate)
    (audio / "twin.wav").unlink()
    (audio / "text.wav").write_text("not a sound")
    (audio / "cut.wav").write_bytes((audio / "cut.wav").read_bytes()[:4_000])
    names = sorted(path.name for path in audio.iterdir())
    labels = {"other.wav": "Siren ", "twin.flac": "dog"}
    rows = [f"{name}|0|{9 if name == 'late.wav' else 0.01}|{labels.get(name, 'siren')}" for name in names]
    table("strong.tsv", "filename|onset|offset|event_label", *rows, "gone.wav|0|1|siren")
    return root


def test_each_illness_is_found_and_named(ward):
    diagnosis = examine(ward)
    assert not diagnosis.ok
    assert kinds(diagnosis.problems) == {
        ("truncated", "cut.wav"),
        ("silent", "silent.wav"),
        ("silent", "quiet.wav"),
        ("short", "short.wav"),
        ("unreadable", "none.wav"),
        ("unreadable", "nan.wav"),
        ("unreadable", "text.wav"),
        ("level", "huge.wav"),
        ("event", "late.wav"),
        ("duplicate", "well.wav"),
        ("label", "Siren "),
        ("missing", f"{ward}/strong.tsv, line 15"),
    }
    told = {problem.where: problem.message for problem in diagnosis.problems}
    assert "'Siren ' (1 clip) and 'siren' (11 clips)" in told["Siren "]
    assert "ends at 9.000 s, but the recording at 0.500 s" in told["late.wav"]
    assert "sounds exactly like twin.flac (labelled ['siren'] here and ['dog'] there)" in told["well.wav"]
    assert "sample 4000 (0.500 s) is not a number" in told["nan.wav"]
    assert ("clipping", "clipped.wav") in kinds(diagnosis.notes)
    assert diagnosis.counts()["unreadable"] == 3


def test_a_healthy_collection_is_counted_and_measured(recordings):
    root = recordings(*(f"siren/{i}.wav" for i in range(6)), *(f"dog/{i}.flac" for i in range(5)), "noise/a.wav")
    seen = []
    diagnosis = examine(root, progress=lambda done, total: seen.append((done, total)))
    assert diagnosis.ok
    assert diagnosis.notes == ()
    assert [(row.label, row.clips, row.seconds) for row in diagnosis.labels] == [("dog", 5, 2.5), ("siren", 6, 3.0)]
    assert (diagnosis.clips, diagnosis.seconds, diagnosis.unlabelled) == (12, 6.0, 1)
    assert diagnosis.formats == (("WAV PCM_16, 8000 Hz, 1 channel", 7), ("FLAC PCM_16, 8000 Hz, 1 channel", 5))
    assert seen == [(i, 12) for i in range(1, 13)]


def test_silence_without_a_label_is_meant(recordings):
    root = recordings(*(f"siren/{i}.wav" for i in range(5)), "silence/a.wav")
    soundfile.write(root / "silence" / "a.wav", np.zeros(8_000), 8_000)
    assert examine(root).ok


def test_misspelt_optional_columns_are_pointed_out(recordings, table):
    recordings("a.wav")
    diagnosis = examine(read_manifest(table("t.csv", "filename,label,fodl,licence", "a.wav,dog,1,CC0")))
    assert [problem.message for problem in diagnosis.problems] == ["column 'fodl' is not used; did you mean 'fold'?"]
    assert ("few", "dog") in kinds(diagnosis.notes)
    assert any("fodl, licence" in note.message for note in diagnosis.notes)


def test_event_seconds_are_summed(recordings, table):
    recordings("a.wav")
    rows = ["a.wav|0|0.25|dog", "a.wav|0.25|0.375|dog"]
    diagnosis = examine(table("strong.tsv", "filename|onset|offset|event_label", *rows))
    assert math.isclose(diagnosis.labels[0].event_seconds, 0.375)


RATE = 8_000


def written(path: Path, wave: np.ndarray, **options: str) -> Path:
    soundfile.write(path, wave, RATE, **options)
    return path


def test_level_peak_and_clipping_of_a_sine(tmp_path: Path) -> None:
    wave = 0.5 * np.sin(2 * np.pi * 100 * np.arange(RATE) / RATE)
    found = inspect(written(tmp_path / "a.wav", wave, subtype="FLOAT"))
    assert (found.length, found.duration, found.clipped) == (RATE, 1.0, 0.0)
    assert found.peak == pytest.approx(0.5, abs=1e-6)
    assert found.level == pytest.approx(20 * np.log10(0.5 / np.sqrt(2)), abs=1e-3)
    wave[:800] = 1.0
    assert inspect(written(tmp_path / "b.wav", wave, subtype="FLOAT")).clipped == pytest.approx(0.1)


def test_equal_sound_has_an_equal_digest_whatever_its_format(tmp_path: Path) -> None:
    wave = np.random.default_rng(0).integers(-9_000, 9_000, RATE).astype(np.int16)
    wav, flac = (inspect(written(tmp_path / f"a.{form}", wave)) for form in ("wav", "flac"))
    assert wav.digest == flac.digest
    assert inspect(written(tmp_path / "b.wav", wave[::-1])).digest != wav.digest


def test_digital_silence_has_no_level(tmp_path: Path) -> None:
    assert inspect(written(tmp_path / "a.wav", np.zeros(RATE))).level == -np.inf


def test_what_cannot_be_read_raises(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_text("no sound")
    with pytest.raises(AudioError, match=r"a\.wav"):
        inspect(tmp_path / "a.wav")
