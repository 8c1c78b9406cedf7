"""The charts of an evaluation with their titles and a sentence on how to read each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from earmark.report.confusion import confusion_matrix
from earmark.report.curves import precision_recall, psd_roc
from earmark.report.study import Study
from earmark.report.trust import reliability_diagram

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class Chart:
    """A figure with its title and how to read it."""

    title: str
    figure: Figure
    caption: str = ""


def charts(study: Study) -> list[Chart]:
    """Whatever the study has something for."""
    found = []
    if study.precision_recall:
        said = (
            "Precision of the tags (vertical) against the share of the clips with the sound that are found "
            "(horizontal), over all thresholds. A curve through the upper right corner is perfect. The number is the "
            "average precision; the dot marks the operating point. Worst classes first."
        )
        found.append(Chart("Precision and recall", precision_recall(study.precision_recall), said))
    if study.psds:
        said = (
            "Share of events found (vertical) against false alarms per hour (horizontal), over all thresholds. The "
            "score is the area under the curve. In the first panel the mean (dashed) is reduced by the deviation "
            "between classes. Worst classes first."
        )
        found.append(Chart("Events found and false alarms", psd_roc(study.psds), said))
    if study.confusion is not None:
        said = (
            "In recordings where the sound of a row was missed: how often the sound of a column was reported although "
            "it was not there. A dark cell suggests that one sound was taken for another; a column that is dark "
            "throughout is a class that is reported too often in general."
        )
        found.append(Chart("Missed, and what was reported instead", confusion_matrix(study.confusion), said))
    if study.reliability:
        said = "Whether a clip score is a probability: of all clips that score 0.8, are 80 % right?"
        found.append(Chart("Can scores be trusted?", reliability_diagram(study.reliability, study.calibrated), said))
    return found
