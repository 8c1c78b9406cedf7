"""Seeded estimates of a DCASE2017 reference; standard library alone, for the tests and for `make_dcase2017.py`.

A reference is {clip: [(onset, offset, label), ...]} in the order of its file, rows `0 0 label` among them. Only
`Random.random` is used: its numbers are the same in every version of Python.
"""

import random

SECONDS = 10.0
KINDS = (
    *("perfect", "silent", "everything", "car", "oracle"),
    *("random", "moved", "halved", "single", "beyond", "crowd", "confused"),
)


def estimate(reference, kind, seed):
    """{clip: [(onset, offset, label), ...]}; a clip may be missing."""
    rng = random.Random(seed)
    labels = sorted({label for events in reference.values() for _, _, label in events})
    make = {
        "perfect": lambda clip: list(reference[clip]),
        "silent": lambda clip: [],
        "everything": lambda clip: [(0.0, SECONDS, label) for label in labels],
        "car": lambda clip: [(0.0, SECONDS, "Car")],
        "oracle": lambda clip: [(0.0, SECONDS, label) for label in sorted({event[2] for event in reference[clip]})],
        "random": lambda clip: scattered(rng, labels, 3, SECONDS),
        "moved": lambda clip: moved(rng, reference[clip], labels, 0.0),
        "confused": lambda clip: moved(rng, reference[clip], labels, 0.5),
        "halved": lambda clip: moved(rng, reference[clip], labels, 0.1),
        "single": lambda clip: [(0.25, 0.75, labels[0])] if clip == next(iter(reference)) else [],
        "beyond": lambda clip: scattered(rng, labels, 2, 2.5 * SECONDS),
        "crowd": lambda clip: scattered(rng, labels, 12, SECONDS),
    }[kind]
    clips = [clip for clip in reference if kind != "halved" or rng.random() < 0.5]
    return {clip: make(clip) for clip in clips}


def scattered(rng, labels, most, seconds):
    """Events anywhere; some of no length, some on whole seconds."""
    events = []
    for _ in range(int(rng.random() * (most + 1))):
        onset, length = rng.random() * seconds, rng.random() ** 2 * seconds
        if rng.random() < 0.2:
            onset, length = float(int(onset)), float(int(length))
        events.append((round(onset, 3), round(onset + length, 3), labels[int(rng.random() * len(labels))]))
    return events


def moved(rng, events, labels, confusion):
    """The reference with times off by up to a second and a half, some events lost, some under another label."""
    found = []
    for onset, offset, label in events:
        if rng.random() < 0.2:
            continue
        onset = max(0.0, onset + 3 * rng.random() - 1.5)
        offset = max(onset, offset + 3 * rng.random() - 1.5)
        if rng.random() < confusion:
            label = labels[int(rng.random() * len(labels))]
        found.append((round(onset, 3), round(offset, 3), label))
    return found
