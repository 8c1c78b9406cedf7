"""Labels that stand above others, added to what was decided: where there is a dog, there is an animal.

A label above has the best score of what stands below it, itself included. Its events are where any of those are, one
event where they overlap or touch.
"""

from __future__ import annotations

from collections.abc import Iterable

from earmark.events import Event, merge_overlapping
from earmark.formats.ontology import Parents


def events_with_parents(events: Iterable[Event], parents: Parents) -> list[Event]:
    """Events with those of all labels above theirs, by onset, then label.

    >>> events = [Event(0.0, 1.0, "dog", 0.9), Event(0.5, 2.0, "cat", 0.6), Event(3.0, 4.0, "bell", 0.8)]
    >>> for event in events_with_parents(events, {"dog": ("animal",), "cat": ("animal",)}):
    ...     print(*event)
    0.0 2.0 animal 0.9
    0.0 1.0 dog 0.9
    0.5 2.0 cat 0.6
    3.0 4.0 bell 0.8
    """
    given = list(events)
    added = [event._replace(label=parent) for event in given for parent in parents.get(event.label, ())]
    widened = {event.label for event in added}
    added += [event for event in given if event.label in widened]
    kept = [event for event in given if event.label not in widened]
    return sorted([*kept, *merge_overlapping(added)], key=lambda event: (event.onset, event.label, event.offset))


def tags_with_parents(tags: Iterable[tuple[str, float]], parents: Parents) -> list[tuple[str, float]]:
    """Tags with all labels above them, best first; of equal scores the tag comes before what stands above it.

    >>> tags_with_parents([("dog", 0.9), ("cat", 0.6)], {"dog": ("pet", "animal"), "cat": ("pet", "animal")})
    [('dog', 0.9), ('pet', 0.9), ('animal', 0.9), ('cat', 0.6)]
    """
    best: dict[str, float] = {}
    for label, score in tags:
        for each in (label, *parents.get(label, ())):
            best[each] = max(score, best.get(each, score))
    return sorted(best.items(), key=lambda tag: -tag[1])
