"""Options of soundscapes that contradict themselves are refused."""

from __future__ import annotations

import pytest

from earmark.data.soundscapes.options import SoundscapeOptions
from earmark.errors import ConfigError


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
