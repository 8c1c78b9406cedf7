"""Times, levels and speeds of mixed soundscapes are those that were asked for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.data.soundscapes.mixing import compose, free_starts, lay
from earmark.data.soundscapes.options import SoundscapeOptions, Sources
from earmark.data.soundscapes.recordings import Recordings

RATE = 8_000
TONES = {"beep": 1000, "click": 2000, "hum": 200}  # Hz, whole periods in 10 ms
SMALL = SoundscapeOptions(seconds=3, rate=RATE, seed=7)


def decibels(power: float) -> float:
    return 10 * np.log10(power)


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
