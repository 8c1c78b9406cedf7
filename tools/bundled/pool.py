"""What the operating point is chosen on: held-out recordings as they are, takes of them, and soundscapes of them.

The threshold of tags is the least of `THRESHOLDS` at which tags of held-out clips of ESC-50 are right often enough.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from earmark.decisions import OperatingPoint
from earmark.formats.tables import read_table
from tools.bundled.choosing import choose_tags
from tools.bundled.folds import HELD
from tools.bundled.real import Heard, Listed, listed, score_recordings
from tools.bundled.table import BACKGROUND, Recording

THRESHOLDS = (0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.8, 0.9)
PROMISED = 0.82  # precision of tags on held-out clips of ESC-50: thresholds fit them a little, elsewhere it is less
MOST_WRONG = 1.0  # events a minute on speech; of music too few pieces are held out


@dataclass(frozen=True)
class Trial:
    """A threshold, and what it is worth."""

    threshold: float
    clips: Listed  # of ESC-50
    music: Listed
    speech: Listed

    @property
    def kept(self) -> bool:
        """Whether it holds what was promised."""
        return self.clips.precision >= PROMISED and self.speech.wrong_events <= MOST_WRONG


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


def choose(plain: Sequence[Heard], made: Sequence[Heard], base: OperatingPoint) -> tuple[OperatingPoint, list[Trial]]:
    """The operating point, and the trials that led to it."""
    trials: list[Trial] = []
    clips = [each for each in plain if each.recording.filename.startswith("esc50/")]
    music, speech = ([each for each in plain if each.recording.label == label] for label in ("music", "speech"))
    for threshold in THRESHOLDS:
        point = choose_tags([*plain, *made], base, threshold)
        trials.append(Trial(threshold, listed(clips, point), listed(music, point), listed(speech, point)))
        if trials[-1].kept:
            break
    return point, trials
