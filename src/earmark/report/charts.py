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
            "How pure the tags are (upwards) when a share of the clips with the sound is to be found (across), over "
            "all thresholds: a curve in the upper right corner is perfect. The number is the average precision; the "
            "dot is where the operating point stands. Worst classes first."
        )
        found.append(Chart("Precision and recall", precision_recall(study.precision_recall), said))
    if study.psds:
        said = (
            "The share of events found (upwards) when so many false alarms an hour are allowed (across), over all "
            "thresholds. The area beneath is the score. In the first panel the mean (dashed) is lowered by how much "
            "classes differ. Worst classes first."
        )
        found.append(Chart("Events found and false alarms", psd_roc(study.psds), said))
    if study.confusion is not None:
        said = (
            "In recordings where the sound of a row was missed, how often that of a column was reported though it "
            "was not there. A dark cell may be a sound taken for another; a column that is dark all over is a class "
            "reported too freely, whatever else is there."
        )
        found.append(Chart("Missed for something else", confusion_matrix(study.confusion), said))
    if study.reliability:
        said = "Whether a clip score is a probability: of all clips that score 0.8, are 80 % right?"
        found.append(Chart("Can scores be trusted?", reliability_diagram(study.reliability, study.calibrated), said))
    return found
