"""What `--profile` prints at the end of a run: where its time went."""

from __future__ import annotations

import sys

from earmark.report.tables import counted
from earmark.runtime.scorer import Scorer
from earmark.stopwatch import ASIDE, Stage, Stopwatch

MEANINGS: dict[Stage, str] = {
    "load": "libraries and model",
    "decode": "reading, decoding and resampling, in a separate thread",
    "wait": "for decoding",
    "features": "",
    "model": "",
    "decide": "",
    "write": "",
}


def profile_lines(watch: Stopwatch, scorer: Scorer, recordings: int, audio: float) -> list[str]:
    """Seconds and share of each stage, and the speed for this number of recordings with `audio` seconds in all.

    All shares but that of decoding, which runs beside the others, add up to 100 %.
    """
    total = watch.total()
    spent = {stage: watch.seconds.get(stage, 0.0) for stage in MEANINGS}
    rest = total - sum(seconds for stage, seconds in spent.items() if stage != ASIDE)
    torch = sys.modules.get("torch")
    threads = f", {counted(torch.get_num_threads(), 'thread')}" if torch and scorer.arithmetic.startswith("cpu") else ""
    listening = total - spent["load"]
    return [
        f"where the {total:.2f} s went ({scorer.arithmetic}{threads}):",
        *(_line(stage, seconds, total, MEANINGS[stage]) for stage, seconds in spent.items()),
        _line("rest", rest, total, "finding files and joining results"),
        f"after loading, {recordings / listening:.3g} recordings and {audio / listening:.4g} s of audio per second "
        f"({counted(recordings, 'recording')}, {audio:.1f} s)",
    ]


def _line(name: str, seconds: float, total: float, meaning: str) -> str:
    return f"  {name:<8} {seconds:9.3f} s {100 * seconds / total:5.1f} %  {meaning}".rstrip()
