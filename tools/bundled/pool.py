"""What the operating point is chosen on: held-out recordings as they are, takes of them, and soundscapes of them.

The threshold of tags is the least of `THRESHOLDS` at which tags of held-out clips of ESC-50 are right often enough.
That of tags of groups is the least from which on they are, on all held-out recordings that are neither of music nor of
speech. Few pieces of music are held out: gates of events rise further on pieces that were learnt from, for what is
wrong there is wrong elsewhere all the more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from earmark.decisions import OperatingPoint
from earmark.formats.tables import read_table
from tools.bundled.choosing import choose_tags, gate_events, is_spared, tables
from tools.bundled.folds import HELD, TRAIN
from tools.bundled.real import Heard, Listed, listed, score_recordings
from tools.bundled.table import BACKGROUND, GROUPS, Recording

THRESHOLDS = tuple(round(0.2 + 0.01 * number, 2) for number in range(76))
PROMISED = 0.86  # precision of tags on held-out clips of ESC-50: thresholds fit them, on others it is about 0.05 less
OF_GROUPS = 0.9  # precision of tags of groups


@dataclass(frozen=True)
class Trial:
    """A threshold, and what it is worth."""

    threshold: float
    of_groups: float
    clips: Listed  # of ESC-50
    music: Listed
    speech: Listed


def read_pool(
    model: Path, data: Path, output: Path, recordings: Sequence[Recording]
) -> tuple[list[Heard], list[Heard]]:
    """Held-out recordings as they are; their takes and soundscapes."""
    plain = [row for row in recordings if row.fold == HELD and row.label != BACKGROUND]
    heard = score_recordings(model, data, plain, output / "scores-held.npz")
    groups = {row.filename: row.group for row in recordings}
    held = output / HELD
    of = {
        row["filename"]: groups.get(row["recording"], "") for _, row in read_table(held / "takes" / "sources.tsv").rows
    }
    made = []
    for _, row in read_table(held / "weak.tsv").rows:
        name = Path(row["filename"]).name
        made.append(Recording(row["filename"], row["event_labels"], HELD, of.get(name, name), "", ""))
    return heard, score_recordings(model, held, made, output / "scores-made.npz")


def read_music(model: Path, data: Path, output: Path, recordings: Sequence[Recording]) -> list[Heard]:
    """Pieces of music that were learnt from."""
    learnt = [row for row in recordings if row.fold == TRAIN and row.label == "music"]
    return score_recordings(model, data, learnt, output / "scores-music.npz")


def choose(
    plain: Sequence[Heard], made: Sequence[Heard], base: OperatingPoint, learnt: Sequence[Heard] = ()
) -> tuple[OperatingPoint, Trial]:
    """The operating point, and what it is worth on what it was chosen on; `learnt` is music that was learnt from."""
    clips = [each for each in plain if each.recording.filename.startswith("esc50/")]
    others = [each for each in plain if not is_spared(each)]
    of_groups = least_common(others, OF_GROUPS)
    for threshold in THRESHOLDS:
        point = choose_tags(plain, made, base, threshold, of_groups)
        if listed(clips, point, groups=False).precision >= PROMISED:
            break
    point = gate_events(learnt, gate_events([*plain, *made], point))
    music, speech = ([each for each in plain if each.recording.label == label] for label in ("music", "speech"))
    return point, Trial(threshold, of_groups, *(listed(part, point) for part in (clips, music, speech)))


def least_common(heard: Sequence[Heard], precision: float) -> float:
    """The least of `THRESHOLDS` from which on tags of groups are right as often as `precision`."""
    scores, truth = tables(heard)
    columns = np.array([label in GROUPS for label in heard[0].scores.labels])
    scores, truth = scores[:, columns], truth[:, columns]
    least = 1.0
    for threshold in reversed(THRESHOLDS):
        given = scores >= threshold
        if given.any() and truth[given].mean() < precision:
            break
        least = threshold
    return least
