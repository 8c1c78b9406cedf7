"""The synthesised data set, and the sounds it is made of: length, level, and energy where each class belongs."""

from __future__ import annotations

import csv
import hashlib
import json

import numpy as np
import pytest
import soundfile

from earmark.data.synthetic import SPLITS, VOICES, coloured_noise, make_clip, make_dataset
from earmark.errors import OutputError

SMALL = {"clips": 10, "valid": 3, "test": 4, "seconds": 3.0}


def read(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def digests(directory):
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    return {str(path.relative_to(directory)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return make_dataset(tmp_path_factory.mktemp("synthetic") / "set", **SMALL)


def test_layout_counts_and_audio(dataset):
    assert {path.name for path in dataset.iterdir()} == {*SPLITS, "synthetic.json"}
    assert not (dataset / "train/strong.tsv").exists()
    for split, count in zip(SPLITS, (10, 3, 4), strict=True):
        names = [row["filename"] for row in read(dataset / split / "weak.tsv")]
        assert sorted(path.name for path in (dataset / split / "audio").iterdir()) == names
        assert len(names) == count
        info = soundfile.info(dataset / split / "audio" / names[0])
        assert (info.samplerate, info.channels, info.frames, info.subtype) == (16_000, 1, 48_000, "PCM_16")


@pytest.mark.parametrize("split", ["valid", "test"])
def test_weak_labels_are_the_set_of_strong_labels(dataset, split):
    strong = {}
    for row in read(dataset / split / "strong.tsv"):
        assert 0 <= float(row["onset"]) < float(row["offset"]) <= 3.0
        strong.setdefault(row["filename"], set()).add(row["event_label"])
    weak = {row["filename"]: set(row["event_labels"].split(",")) for row in read(dataset / split / "weak.tsv")}
    assert strong == weak
    durations = {row["filename"]: float(row["duration"]) for row in read(dataset / split / "durations.tsv")}
    assert durations == dict.fromkeys(weak, 3.0)


def test_energy_is_where_the_labels_say():
    """In clips of one event: louder within than without, and quiet just outside its borders."""
    gains = []
    for index in range(100, 160):
        wave, events = make_clip(0, "test", index)
        if len(events) != 1:
            continue
        onset, offset = (round(seconds * 16_000) for seconds in events[0][:2])
        outside = np.concatenate([wave[:onset], wave[offset:]])
        if len(outside) > 16_000:
            gains.append(10 * np.log10(np.mean(wave[onset:offset] ** 2) / np.mean(outside**2)))
    assert len(gains) > 10
    assert np.mean(gains) > 6
    assert min(gains) > -3  # the level of the background itself moves


def test_clips_do_not_clip_and_have_one_to_four_events_of_known_classes():
    counts = []
    for index in range(40):
        wave, events = make_clip(3, "train", index)
        assert wave.dtype == np.float32
        assert np.abs(wave).max() <= 0.951
        assert {event.label for event in events} <= set(VOICES)
        assert events == sorted(events)
        counts.append(len(events))
    assert set(counts) >= {1, 2, 3}
    assert max(counts) <= 4


def test_every_class_occurs_and_frequencies_are_long_tailed():
    labels = [event.label for i in range(150) for event in make_clip(0, "train", i, seconds=1.0)[1]]
    counts = [labels.count(name) for name in VOICES]
    assert min(counts) >= 1
    assert counts[0] > 5 * counts[-1]


def test_the_same_seed_gives_identical_files_and_another_does_not(dataset, tmp_path):
    again = make_dataset(tmp_path / "again", **SMALL)
    other = make_dataset(tmp_path / "other", **SMALL, seed=1)
    assert digests(again) == digests(dataset)
    assert digests(other)["train/audio/train-0000.wav"] != digests(dataset)["train/audio/train-0000.wav"]


def test_a_clip_does_not_depend_on_how_many_are_made(dataset, tmp_path):
    more = make_dataset(tmp_path / "more", **{**SMALL, "clips": 12, "valid": 1})
    assert digests(more)["test/audio/test-0003.wav"] == digests(dataset)["test/audio/test-0003.wav"]


def test_a_complete_set_is_kept_and_a_damaged_or_different_one_made_anew(tmp_path):
    made = []
    where = tmp_path / "set"
    make_dataset(where, **SMALL, progress=lambda done, total: made.append((done, total)))
    assert made == [(done, 17) for done in range(1, 18)]
    before = digests(where)
    make_dataset(where, **SMALL, progress=lambda done, total: pytest.fail("made again"))
    (where / "train/audio/train-0002.wav").unlink()
    make_dataset(where, **SMALL)
    assert digests(where) == before
    (where / "synthetic.json").write_text("{broken")
    make_dataset(where, **SMALL)
    assert digests(where) == before
    make_dataset(where, **SMALL, seed=5)
    assert json.loads((where / "synthetic.json").read_text())["seed"] == 5
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_stopped_half_way_nothing_is_left(tmp_path):
    def stop(done, total):
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_dataset(tmp_path / "set", **SMALL, progress=stop)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_the_user_is_never_touched(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(OutputError, match="is not a synthetic data set"):
        make_dataset(tmp_path, **SMALL)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_an_unwritable_place_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"cannot make the synthetic data set .*file"):
        make_dataset(tmp_path / "file" / "set", **SMALL)


@pytest.mark.parametrize("bad", [{"clips": 0}, {"seconds": 0.1}, {"rate": 8000}])
def test_impossible_sizes_are_refused(tmp_path, bad):
    with pytest.raises(ValueError, match="a synthetic set needs"):
        make_dataset(tmp_path / "set", **{**SMALL, **bad})


RATE = 16_000
SEEDS = range(12)


def spectrum(wave):
    """Frequencies (bins,) in Hz and the share of energy at each."""
    power = np.abs(np.fft.rfft(wave * np.hanning(len(wave)), 1 << 17)) ** 2
    return np.fft.rfftfreq(1 << 17, 1 / RATE), power / power.sum()


def share(wave, low, high):
    frequencies, power = spectrum(wave)
    return power[(frequencies >= low) & (frequencies < high)].sum()


def centroid(wave):
    frequencies, power = spectrum(wave)
    return float(frequencies @ power)


def envelope(wave, seconds=0.01):
    """RMS of blocks."""
    size = int(RATE * seconds)
    blocks = wave[: len(wave) // size * size].reshape(-1, size)
    return np.sqrt((blocks**2).mean(axis=1))


@pytest.mark.parametrize("name", VOICES)
@pytest.mark.parametrize("longest", [1.0, 10.0])
def test_a_voice_is_finite_audible_and_no_longer_than_asked(name, longest):
    for seed in SEEDS:
        wave = VOICES[name](np.random.default_rng(seed), RATE, longest)
        assert np.isfinite(wave).all()
        assert np.abs(wave).max() > 0.01
        assert len(wave) <= longest * RATE


@pytest.mark.parametrize(
    ("name", "low", "high", "least"),
    [
        ("engine", 20, 1800, 0.95),
        ("siren", 440, 6500, 0.99),
        ("knocks", 90, 1600, 0.6),
        ("beeps", 850, 6000, 0.99),
        ("chirps", 2000, 7600, 0.99),
        ("horn", 240, 6000, 0.99),
        ("drill", 340, 7000, 0.97),
        ("bell", 270, 4000, 0.99),
    ],
)
def test_energy_lies_where_the_class_belongs(name, low, high, least):
    for seed in SEEDS:
        assert share(VOICES[name](np.random.default_rng(seed), RATE, 10.0), low, high) > least


def test_classes_are_ordered_in_height_as_the_ear_would_order_them():
    def height(name):
        return np.median([centroid(VOICES[name](np.random.default_rng(seed), RATE, 10.0)) for seed in SEEDS])

    heights = [height(name) for name in ("engine", "knocks", "beeps", "chirps")]
    assert heights == sorted(heights)


def test_a_siren_sweeps_and_beeps_stand_still():
    def spread(name, seed):
        wave = VOICES[name](np.random.default_rng(seed), RATE, 10.0)
        frames = wave[: len(wave) // 1024 * 1024].reshape(-1, 1024)
        loud = frames[(frames**2).mean(axis=1) > 0.1 * (frames**2).mean()]
        peaks = np.abs(np.fft.rfft(loud * np.hanning(1024))).argmax(axis=1) * RATE / 1024
        return np.ptp(peaks)

    assert min(spread("siren", seed) for seed in SEEDS) > 200
    assert max(spread("beeps", seed) for seed in SEEDS) < 40


def test_beeps_pause_and_engines_do_not():
    for seed in SEEDS:
        beeps = envelope(VOICES["beeps"](np.random.default_rng(seed), RATE, 10.0))
        engine = envelope(VOICES["engine"](np.random.default_rng(seed), RATE, 10.0), 0.1)[5:-5]
        assert 0.3 < (beeps < 0.05 * beeps.max()).mean() < 0.65
        assert engine.min() > 0.05 * engine.max()


def test_bells_and_knocks_die_away():
    for seed in SEEDS:
        for name in ("bell", "knocks"):
            level = envelope(VOICES[name](np.random.default_rng(seed), RATE, 10.0))
            assert level[-5:].max() < 0.2 * level.max()


def test_the_background_has_rms_one_and_falls_with_frequency():
    tilts = []
    for seed in SEEDS:
        noise = coloured_noise(np.random.default_rng(seed), 10 * RATE, RATE)
        assert np.sqrt(np.mean(noise**2)) == pytest.approx(1.0)
        tilts.append(10 * np.log10(share(noise, 250, 500) / share(noise, 4000, 8000)) + 12)
    assert -2 < min(tilts) < 8  # white, or nearly
    assert 16 < max(tilts) < 26  # brown, or nearly: 4 octaves at 6 dB
