r"""Frame scores of one recording as a table: `onset  offset  class1  class2 ...`, one row a frame.

The form of sed_scores_eval (Ebbers, Haeb-Umbach, Serizel 2022, arXiv:2201.13148), so that any system's
scores can be read, and ours by others. Tab separated, seconds, probabilities. Frames must follow one
another in equal steps (the first may begin late, at 0, and the last end early, with the recording); the exact
step is recovered from the rounded times as the simplest fraction of a second that explains all of them. The
table holds no clip scores: on reading, a class's clip score is its best frame.
"""

from __future__ import annotations

import math
import os
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt

from earmark.clock import Clock
from earmark.errors import DataError
from earmark.files import write_text
from earmark.formats.fields import check_label
from earmark.formats.tables import Rows, encode_cell, read_rows
from earmark.labels import Labels
from earmark.scores import Scores


def write_scores(path: str | os.PathLike[str], scores: Scores) -> None:
    """Write the frame scores; times to the nanosecond, scores so that float32 reads back exactly."""
    header = ["onset", "offset", *(encode_cell(check_label(name), "\t") for name in scores.labels)]
    times = [f"{edge:.9f}".rstrip("0").removesuffix(".") for edge in scores.edges]
    lines = ["\t".join(header)]
    for onset, offset, row in zip(times, times[1:], scores.frames.tolist(), strict=False):
        lines.append("\t".join((onset, offset, *(f"{value:.9g}" for value in row))))
    write_text(path, "\n".join(lines) + "\n")


def read_scores(path: str | os.PathLike[str], recording: str | None = None) -> Scores:
    """Read a score table; the recording is named after the file unless `recording` is given.

    `DataError` naming file and line if frames have unequal lengths or a value is not a probability.
    """
    path = Path(path)
    rows = read_rows(path)
    table = rows.with_header()
    if table.columns[:2] != ("onset", "offset") or len(table.columns) < 3:
        raise DataError(f"{path}: a score table begins with the columns onset, offset and then one for each class")
    if not table.rows:
        raise DataError(f"{path}: the table has a header but no frames")
    values = _numbers(rows, len(table.columns))
    clock = _clock(rows, values[:, :2])
    frames = values[:, 2:].astype(np.float32)
    bad = np.argwhere(~((frames >= 0) & (frames <= 1)))
    if bad.size:
        frame, column = bad[0]
        raise DataError(
            f"{table.where(rows.cells[frame + 1][0])}: score {frames[frame, column]:g} of"
            f" {table.columns[column + 2]!r} is not a probability in [0, 1]; are these logits?"
        )
    name = path.stem if recording is None else recording
    return Scores(name, Labels(table.columns[2:]), frames.max(axis=0), frames, clock, float(values[-1, 1]))


def _numbers(rows: Rows, columns: int) -> npt.NDArray[np.float64]:
    values = np.empty((len(rows.cells) - 1, columns))
    for index, (line, cells) in enumerate(rows.cells[1:]):
        try:
            values[index] = [float(cell) for cell in cells]
        except ValueError:
            raise DataError(f"{rows.path}, line {line}: expected {columns} numbers") from None
    return values


def _clock(rows: Rows, times: npt.NDArray[np.float64]) -> Clock:
    """The clock of these (frames, 2) onsets and offsets: taken at their word first, then as rounded.

    Rounded to the decimals they are written with, that is, but never by more than a tenth of a frame.
    """
    decimals = max(len(cell.strip().partition(".")[2]) for _, cells in rows.cells[1:] for cell in cells[:2])
    rounding = min(10.0**-decimals, 0.1 * float(np.median(times[:, 1] - times[:, 0])))
    for unit in (1.1e-9, 1.1 * rounding):
        clock, faults = _clock_within(times, unit)
        if clock is not None:
            return clock
    if times[0, 0] == 0 < times[0, 1] and len(times) > 1 and abs(times[0, 1] - times[1, 0]) <= rounding:
        for unit in (1.1e-9, 1.1 * rounding):  # frame 0 may have begun before the recording
            clock, _ = _clock_within(times[1:], unit)
            if clock is not None and clock.start < clock.step:
                return Clock(clock.step, clock.start - clock.step)
    line = rows.cells[1 + int(np.argmax(faults))][0]
    raise DataError(f"{rows.path}, line {line}: expected frames of equal length without gaps")


def _clock_within(times: npt.NDArray[np.float64], unit: float) -> tuple[Clock | None, npt.NDArray[np.bool_]]:
    """The clock of times (frames, 2) known to within `unit` seconds, if there is one; and the frames out of step."""
    start = Fraction(float(times[0, 0])).limit_denominator(10**9)
    low, high = _steps(times - float(start), unit)
    faults = (low > high) | ~(times[:, 0] < times[:, 1])
    if faults.any():
        return None, faults
    return Clock(_simplest(Fraction(float(low[-1])), Fraction(float(high[-1]))), start), faults


def _steps(times: npt.NDArray[np.float64], unit: float) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """The shortest and longest step (frames,) that the rows up to each one admit; times count from the first onset.

    An edge t that should lie at k steps admits steps from (t - unit) / k to (t + unit) / k. Of the last offset,
    perhaps cut short, only the first bound holds.
    """
    onsets, offsets = times.T
    count = np.arange(1, len(times) + 1)
    low, high = (offsets - unit) / count, (offsets + unit) / count
    if len(times) > 1:
        high[-1] = np.inf
        low[1:] = np.maximum(low[1:], (onsets[1:] - unit) / count[:-1])
        high[1:] = np.minimum(high[1:], (onsets[1:] + unit) / count[:-1])
    return np.maximum.accumulate(np.maximum(low, 1e-12)), np.minimum.accumulate(high)


def _simplest(low: Fraction, high: Fraction) -> Fraction:
    """The fraction with the smallest denominator in [low, high], by their continued fractions.

    >>> _simplest(Fraction(3141, 1000), Fraction(3143, 1000))
    Fraction(22, 7)
    """
    whole = math.floor(low)
    if whole == low or whole + 1 <= high:
        return Fraction(math.ceil(low))
    return whole + 1 / _simplest(1 / (high - whole), 1 / (low - whole))
