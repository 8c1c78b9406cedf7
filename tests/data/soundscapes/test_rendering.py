"""Soundscapes: labels are what is heard, levels are as asked, and nothing depends on what is made beside."""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.data.doctor import examine
from earmark.data.manifest import read_manifest
from earmark.data.soundscapes.activity import cut, find_activity
from earmark.data.soundscapes.choice import Choice
from earmark.data.soundscapes.mixing import compose, free_starts, lay
from earmark.data.soundscapes.options import SoundscapeOptions
from earmark.data.soundscapes.recordings import Recordings
from earmark.data.soundscapes.records import Sources
from earmark.data.soundscapes.rendering import make_soundscapes
from earmark.data.soundscapes.sources import read_sources
from earmark.errors import ConfigError, DataError, OutputError

RATE = 8_000
TONES = {"beep": 1000, "click": 2000, "hum": 200}  # Hz, whole periods in 10 ms
SMALL = SoundscapeOptions(seconds=3, rate=RATE, seed=7)
ESC50 = Path(__file__).parents[4] / "shared" / "data" / "esc50" / "clips.csv"


def tone(frequency: float, seconds: float, rate: int = RATE) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * frequency * (np.arange(round(seconds * rate)) + 0.5) / rate)


def silence(seconds: float) -> np.ndarray:
    return np.zeros(round(seconds * RATE))


@pytest.fixture(scope="module")
def isolated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of tones padded with silence, two folds; `rustle` is noise to lie under them."""
    folder = tmp_path_factory.mktemp("isolated")
    rows = ["filename,label,fold,licence,source"]
    for label, frequency in TONES.items():
        for number in range(4):
            one = tone(frequency, 0.2 + 0.1 * number)
            wave = [silence(0.3), one, silence(0.2 * number), tone(frequency, 0.1), silence(0.5)]
            soundfile.write(folder / f"{label}{number}.wav", np.concatenate(wave), RATE)
            licence = ("CC0-1.0", "CC-BY-NC-3.0")[number // 3]
            rows.append(f"{label}{number}.wav,{label},{1 + number % 2},{licence},person {number // 2}")
    rng = np.random.default_rng(0)
    for number in range(2):
        soundfile.write(folder / f"rustle{number}.wav", 0.1 * rng.standard_normal(2 * RATE), RATE)
        rows.append(f"rustle{number}.wav,rustle,{1 + number},CC0-1.0,me")
    (folder / "clips.csv").write_text("\n".join(rows) + "\n")
    return folder


@pytest.fixture(scope="module")
def sources(isolated: Path) -> Sources:
    return read_sources([isolated / "clips.csv"], background_labels=["rustle"])


def digests(directory: Path) -> dict[str, str]:
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    return {str(path.relative_to(directory)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def decibels(power: float) -> float:
    return 10 * np.log10(power)


def test_a_recording_is_heard_where_it_sounds() -> None:
    quiet = 0.02 * tone(1000, 0.5)  # 34 dB under the tone
    wave = np.concatenate([silence(0.3), tone(1000, 0.2), silence(0.4), tone(1000, 0.1), quiet, tone(1000, 0.3)])
    heard = [(round(0.3 * RATE), round(1.0 * RATE)), (round(1.5 * RATE), round(1.8 * RATE))]
    assert list(find_activity(wave.astype(np.float32), RATE).bursts) == heard
    whole = find_activity(wave.astype(np.float32), RATE, drop=40)
    assert whole.bursts == ((heard[0][0], heard[1][1]),)
    assert find_activity((1e-5 * wave).astype(np.float32), RATE).bursts == ()


def test_a_constant_offset_is_no_sound_and_does_not_get_in() -> None:
    wave = 0.1 + np.concatenate([silence(0.5), tone(1000, 0.2), silence(0.5)])
    activity = find_activity(wave.astype(np.float32), RATE)
    assert activity.bursts == ((round(0.5 * RATE), round(0.7 * RATE)),)
    sound = cut(wave.astype(np.float32), activity, np.random.default_rng(0), RATE, 80)
    assert activity.offset == pytest.approx(0.1, abs=1e-6)
    assert np.abs(sound.wave[:80]).max() < 1e-6


def test_fades_leave_an_attack_as_it_is_and_soften_a_cut() -> None:
    wave = np.concatenate([silence(0.1), tone(1000, 2)]).astype(np.float32)
    activity = find_activity(wave, RATE)
    whole = cut(wave, activity, np.random.default_rng(0), 3 * RATE, 80)
    first, last = whole.heard
    assert (whole.begins, first) == (round(0.1 * RATE) - 80, 80)
    np.testing.assert_allclose(whole.wave[first : last - 80], wave[round(0.1 * RATE) : -80], atol=1e-6)
    assert np.abs(whole.wave[-8:]).max() < 0.02 < np.abs(wave[-8:]).max()  # it ends in full sound
    part = cut(wave, activity, np.random.default_rng(0), RATE, 80)
    assert part.heard == (0, RATE)
    assert np.abs(part.wave[:4]).max() < 0.01


def test_times_are_those_of_the_energy(sources: Sources) -> None:
    options = SMALL.model_copy(update={"polyphony": 1, "fade": 0.0})
    recordings = Recordings(options)
    seen = 0
    for number in range(20):
        made = compose(sources, options, number, recordings)
        rest = np.abs(made.wave - made.background)
        labelled = np.zeros(len(rest), bool)
        for event in made.events():
            first, last = round(event.onset * RATE), round(event.offset * RATE)
            labelled[first:last] = True
            assert min(rest[first : first + 4].max(), rest[last - 4 : last].max()) > 1e-4
            seen += 1
        assert rest[~labelled].max() < 1e-6
        assert rest[labelled].max() > 1e-3 or not made.events()
    assert seen > 30


def test_labels_and_lengths_are_those_of_the_recordings(sources: Sources) -> None:
    recordings = Recordings(SMALL)
    for number in range(20):
        for sound in compose(sources, SMALL, number, recordings).sounds:
            index = int(sound.source.name[-5])
            lengths = [(last - first) / RATE for first, last in sound.bursts]
            together = [0.3 + 0.3 * index] if index < 3 else [0.5, 0.1]  # silences under 0.5 s part nothing
            assert lengths == pytest.approx(together)
            assert sound.source.label == sound.source.name[:-5]
            assert sound.begins + sound.bursts[0][0] - sound.at == round(0.3 * RATE)


@pytest.mark.parametrize("level", [(-40, -30), (-6, -6)])
def test_the_ratio_to_the_background_is_as_asked_and_nothing_clips(
    sources: Sources, level: tuple[float, float]
) -> None:
    options = SMALL.model_copy(update={"snr": (-3.0, 18.0), "level": level})
    recordings, ratios = Recordings(options), []
    for number in range(20):
        made = compose(sources, options, number, recordings)
        assert np.abs(made.wave).max() <= 0.991
        whole = made.background.copy()
        for sound in made.sounds:
            alone = np.zeros(len(whole))
            lay(alone, sound.wave, sound.at)
            lay(whole, sound.wave, sound.at)
            spans = [slice(first, last) for first, last in sound.bursts]
            loud, under = (np.concatenate([w[span] for span in spans]) for w in (alone, made.background))
            ratios.append(decibels(np.mean(loud**2) / np.mean(under**2)))
            assert ratios[-1] == pytest.approx(sound.snr, abs=0.1)
        np.testing.assert_allclose(made.wave, whole, atol=1e-6)
        if level[1] < -20:
            assert level[0] - 0.01 <= decibels(np.mean(made.background**2)) <= level[1] + 0.01
    assert -3 <= min(ratios) < 0 < 15 < max(ratios) <= 18


def test_no_more_sound_at_once_than_asked_and_one_label_never_over_itself(sources: Sources) -> None:
    for most in (1, 2):
        options = SMALL.model_copy(update={"events": (5, 6), "polyphony": most})
        recordings, deepest = Recordings(options), 0
        for number in range(10):
            made = compose(sources, options, number, recordings)
            depth = np.zeros(options.samples, int)
            for sound in made.sounds:
                depth[sound.bursts[0][0] : sound.bursts[-1][1]] += 1
            deepest = max(deepest, int(depth.max()))
            events = made.events()
            for one in events:
                for other in events:
                    if one.label == other.label and one.onset < other.onset:
                        assert other.onset - one.offset >= options.gap
        assert deepest == most


def test_a_faster_sound_is_higher_and_shorter_and_labelled_so(sources: Sources) -> None:
    options = SMALL.model_copy(update={"speed": (0.8, 1.25), "fade": 0.0, "polyphony": 1, "snr": (40.0, 40.0)})
    recordings, speeds = Recordings(options), []
    for number in range(20):
        made = compose(sources, options, number, recordings)
        for sound in made.sounds:
            speeds.append(sound.speed)
            first, last = sound.bursts[0]
            index = int(sound.source.name[-5])
            played = 0.2 + 0.1 * index + (0.1 + 0.2 * index) * (0.2 * index / sound.speed < options.gap)
            assert (last - first) / RATE == pytest.approx(played / sound.speed, abs=0.025)  # exact to frames of 10 ms
            alone = made.wave[first : first + RATE // 10] - made.background[first : first + RATE // 10]
            spectrum = np.abs(np.fft.rfft(alone * np.hanning(len(alone)), 2**14))
            heard = np.argmax(spectrum) * RATE / 2**14
            assert heard == pytest.approx(TONES[sound.source.label] * sound.speed, rel=0.02, abs=4)
    assert 0.8 <= min(speeds) < 0.9 < 1.1 < max(speeds) <= 1.25


def test_the_place_in_the_source_is_of_the_recording_as_it_was(sources: Sources, tmp_path: Path) -> None:
    options = SMALL.model_copy(update={"speed": (0.5, 0.5)})
    make_soundscapes(tmp_path / "set", sources, options, 6)
    with open(tmp_path / "set" / "sources.tsv", encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file, delimiter="\t") if row["role"] == "sound"]
    assert {row["speed"] for row in rows} == {"0.5"}
    begun = [float(row["source_onset"]) for row in rows if "0.wav" in row["source_file"]]
    assert begun == pytest.approx([0.3] * len(begun), abs=0.01)
    assert begun


def test_sets_made_before_an_option_was_there_go_on(sources: Sources, tmp_path: Path) -> None:
    make_soundscapes(tmp_path / "set", sources, SMALL, 2)
    mark = tmp_path / "set" / "synth.json"
    told = json.loads(mark.read_text())
    assert told.pop("speed") == [1.0, 1.0]
    mark.write_text(json.dumps(told))
    assert make_soundscapes(tmp_path / "set", sources, SMALL, 3).written == 1
    with pytest.raises(ConfigError, match=r"speed \[1.0, 1.0\] there, \[0.9, 1.1\] here"):
        make_soundscapes(tmp_path / "set", sources, SMALL.model_copy(update={"speed": (0.9, 1.1)}), 3)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(-5, 40), st.integers(1, 12)), max_size=5), st.integers(1, 25))
def test_free_places_are_all_places_that_touch_nothing(spans: list[tuple[int, int]], length: int) -> None:
    full, samples = [(first, first + long) for first, long in spans], 40
    slow = [
        at for at in range(samples - length + 1) if not any(first < at + length and at < last for first, last in full)
    ]
    assert [at for first, last in free_starts(full, length, samples) for at in range(first, last)] == slow


def test_the_first_label_comes_as_often_as_asked(sources: Sources) -> None:
    options = SMALL.model_copy(update={"long_tail": 9.0, "events": (1, 1), "seconds": 2.0})
    recordings = Recordings(options)
    drawn = [compose(sources, options, number, recordings).sounds[0].source.label for number in range(500)]
    counts = [drawn.count(label) for label in TONES]
    assert counts == sorted(counts, reverse=True)
    # Of 500: 346, 115 and 38, give or take three standard deviations.
    assert counts == [pytest.approx(346, abs=32), pytest.approx(115, abs=29), pytest.approx(38, abs=18)]
    even = options.model_copy(update={"long_tail": 1.0}).chances(4)
    np.testing.assert_allclose(even, 0.25)


def test_a_folder_has_nothing_to_mend(sources: Sources, tmp_path: Path) -> None:
    options = SMALL.model_copy(update={"events": (0, 3), "rate": 11_025})
    made = make_soundscapes(tmp_path / "set", sources, options, 12)
    assert (made.soundscapes, made.written, made.faults) == (12, 12, ())
    manifest = read_manifest(tmp_path / "set")
    assert (len(manifest), manifest.problems) == (12, ())
    assert examine(tmp_path / "set").ok
    found = manifest.reference()
    assert [] in found.values()  # with none, and so listed
    for clip in manifest.clips:
        assert set(clip.labels) == {event.label for event in clip.events or ()}
        assert clip.duration == 3
    for row in made.labels:
        events = [event for listed in found.values() for event in listed if event.label == row.label]
        assert row.events == len(events)
        assert row.soundscapes == manifest.counts()[row.label]
        assert row.seconds == pytest.approx(sum(event.offset - event.onset for event in events), abs=1e-4)


def test_the_sources_are_named_with_their_licence(sources: Sources, isolated: Path, tmp_path: Path) -> None:
    make_soundscapes(tmp_path / "set", sources, SMALL, 3)
    with open(tmp_path / "set" / "sources.tsv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    with open(isolated / "clips.csv", encoding="utf-8", newline="") as file:
        table = {row["filename"]: row for row in csv.DictReader(file)}
    assert {row["role"] for row in rows} == {"sound", "background"}
    for row in rows:
        origin = table[row["source_file"]]
        whose = (row["event_label"], row["licence"], row["attribution"], row["collection"])
        assert whose == (origin["label"], origin["licence"], origin["source"], isolated.name)
        assert (row["event_label"] == "rustle") == (row["role"] == "background") == (not row["snr"])
    heard = {(r["filename"], r["onset"], r["offset"], r["event_label"]) for r in rows if r["role"] == "sound"}
    with open(tmp_path / "set" / "strong.tsv", encoding="utf-8", newline="") as file:
        assert heard == {tuple(row) for row in list(csv.reader(file, delimiter="\t"))[1:]}


def test_any_number_of_processes_and_any_stop_make_the_same(sources: Sources, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    make_soundscapes(tmp_path / "one", sources, SMALL, 6, progress=lambda done, total: told.append((done, total)))
    assert told == [(done, 6) for done in range(1, 7)]
    make_soundscapes(tmp_path / "two", sources, SMALL, 6, processes=2)
    make_soundscapes(tmp_path / "grown", sources, SMALL, 2)
    audio = tmp_path / "grown" / "audio"
    (audio / "synth-7-00000.wav").unlink()
    whole = (audio / "synth-7-00001.wav").read_bytes()
    (audio / "synth-7-00001.wav").write_bytes(whole[:1000])
    assert make_soundscapes(tmp_path / "grown", sources, SMALL, 6).written == 6
    assert digests(tmp_path / "one") == digests(tmp_path / "two") == digests(tmp_path / "grown")
    before = (tmp_path / "one" / "audio" / "synth-7-00003.wav").stat().st_mtime_ns
    assert make_soundscapes(tmp_path / "one", sources, SMALL, 6).written == 0
    assert (tmp_path / "one" / "audio" / "synth-7-00003.wav").stat().st_mtime_ns == before


def test_another_seed_makes_others_and_flac_holds_the_same(sources: Sources, tmp_path: Path) -> None:
    other = SMALL.model_copy(update={"seed": 8})
    waves = [compose(sources, options, 0, Recordings(options)).wave for options in (SMALL, other)]
    assert not np.allclose(*waves)
    make_soundscapes(tmp_path / "wav", sources, SMALL, 1)
    make_soundscapes(tmp_path / "flac", sources, SMALL.model_copy(update={"format": "flac"}), 1)
    read = [soundfile.read(tmp_path / form / "audio" / f"synth-7-00000.{form}")[0] for form in ("wav", "flac")]
    np.testing.assert_array_equal(*read)
    np.testing.assert_allclose(read[0], waves[0], atol=0.51 / 32_768)


def test_what_else_lies_there_is_left_alone(sources: Sources, tmp_path: Path) -> None:
    make_soundscapes(tmp_path / "set", sources, SMALL, 1)
    louder = SMALL.model_copy(update={"snr": (10.0, 20.0)})
    with pytest.raises(
        ConfigError, match=r"contains other soundscapes \(snr \[0.0, 20.0\] there, \[10.0, 20.0\] here\)"
    ):
        make_soundscapes(tmp_path / "set", sources, louder, 1)
    fewer = Sources({"beep": sources.sounds["beep"]}, sources.backgrounds)
    with pytest.raises(ConfigError, match="from other recordings"):
        make_soundscapes(tmp_path / "set", fewer, SMALL, 1)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "note.txt").write_text("x")
    with pytest.raises(OutputError, match="exists and contains no soundscapes"):
        make_soundscapes(tmp_path / "mine", sources, SMALL, 1)


def test_broken_recordings_are_told_and_cost_the_others_nothing(isolated: Path, tmp_path: Path) -> None:
    for label in ("beep", "hum"):
        (tmp_path / "data" / label).mkdir(parents=True)
        (tmp_path / "data" / label / "good.wav").write_bytes((isolated / f"{label}0.wav").read_bytes())
    (tmp_path / "data" / "hum" / "text.wav").write_text("no sound " * 9)
    soundfile.write(tmp_path / "data" / "hum" / "silent.wav", silence(1), RATE)
    found = read_sources([tmp_path / "data"])
    one = make_soundscapes(tmp_path / "one", found, SMALL, 8)
    assert [fault.split(": ")[0] for fault in one.faults] == ["data/hum/silent.wav", "data/hum/text.wav"]
    assert "contains nothing above -70 dB" in one.faults[0]
    assert "it is a text file, not audio" in one.faults[1]
    assert {row.label for row in one.labels} == {"beep", "hum"}
    assert make_soundscapes(tmp_path / "one", found, SMALL, 8).faults == one.faults  # told again where all is kept
    make_soundscapes(tmp_path / "two", found, SMALL, 3)
    make_soundscapes(tmp_path / "two", found, SMALL, 8)
    assert digests(tmp_path / "one") == digests(tmp_path / "two")
    (tmp_path / "data" / "hum" / "good.wav").write_text("no more")
    (tmp_path / "data" / "beep" / "good.wav").write_text("no more")
    with pytest.raises(DataError, match="no recording of any sound can be used: "):
        make_soundscapes(tmp_path / "three", read_sources([tmp_path / "data"]), SMALL, 2, processes=2)


def test_backgrounds_are_a_folder_or_what_has_no_label(isolated: Path, tmp_path: Path) -> None:
    (tmp_path / "beds").mkdir()
    rng = np.random.default_rng(1)
    short = np.concatenate([silence(1), 0.1 * rng.standard_normal(RATE), silence(1)])  # goes round and round
    soundfile.write(tmp_path / "beds" / "short.wav", short, RATE)
    found = read_sources(
        [isolated / "clips.csv"], choice=Choice(where=("label!=rustle",)), backgrounds=tmp_path / "beds"
    )
    assert list(found.backgrounds) == [""]
    made = compose(found, SMALL, 0, Recordings(SMALL))
    assert [bed.source.name for bed in made.beds] == ["short.wav"] * 4
    assert made.beds[0].begins == RATE
    levels = [np.mean(part**2) for part in made.background.reshape(30, -1)]
    assert decibels(max(levels) / min(levels)) < 3  # no silence is left, no seam is heard
    for label, wave in (("hum", tone(200, 0.5)), ("background", short)):
        (tmp_path / "data" / label).mkdir(parents=True)
        soundfile.write(tmp_path / "data" / label / "a.wav", wave, RATE)
    assert {label: len(each) for label, each in read_sources([tmp_path / "data"]).backgrounds.items()} == {"": 1}
    noise = compose(Sources(found.sounds, {}), SMALL, 0, Recordings(SMALL))
    assert noise.beds == ()
    assert np.mean(noise.background**2) > 0


def test_a_part_is_chosen_by_the_table(isolated: Path) -> None:
    table = isolated / "clips.csv"

    def names(**choice: object) -> set[str]:
        found = read_sources([table], choice=Choice(**choice))
        return {source.name for group in found.sounds.values() for source in group}

    assert names(folds=("1",)) | names(folds=("2",)) == names(folds=("1-2",)) == names()
    assert not names(folds=("1",)) & names(folds=("2",))
    assert names(where=("licence=CC0*", "label=beep", "label=h*")) == {
        f"{x}{n}.wav" for x in ("beep", "hum") for n in range(3)
    }
    assert names(where=("licence!=*NC*",)) == names(where=("licence=cc0-1.0",))
    parts = [names(folds=(fold,), fold_by="source") for fold in made_folds(table, "source")]
    assert set.union(*parts) == names()
    assert sum(map(len, parts)) == len(names())
    for part in parts:  # who made a recording tells its part
        assert all(name.replace("0.wav", "1.wav") in part for name in part if name.endswith("0.wav") and name[0] != "r")


def made_folds(table: Path, column: str) -> list[str]:
    found = []
    for fold in "12345":
        try:
            read_sources([table], choice=Choice(folds=(fold,), fold_by=column))
        except ConfigError:
            continue
        found.append(fold)
    return found


@pytest.mark.parametrize(
    ("choice", "beds", "message"),
    [
        ({"folds": ("3",)}, [], "no recording is in fold 3; its folds are 1, 2"),
        ({"where": ("licnce=CC0*",)}, [], r"no column 'licnce' \(did you mean 'licence'\?\)"),
        ({"where": ("licence",)}, [], "'licence' is not a condition; expected COLUMN=VALUE"),
        ({"where": ("licence=MIT",)}, [], "no recording matches licence=MIT; there is CC-BY-NC-3.0, CC0-1.0"),
        ({"fold_by": "sorce"}, [], r"no column 'sorce' \(did you mean 'source'\?\)"),
        ({}, ["rustl"], r"no recording is labelled 'rustl' \(did you mean 'rustle'\?\)"),
        ({"where": ("label=beep",)}, ["rustle"], "no recording labelled 'rustle' is left"),
        ({"where": ("label=rustle",)}, ["rustle"], "no recordings with exactly one label are left"),
    ],
)
def test_what_there_is_not_is_refused(isolated: Path, choice: dict, beds: list[str], message: str) -> None:
    with pytest.raises((ConfigError, DataError), match=message):
        read_sources([isolated / "clips.csv"], choice=Choice(**choice), background_labels=beds)


def test_a_recording_of_several_labels_is_left_out_and_told(isolated: Path, tmp_path: Path) -> None:
    (tmp_path / "weak.tsv").write_text("filename\tevent_labels\nbeep0.wav\tbeep\nhum0.wav\tbeep,hum\nrustle0.wav\t\n")
    found = read_sources([tmp_path / "weak.tsv"], audio=isolated)
    assert list(found.sounds) == ["beep"]
    assert list(found.backgrounds) == [""]
    assert [problem.where for problem in found.problems] == ["hum0.wav"]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"snr": [20, 0]}, "snr: 20 to 0 is decreasing; are the two bounds swapped"),
        ({"events": [0, 0]}, "events: 0 to 0 sounds"),
        ({"level": [-40, 3]}, "level: -40 to 3 dB re full scale; expected -70 to -6"),
        ({"speed": [0, 1]}, "speed: played 0 to 1 times as fast; expected 0.25 to 4, 1 as recorded"),
        ({"long_tail": 0.5}, "long_tail: .* greater than or equal to 1"),
        ({"duration": 5}, "unknown key 'duration'"),
    ],
)
def test_options_that_make_no_sense_are_refused(wrong: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        SoundscapeOptions.parse(wrong, "soundscapes")


def test_memory_is_bounded(sources: Sources) -> None:
    each = sources.sounds["beep"]
    recordings = Recordings(SMALL, memory=1)
    assert [recordings.sound(source) is not None for source in each] == [True] * 4
    assert len(recordings._held) == 1
    assert recordings.sound(each[-1]) is recordings.sound(each[-1])


@pytest.mark.skipif(not ESC50.is_file(), reason="needs ESC-50 in ../shared/data/esc50")
def test_real_recordings(tmp_path: Path) -> None:
    found = read_sources([ESC50], choice=Choice(("4",), ("licence!=*NC*",)), background_labels=["rain", "wind"])
    made = make_soundscapes(tmp_path / "set", found, SoundscapeOptions(long_tail=10), 5)
    assert (made.soundscapes, made.faults, found.problems) == (5, (), ())
    assert examine(tmp_path / "set").ok
    parts = [json.loads(path.read_text()) for path in (tmp_path / "set" / "parts").iterdir()]
    rows = [row for part in parts for row in part["rows"]]
    assert {row["source_file"][0] for row in rows} == {"4"}  # ESC-50's names begin with their fold
    assert {row["licence"] for row in rows} <= {"CC0-1.0", "CC-BY-3.0", "CC-Sampling+"}
    assert all("freesound.org" in row["attribution"] for row in rows)
