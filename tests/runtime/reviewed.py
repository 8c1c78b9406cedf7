"""What a detection found, to be reviewed."""

import numpy as np
import soundfile

from earmark.events import Event
from earmark.formats import write_events

EVENTS = {
    "a.wav": [Event(0.5, 1.0, "dog", 0.9), Event(2.0, 3.0, "cat", 0.6)],
    "sub/b.wav": [Event(1.0, 2.0, "dog", 0.3)],
    "c.wav": [],
}


def write_results(folder):
    """A table of events in a folder and, beside it, the recordings."""
    for name in EVENTS:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(folder / name, np.zeros(40_000, np.float32), 8_000)
    write_events(folder, EVENTS, ("csv",))
    return folder


def ids(review, *labels):
    return [item.id for item in review.queue("label") if not labels or item.label in labels]
