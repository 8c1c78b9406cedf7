"""PSDS the slow and obvious way: every threshold, every run, every event, in plain loops."""

import numpy as np


def microseconds(seconds):
    return round(seconds * 1e6)


def reaches(part, share, whole):
    return microseconds(part) >= max(microseconds(share * whole), 1)


def shared(one, other):
    return max(0.0, min(one[1], other[1]) - max(one[0], other[0]))


def joined(events):
    """Intervals that overlap or touch made one; those of no length left out."""
    found = []
    for onset, offset in sorted(event for event in events if event[1] > event[0]):
        if found and onset <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], offset))
        else:
            found.append((onset, offset))
    return found


def runs(values, edges, score):
    """Runs of frames scoring `score` or more."""
    return joined((edges[i], edges[i + 1]) for i, value in enumerate(values) if value >= score)


def counts(reports, truth, label, options):
    """True positives, false positives, cross triggers {other: count} of a class in a recording."""
    relevant = [r for r in reports if reaches(sum(shared(r, e) for e in truth[label]), options.dtc, r[1] - r[0])]
    false = [report for report in reports if report not in relevant]
    true = sum(reaches(sum(shared(r, e) for r in relevant), options.gtc, e[1] - e[0]) for e in truth[label])
    cross = {
        other: sum(reaches(sum(shared(r, e) for e in events), options.cttc, r[1] - r[0]) for r in false)
        for other, events in truth.items()
        if other != label
    }
    return true, len(false), cross


def psds(recordings, labels, options):
    """(value, {label: value}); recordings: [(duration, {label: [(onset, offset)]}, edges, {label: values})]."""
    truths = [{label: joined(events.get(label, ())) for label in labels} for _, events, _, _ in recordings]
    with_events = [label for label in labels if any(truth[label] for truth in truths)]
    truths = [{label: truth[label] for label in with_events} for truth in truths]
    duration = sum(recording[0] for recording in recordings)
    seconds = {label: sum(e[1] - e[0] for truth in truths for e in truth[label]) for label in with_events}
    curves = {}
    for label in with_events:
        number = sum(len(truth[label]) for truth in truths)
        points = [(0.0, 0.0)]
        for score in {value for *_, values in recordings for value in values[label] if value > -np.inf}:
            parts = [
                counts(runs(values[label], edges, score), truth, label, options)
                for (_, _, edges, values), truth in zip(recordings, truths, strict=True)
            ]
            rate = sum(part[1] for part in parts) / duration
            others = [other for other in with_events if other != label]
            if others and options.alpha_ct:
                crossed = [sum(part[2][other] for part in parts) / seconds[other] for other in others]
                rate += options.alpha_ct * sum(crossed) / len(others)
            points.append((rate * options.unit, sum(part[0] for part in parts) / number))
        curves[label] = points
    corners = sorted({x for points in curves.values() for x, _ in points if x <= options.max_efpr})

    def area(height):
        ends = [*corners[1:], options.max_efpr]
        return sum(height(x) * (end - x) for x, end in zip(corners, ends, strict=True)) / options.max_efpr

    def best(label, x):
        return max(tpr for efpr, tpr in curves[label] if efpr <= x * (1 + 1e-12))

    def mean(x):
        heights = [best(label, x) for label in with_events]
        return max(0.0, np.mean(heights) - options.alpha_st * np.std(heights))

    if not with_events:
        return np.nan, dict.fromkeys(labels, np.nan)
    per_class = {label: area(lambda x, label=label: best(label, x)) for label in with_events}
    return area(mean), {label: per_class.get(label, np.nan) for label in labels}
